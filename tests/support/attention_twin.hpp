// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The attention kernels beside plain loops: in double these are the truth, in float they show what error a
// plain loop has anyway. A Runner (row_twin.hpp) says where arrays lie.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/kernels/attention_backward.cuh"

namespace candist::testing {

/// Texts of a batch with their arrays, of float.
struct AttentionTexts {
  std::int64_t heads = 1, head_width = 32, width = 32, tokens = 0, longest = 0;
  std::vector<std::int32_t> offsets{0};
  UnitDropout dropout{0, 1.0f, 77, 3, 12};
  std::vector<float> qkv, dcontext;

  /// Random values, a few of them far larger than the others; queries times `scale`.
  AttentionTexts(const std::vector<int>& lengths, std::int64_t h, std::int64_t each,
                 float scale = 1.0f, float dropped = 0.0f)
      : heads(h), head_width(each), width(h * each) {
    for (const int length : lengths) {
      tokens += length;
      longest = std::max<std::int64_t>(longest, length);
      offsets.push_back(static_cast<std::int32_t>(tokens));
    }
    dropout.threshold = static_cast<std::uint32_t>(std::lround(dropped * 65536.0f));
    dropout.factor = 65536.0f / (65536.0f - static_cast<float>(dropout.threshold));
    CounterRng rng(90, RandomPurpose::resampling, static_cast<std::uint64_t>(tokens));
    const auto random = [&] { return rng.normal() * (rng.uniform() < 0.02f ? 10.0f : 1.0f); };
    for (std::int64_t i = 0; i < tokens * 3 * width; ++i)
      qkv.push_back(random() * (i % (3 * width) < width ? scale : 1.0f));
    for (std::int64_t i = 0; i < tokens * width; ++i) dcontext.push_back(random());
  }
  std::int64_t texts() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  /// The factors of units [0, count) of a row, as dropout.hpp says.
  std::vector<float> factors(std::int64_t row, std::int64_t count) const {
    CounterRng rng(dropout.seed, RandomPurpose::unit_dropout, dropout.step,
                   (std::uint64_t{dropout.site} << 40) + static_cast<std::uint64_t>(row));
    std::vector<float> result(static_cast<std::size_t>((count + 127) / 128 * 128));
    for (std::size_t group = 0; group < result.size(); group += 128) {
      for (std::size_t lane = 0; lane < 16; ++lane) {
        for (std::size_t word = 0; word < 4; ++word) {
          const std::uint32_t bits = rng.bits();
          for (std::size_t half = 0; half < 2; ++half) {
            const std::uint32_t drawn = bits >> (16 * half) & 0xFFFFu;
            result[group + (2 * word + half) * 16 + lane] =
                drawn < dropout.threshold ? 0.0f : dropout.factor;
          }
        }
      }
    }
    result.resize(static_cast<std::size_t>(count));
    return result;
  }
};

/// What both passes of attention make of a batch.
template <class T>
struct AttentionResult {
  std::vector<T> context, log_sums, dqkv;
};

/// What a plain loop does to numbers beside calculating in T: nothing.
template <class T>
struct PlainNumbers {
  static constexpr std::int64_t tile = detail::CudaCoreTiles<32>::tile;
  static T written(T value) { return value; }  ///< to memory
  static T as_factor(T cell) { return cell; }  ///< a cell of [query, key] in a product of matrices
  static T added(T sum, T term) { return sum + term; }  ///< of a score
};
/// And of one between arrays of bf16, as everybody writes it for tensor cores: cells are rounded to bf16
/// before they are factors, which costs about as much as writing the result. Scores are added up as the
/// cores may: cut off after each term, where float would be rounded to nearest.
struct TensorCoreNumbers {
  static constexpr std::int64_t tile = detail::TensorCoreTiles<32, 4>::tile;
  static float written(float value) { return __bfloat162float(__float2bfloat16(value)); }
  static float as_factor(float cell) { return written(cell); }
  static float added(float sum, float term) {
    const double exactly = static_cast<double>(sum) + static_cast<double>(term);
    const auto nearest = static_cast<float>(exactly);
    return std::abs(static_cast<double>(nearest)) > std::abs(exactly)
               ? std::nextafter(nearest, 0.0f)
               : nearest;
  }
};
/// The numbers of a plain loop between arrays of Storage.
template <class Storage>
using NumbersOf =
    std::conditional_t<sizeof(Storage) == sizeof(float), PlainNumbers<float>, TensorCoreNumbers>;

/// Both passes as plain loops in T. Of texts longer than a tile, sum_j p_j dp_j is taken from the context
/// that was written, as the kernel does.
template <class T, class Numbers = PlainNumbers<T>>
AttentionResult<T> plain_attention(const AttentionTexts& in) {
  const std::int64_t d = in.width;
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  AttentionResult<T> out{std::vector<T>(size(in.tokens * d)),
                         std::vector<T>(size(in.tokens * in.heads)),
                         std::vector<T>(size(in.tokens * 3 * d))};
  const T scale = 1 / std::sqrt(static_cast<T>(in.head_width));
  for (std::int64_t text = 0; text < in.texts(); ++text) {
    const std::int64_t first = in.offsets[size(text)], t = in.offsets[size(text + 1)] - first;
    for (std::int64_t head = 0; head < in.heads; ++head) {
      const std::vector<float> factors = in.factors(text * in.heads + head, t * t);
      // Of token i: columns of its head in qkv, which 0, d, 2 d, and in the context.
      const auto in_qkv = [&](std::int64_t i, std::int64_t which, std::int64_t k) {
        return size((first + i) * 3 * d + which * d + head * in.head_width + k);
      };
      const auto in_context = [&](std::int64_t i, std::int64_t k) {
        return size((first + i) * d + head * in.head_width + k);
      };
      for (std::int64_t i = 0; i < t; ++i) {
        std::vector<T> p(size(t)), dp(size(t));
        for (std::int64_t j = 0; j < t; ++j) {
          T score = 0;
          for (std::int64_t k = 0; k < in.head_width; ++k)
            score = Numbers::added(score, static_cast<T>(in.qkv[in_qkv(i, 0, k)]) *
                                              static_cast<T>(in.qkv[in_qkv(j, 1, k)]));
          p[size(j)] = score * scale;
        }
        const T top = *std::max_element(p.begin(), p.end());
        T total = 0;
        for (T& cell : p) cell = std::exp(cell - top), total += cell;
        for (T& cell : p) cell /= total;
        out.log_sums[size((first + i) * in.heads + head)] = top + std::log(total);
        for (std::int64_t k = 0; k < in.head_width; ++k) {
          T sum = 0;
          for (std::int64_t j = 0; j < t; ++j)
            sum += Numbers::as_factor(p[size(j)]) * static_cast<T>(factors[size(i * t + j)]) *
                   static_cast<T>(in.qkv[in_qkv(j, 2, k)]);
          out.context[in_context(i, k)] = Numbers::written(sum);
        }
        T along = 0, along_written = 0;
        for (std::int64_t k = 0; k < in.head_width; ++k)
          along_written +=
              out.context[in_context(i, k)] * static_cast<T>(in.dcontext[in_context(i, k)]);
        for (std::int64_t j = 0; j < t; ++j) {
          const T factor = static_cast<T>(factors[size(i * t + j)]);
          for (std::int64_t k = 0; k < in.head_width; ++k) {
            const T slope = static_cast<T>(in.dcontext[in_context(i, k)]);
            dp[size(j)] += slope * static_cast<T>(in.qkv[in_qkv(j, 2, k)]);
            out.dqkv[in_qkv(j, 2, k)] += Numbers::as_factor(p[size(j)]) * factor * slope;
          }
          dp[size(j)] *= factor;
          along += p[size(j)] * dp[size(j)];
        }
        if (t > Numbers::tile) along = along_written;
        for (std::int64_t j = 0; j < t; ++j) {
          const T dscore = scale * Numbers::as_factor(p[size(j)] * (dp[size(j)] - along));
          for (std::int64_t k = 0; k < in.head_width; ++k) {
            out.dqkv[in_qkv(i, 0, k)] += dscore * static_cast<T>(in.qkv[in_qkv(j, 1, k)]);
            out.dqkv[in_qkv(j, 1, k)] += dscore * static_cast<T>(in.qkv[in_qkv(i, 0, k)]);
          }
        }
      }
    }
  }
  for (T& slope : out.dqkv) slope = Numbers::written(slope);
  return out;
}

/// The largest distance of ours from some reference, and the largest error of a plain loop, in shares of
/// the largest true entry of the array, over many arrays: of a few numbers a plain loop may hit each.
class ErrorBeside {
 public:
  explicit ErrorBeside(std::string what) : what_(std::move(what)) {}

  template <class T>
  void add(const std::vector<float>& ours, const std::vector<T>& reference,
           const std::vector<float>& plain, const std::vector<double>& truth) {
    double largest = 0.0;
    for (const double v : truth) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < truth.size() && largest > 0.0; ++i) {
      theirs_ = std::max(theirs_, std::abs(static_cast<double>(plain[i]) - truth[i]) / largest);
      const double error =
          std::abs(static_cast<double>(ours[i]) - static_cast<double>(reference[i])) / largest;
      if (error <= ours_) continue;
      ours_ = error;  // also where it is NaN: then it stays
      worst_ = "array " + std::to_string(arrays_) + ", index " + std::to_string(i) + ": " +
               std::to_string(ours[i]) + " against " + std::to_string(reference[i]);
    }
    ++arrays_;
  }
  double share() const { return ours_ / theirs_; }
  /// "" or what is wrong: ours may be `times` theirs.
  std::string complaint(double times) const {
    if (arrays_ > 0 && ours_ <= times * theirs_) return "";
    return what_ + ", " + worst_ + ", " + std::to_string(share()) + " times that of a plain loop\n";
  }

 private:
  std::string what_;
  double ours_ = 0.0;
  double theirs_ = 0.0;
  int arrays_ = 0;
  std::string worst_;
};

/// The errors of the five arrays that attention sets.
class AttentionErrors {
 public:
  void add(const AttentionTexts& in, const AttentionResult<float>& ours,
           const AttentionResult<double>& truth, const AttentionResult<float>& plain) {
    add(in, ours, truth, plain, truth);
  }
  template <class T>
  void add(const AttentionTexts& in, const AttentionResult<float>& ours,
           const AttentionResult<T>& reference, const AttentionResult<float>& plain,
           const AttentionResult<double>& truth) {
    parts_[0].add(ours.context, reference.context, plain.context, truth.context);
    parts_[1].add(ours.log_sums, reference.log_sums, plain.log_sums, truth.log_sums);
    for (std::int64_t which = 0; which < 3; ++which) {
      parts_[2 + which].add(part(in, ours.dqkv, which), part(in, reference.dqkv, which),
                            part(in, plain.dqkv, which), part(in, truth.dqkv, which));
    }
  }
  std::string complaint(double times = 2.0) const {
    std::string text;
    for (const ErrorBeside& errors : parts_) text += errors.complaint(times);
    return text;
  }
  /// Ours, in those of the plain loop: context, log sums, gradients of queries, keys and values.
  std::string figures() const {
    std::string text;
    for (const ErrorBeside& errors : parts_) text += " " + std::to_string(errors.share());
    return text;
  }

 private:
  template <class T>
  static std::vector<T> part(const AttentionTexts& in, const std::vector<T>& dqkv,
                             std::int64_t which) {
    std::vector<T> columns;
    for (std::int64_t i = 0; i < in.tokens; ++i) {
      const T* row = dqkv.data() + (i * 3 + which) * in.width;
      columns.insert(columns.end(), row, row + in.width);
    }
    return columns;
  }

  ErrorBeside parts_[5] = {ErrorBeside("context"), ErrorBeside("log sums"), ErrorBeside("dqueries"),
                           ErrorBeside("dkeys"), ErrorBeside("dvalues")};
};

/// Both passes by the kernels. `in` gets the values that Storage has of its own. What is not written is
/// NaN.
template <class Storage, class Runner>
AttentionResult<float> kernel_attention(Runner& runner, AttentionTexts& in) {
  const auto tokens = static_cast<std::size_t>(in.tokens);
  const auto d = static_cast<std::size_t>(in.width);
  const auto h = static_cast<std::size_t>(in.heads);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto poisoned = [&](std::size_t count) {
    return runner.template logits<Storage>(std::vector<float>(count, nan)).pointer;
  };
  const auto qkv = runner.template logits<Storage>(in.qkv);
  const auto dcontext = runner.template logits<Storage>(in.dcontext);
  in.qkv = qkv.values;
  in.dcontext = dcontext.values;
  AttentionBatch<Storage> batch;
  batch.texts = in.texts();
  batch.longest = in.longest;
  batch.width = in.width;
  batch.heads = in.heads;
  batch.offsets = runner.upload(in.offsets);
  batch.dropout = in.dropout;
  batch.qkv = qkv.pointer;
  batch.dcontext = dcontext.pointer;
  batch.context = poisoned(tokens * d);
  batch.log_sums = runner.upload(std::vector<float>(tokens * h, nan));
  batch.dqkv = poisoned(tokens * 3 * d);
  attention(batch, nullptr);
  attention_backward(batch, nullptr);
  return {runner.floats(batch.context, tokens * d), runner.floats(batch.log_sums, tokens * h),
          runner.floats(batch.dqkv, tokens * 3 * d)};
}

inline bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
inline bool equal_bits(const AttentionResult<float>& a, const AttentionResult<float>& b) {
  return equal_bits(a.context, b.context) && equal_bits(a.log_sums, b.log_sums) &&
         equal_bits(a.dqkv, b.dqkv);
}

/// Runs the kernels twice, adds their errors to `errors`, and complains about bits that differ.
template <class Storage, class Runner>
std::string compare_attention(Runner& runner, AttentionTexts in, AttentionErrors& errors,
                              int runs = 2) {
  const AttentionResult<float> ours = kernel_attention<Storage>(runner, in);
  errors.add(in, ours, plain_attention<double>(in), plain_attention<float, NumbersOf<Storage>>(in));
  for (int run = 1; run < runs; ++run) {
    if (!equal_bits(ours, kernel_attention<Storage>(runner, in)))
      return "other bits in another run\n";
  }
  return "";
}

/// Does dropout set the very cells to 0 that `expected(row, count)` has at 0? Both passes: values, and
/// gradients of the context, that are 1 in one column a token, show each cell in a number of its own. Units
/// from `begin` on, a multiple of 64.
template <class Storage, class Runner, class Expected>
std::string compare_dropout(Runner& runner, const std::vector<int>& lengths, std::int64_t heads,
                            Expected expected, std::int64_t begin = 0) {
  constexpr std::int64_t w = 64;
  // A probability and the result are written to bf16, each off by 2^-8 of it at most.
  const float error = sizeof(Storage) == sizeof(float) ? 1e-5f : 0x2.02p-8f;
  AttentionTexts in(lengths, heads, w, 0.0f, 0.3f);
  for (; begin < in.longest; begin += w) {
    const auto one = [&](std::int64_t i, std::int64_t k) { return i == begin + k ? 1.0f : 0.0f; };
    for (std::int64_t text = 0; text < in.texts(); ++text) {
      for (std::int64_t row = in.offsets[static_cast<std::size_t>(text)];
           row < in.offsets[static_cast<std::size_t>(text + 1)]; ++row) {
        const std::int64_t i = row - in.offsets[static_cast<std::size_t>(text)];
        for (std::int64_t c = 0; c < in.width; ++c) {
          in.qkv[static_cast<std::size_t>((row * 3 + 2) * in.width + c)] = one(i, c % w);
          in.dcontext[static_cast<std::size_t>(row * in.width + c)] = one(i, c % w);
        }
      }
    }
    AttentionTexts replayed = in;  // its step is on the device
    replayed.dropout.step = 99;
    replayed.dropout.device_step = runner.upload(std::vector{in.dropout.step});
    const AttentionResult<float> ours = kernel_attention<Storage>(runner, replayed);
    for (std::int64_t text = 0; text < in.texts(); ++text) {
      const std::int64_t first = in.offsets[static_cast<std::size_t>(text)];
      const std::int64_t t = in.offsets[static_cast<std::size_t>(text + 1)] - first;
      for (std::int64_t head = 0; head < heads; ++head) {
        const std::vector<float> factors = expected(in, text * heads + head, t * t);
        for (std::int64_t i = 0; i < t; ++i) {
          for (std::int64_t k = 0; k < w && begin + k < t; ++k) {
            // Cell (i, begin + k) of the context; cell (begin + k, i) of the gradient of the values.
            const float context =
                ours.context[static_cast<std::size_t>((first + i) * in.width + head * w + k)];
            const float dvalue = ours.dqkv[static_cast<std::size_t>(
                ((first + i) * 3 + 2) * in.width + head * w + k)];
            const auto t_times = static_cast<float>(t);
            const float forward = factors[static_cast<std::size_t>(i * t + begin + k)];
            const float backward = factors[static_cast<std::size_t>((begin + k) * t + i)];
            if ((context == 0.0f) != (forward == 0.0f) || (dvalue == 0.0f) != (backward == 0.0f) ||
                std::abs(context * t_times - forward) > error * forward ||
                std::abs(dvalue * t_times - backward) > error * backward) {
              return "text " + std::to_string(text) + ", head " + std::to_string(head) +
                     ", token " + std::to_string(i) + ", unit " + std::to_string(begin + k);
            }
          }
        }
      }
    }
  }
  return "";
}

}  // namespace candist::testing
