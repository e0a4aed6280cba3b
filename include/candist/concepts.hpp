// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The architecture on one page.
//
//   texts --> Annotator --> CandidateSet --> Refinery <-> Loss <-> Student --> unique labels
//
// An annotator never sees a student; a student never sees a candidate set; a loss never sees
// memory. They all meet in one place only: Distiller (training/distiller.hpp).
//
// Shape letters: N rows (texts), C classes, T tokens, D width, H heads.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "candist/matrix_view.hpp"
#include "candist/row_stats.hpp"

namespace candist {

/// An encoded text: token (or n-gram) ids, without padding.
using TokenSpan = std::span<const std::int32_t>;
/// A batch of encoded texts; T is the sum of the lengths.
using TextBatch = std::span<const TokenSpan>;

/// Is a forward pass part of training (dropout on, activations kept for backward) or not?
enum class Mode { training, evaluation };

/// A compile-time list of types; `all_losses.hpp` and its like are such lists.
template <class... Types>
struct TypeList {
  static constexpr int size = sizeof...(Types);
};

/// Calls visit.template operator()<T>() for every T of a TypeList, in order.
template <class... Types, class Visitor>
constexpr void for_each_type(TypeList<Types...>, Visitor&& visit) {
  (visit.template operator()<Types>(), ...);
}

/// Every policy can be named: in snake_case, unique in its list.
template <class P>
concept Named = requires {
  { P::name } -> std::convertible_to<std::string_view>;
};
/// Losses, refineries and methods say where they come from.
template <class P>
concept Referenced = requires {
  { P::reference } -> std::convertible_to<std::string_view>;
};

// ---- Loss
// Two small functions of a row, both const.
//   The value: one function of the row's sums, or a sum of terms over the cells
//     float value(RowStats row)
//     float term(RowStats row, Cell cell)
//   The gradient: d loss / d z_j itself, or through the log-probabilities, slope = d loss / d log p_j;
//   then the driver applies the softmax's chain rule, dL/dz_j = slope_j - p_j * sum_l slope_l
//     float dlogit(RowStats row, Cell cell)
//     float slope(RowStats row, Cell cell)
//   Sums of its own over the row, where a loss needs them; it finds them in row.sums
//     static constexpr int sum_count = 1;
//     float sum(int which, RowStats row, Cell cell)
// Losses are never asked about rows with an empty candidate set: those give 0 and no gradient.

template <class L>
concept HasRowValue = requires(const L loss, RowStats row) {
  { loss.value(row) } -> std::same_as<float>;
};
template <class L>
concept HasCellTerm = requires(const L loss, RowStats row, Cell cell) {
  { loss.term(row, cell) } -> std::same_as<float>;
};
template <class L>
concept HasLogitGradient = requires(const L loss, RowStats row, Cell cell) {
  { loss.dlogit(row, cell) } -> std::same_as<float>;
};
template <class L>
concept HasLogProbSlope = requires(const L loss, RowStats row, Cell cell) {
  { loss.slope(row, cell) } -> std::same_as<float>;
};
template <class L>
concept HasRowSums = requires(const L loss, RowStats row, Cell cell) {
  requires(L::sum_count > 0);  // a sum of losses has those of its parts, or none
  { loss.sum(0, row, cell) } -> std::same_as<float>;
};

/// Value and gradient of one row, on host and device from the same text.
// clang-format off
template <class L>
concept Loss = Named<L> && Referenced<L> &&
               std::is_trivially_copyable_v<L> &&              // kernels take it by value
               (HasRowValue<L> || HasCellTerm<L>) &&           // a way to the value
               (HasLogitGradient<L> || HasLogProbSlope<L>);    // a way to the gradient
// clang-format on

// ---- CandidateSet

/// What kernels and row loops read of a candidate set: trivially copyable, host and device, owns
/// nothing. A weight of 0 means "no candidate"; the weights of a row sum to 1, or to 0 where it is empty.
template <class V>
concept CandidateView = std::is_trivially_copyable_v<V> &&
    requires(const V view, std::int64_t row, int label) {
  { view.rows() } -> std::convertible_to<std::int64_t>;  // N
  { view.classes() } -> std::convertible_to<int>;        // C
  { view.weight(row, label) } -> std::same_as<float>;
};

/// N rows of candidate labels over C classes; built from Annotations or from a [N, C] matrix of
/// weights.
template <class S>
concept CandidateSet = Named<S> && requires(const S set) {
  { set.view() } -> CandidateView;
};

// ---- Refinery

/// When the stored targets of a row are overwritten by the student's prediction.
enum class Refresh {
  never,         ///< targets stay as they were
  same_forward,  ///< the visit's own forward pass, for the next visit (PRODEN, CanDist Eq. 1)
  before_loss,   ///< the visit's own forward pass, for this very visit (ELR; Ren. as CC)
  after_step,    ///< a second forward pass after the optimizer's step (RC, CAVL, LW)
};

/// How the target of a row follows the student's prediction. Row part, host and device, like a loss:
///   initial(row, cell)     stored target before training; cell.target holds the prior weight
///   refreshed(row, cell)   new stored target; cell.target holds the old one
/// Optional parts:
///   score(row, cell)       the candidate of the largest score is row.chosen in refreshed() (CAVL)
///   remembered(row, cell)  new value of a second stored table, cell.memory (ELR, POP)
///   begin_epoch(view)      on the host: how every row's target is treated (epoch_view.hpp)
template <class R>
concept Refinery = Named<R> && requires(const R refinery, RowStats row, Cell cell) {
  { refinery.refresh() } -> std::same_as<Refresh>;
  { refinery.initial(row, cell) } -> std::same_as<float>;
  { refinery.refreshed(row, cell) } -> std::same_as<float>;
};

// ---- Student

/// Texts -> logits, dlogits -> gradients; a const forward(batch, logits), where there is one, may
/// be shared by threads in evaluation. Knows nothing of candidate sets, losses or optimizers.
///   encode(text, ids)             append the ids of one text (thread-safe)
///   forward(batch, mode, logits)  logits [N, C]; in training mode keeps what backward needs
///   backward(dlogits)             adds to the gradients of blocks(); dlogits [N, C] of the last
///                                 training forward
///   zero_gradients()              before the next training forward
///   blocks()                      its parameters (parameter_block.hpp)
template <class S>
concept Student = Named<S> &&
    requires(S student, const S& fixed, std::string_view text, std::vector<std::int32_t>& ids,
             TextBatch batch, MatrixView<float> logits, MatrixView<const float> dlogits) {
  { fixed.classes() } -> std::convertible_to<int>;
  fixed.encode(text, ids);
  student.forward(batch, Mode::training, logits);
  student.backward(dlogits);
  student.zero_gradients();
  student.blocks();
};

/// A student whose forward pass is classify(embed(batch)): embeddings [N, D] can be mixed (Eq. 10
/// of the paper).
///   embed(batch, mode, embeddings)           embeddings [N, D]
///   classify(embeddings, mode, logits)       logits [M, C], M may differ from N
///   classify_backward(dlogits, dembeddings)  gradients of the head; sets those of its input [M, D]
///   embed_backward(dembeddings)              gradients of the rest, [N, D]
template <class S>
concept EmbeddingStudent = Student<S> &&
    requires(S student, TextBatch batch, MatrixView<float> matrix, MatrixView<const float> fixed) {
  { student.width() } -> std::convertible_to<int>;
  student.embed(batch, Mode::training, matrix);
  student.classify(fixed, Mode::training, matrix);
  student.classify_backward(fixed, matrix);
  student.embed_backward(fixed);
};

// ---- Annotator, Augmenter, Optimizer, Schedule

struct Texts;       // data/dataset.hpp
class Annotations;  // data/annotations.hpp
struct ParameterBlock;

/// Texts -> candidate labels: an LLM, recorded or simulated.
template <class A>
concept Annotator = Named<A> && requires(A annotator, const Texts& texts) {
  { annotator.annotate(texts) } -> std::same_as<Annotations>;
};

/// A second view of an encoded or raw text. `view(epoch, sample, ids, out)` writes the ids of the
/// view.
template <class A>
concept Augmenter = Named<A> &&
    requires(const A augmenter, std::uint64_t epoch, std::int64_t sample, TokenSpan ids,
             std::vector<std::int32_t>& out) {
  augmenter.view(epoch, sample, ids, out);
};

/// Parameters and their gradients -> new parameters.
template <class O>
concept Optimizer = Named<O> &&
    requires(O optimizer, std::span<ParameterBlock> blocks, float learning_rate) {
  optimizer.step(blocks, learning_rate);
  optimizer.settle(blocks);  // applies what was put off for rows not touched lately (lazy decay)
};

/// The learning rate's factor at a fraction [0, 1] of the training.
template <class S>
concept Schedule = requires(const S schedule, float fraction) {
  { schedule.factor(fraction) } -> std::same_as<float>;
};

}  // namespace candist
