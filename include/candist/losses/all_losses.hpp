// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Every loss the library ships. A new loss is its header and its line here: tests, benches,
// `candist list` and the docs table iterate over this list.
#pragma once

#include "candist/losses/active_passive.hpp"
#include "candist/losses/at_temperature.hpp"
#include "candist/losses/average_ce.hpp"
#include "candist/losses/average_gce.hpp"
#include "candist/losses/average_mae.hpp"
#include "candist/losses/beta_meritocratic.hpp"
#include "candist/losses/bi_prp.hpp"
#include "candist/losses/bootstrap_hard.hpp"
#include "candist/losses/bootstrap_soft.hpp"
#include "candist/losses/brier.hpp"
#include "candist/losses/early_learning.hpp"
#include "candist/losses/focal.hpp"
#include "candist/losses/generalized_ce.hpp"
#include "candist/losses/leveraged_ce.hpp"
#include "candist/losses/leveraged_sigmoid.hpp"
#include "candist/losses/libra.hpp"
#include "candist/losses/marginal_nll.hpp"
#include "candist/losses/mcl_exp.hpp"
#include "candist/losses/mcl_log.hpp"
#include "candist/losses/mcl_ure_gce.hpp"
#include "candist/losses/mcl_ure_mae.hpp"
#include "candist/losses/mcl_ure_mse.hpp"
#include "candist/losses/mcl_ure_phuber.hpp"
#include "candist/losses/mean_absolute_error.hpp"
#include "candist/losses/negative_learning.hpp"
#include "candist/losses/normalized_ce.hpp"
#include "candist/losses/normalized_focal.hpp"
#include "candist/losses/normalized_gce.hpp"
#include "candist/losses/reverse_ce.hpp"
#include "candist/losses/smoothed_ce.hpp"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/losses/symmetric_ce.hpp"

namespace candist {

using AllLosses = TypeList<SoftTargetCe,       //
                           AverageCe,          //
                           MarginalNll,        //
                           LeveragedSigmoid,   //
                           LeveragedCe,        //
                           MclExp,             //
                           MclLog,             //
                           MclUreMae,          //
                           MclUreMse,          //
                           MclUreGce,          //
                           MclUrePhuber,       //
                           AverageMae,         //
                           AverageGce,         //
                           Brier,              //
                           NegativeLearning,   //
                           Libra,              //
                           BiPrp,              //
                           BetaMeritocratic,   //
                           SmoothedCe,         //
                           BootstrapSoft,      //
                           BootstrapHard,      //
                           GeneralizedCe,      //
                           MeanAbsoluteError,  //
                           ReverseCe,          //
                           SymmetricCe,        //
                           NormalizedCe,       //
                           NormalizedGce,      //
                           NormalizedFocal,    //
                           NceRce,             //
                           NceMae,             //
                           Focal,              //
                           EarlyLearning>;

}  // namespace candist
