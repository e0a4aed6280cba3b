// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The compositions that the CUDA module has row programs for: those of all methods, in parts that are compiled
// side by side. Any other goes by the host.
#pragma once

#include <memory>

#include "candist/cuda/compute_stream.cuh"
#include "candist/methods.hpp"
#include "candist/training/cuda_row_engine.cuh"

namespace candist::program {

/// Every CANDIST_ROW_PARTS-th composition, from number `part` (from 0) on; defined by cuda_rows.cu.
template <int part>
std::unique_ptr<RowEngine> make_rows_of_part(const RowRequest& request, RowPlaces places,
                                             ComputeStream& compute);

}  // namespace candist::program
