// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Compiled CANDIST_ROW_PARTS times, each with the CANDIST_ROW_PART (from 0) that it is.
#include "cuda_rows.hpp"

namespace candist::program {
namespace {

template <int to_skip, class Kept, class List>
struct EveryNth {
  using type = Kept;
};
template <int to_skip, class... Kept, class First, class... Rest>
struct EveryNth<to_skip, TypeList<Kept...>, TypeList<First, Rest...>>
    : EveryNth<to_skip - 1, TypeList<Kept...>, TypeList<Rest...>> {};
template <class... Kept, class First, class... Rest>
struct EveryNth<0, TypeList<Kept...>, TypeList<First, Rest...>>
    : EveryNth<CANDIST_ROW_PARTS - 1, TypeList<Kept..., First>, TypeList<Rest...>> {};

}  // namespace

template <int part>
std::unique_ptr<RowEngine> make_rows_of_part(const RowRequest& request, RowPlaces places,
                                             ComputeStream& compute) {
  using Part = typename EveryNth<part, TypeList<>, AllCompositions>::type;
  return make_row_engine<Part, ComputeStream>(request, places, compute);
}

template std::unique_ptr<RowEngine> make_rows_of_part<CANDIST_ROW_PART>(const RowRequest&,
                                                                        RowPlaces, ComputeStream&);

}  // namespace candist::program
