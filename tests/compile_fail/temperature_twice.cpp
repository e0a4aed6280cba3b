// expect: candist: AtTemperature stands only once
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/losses/at_temperature.hpp"
#include "candist/losses/soft_target_ce.hpp"
candist::AtTemperature<candist::AtTemperature<candist::SoftTargetCe>> ignored;
