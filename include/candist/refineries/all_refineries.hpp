// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Every refinery the library ships: a new one is its header and its line here.
#pragma once

#include "candist/refineries/class_activation_value.hpp"
#include "candist/refineries/distribution_refinery.hpp"
#include "candist/refineries/keep_prior.hpp"
#include "candist/refineries/leveraged_weights.hpp"
#include "candist/refineries/progressive_purification.hpp"
#include "candist/refineries/renormalised_prediction.hpp"
#include "candist/refineries/running_prediction.hpp"
#include "candist/refineries/small_loss_mixture.hpp"

namespace candist {

using AllRefineries = TypeList<KeepPrior,                //
                               RenormalisedPrediction,   //
                               ClassActivationValue,     //
                               LeveragedWeights,         //
                               RunningPrediction,        //
                               ProgressivePurification,  //
                               SmallLossMixture,         //
                               DistributionRefinery>;

}  // namespace candist
