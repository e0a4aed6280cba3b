// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Examples with answers that a prompt shows before the text (few-shot prompting).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/chat/prompt.hpp"
#include "candist/counter_rng.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/jsonl.hpp"
#include "candist/data/label_space.hpp"
#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"
#include "candist/fingerprint.hpp"

namespace candist {

/// Reads JSON Lines of {"text", "label": NAME}, {"text", "candidates": [NAME, ...]} or {"text",
/// "answer": as it is to be shown}; of several keys "answer" comes first, "label" second. Names are
/// joined by ", ". Throws InputError with file and line for broken lines, missing keys, empty texts
/// and answers, unknown labels and a file without any.
inline std::vector<Demonstration> read_demonstrations(const std::filesystem::path& path,
                                                      const LabelSpace& labels);

/// Writes {"text", "answer"} lines; bytes that are not UTF-8 become U+FFFD. Throws InputError where
/// the file cannot be made, RunError where writing fails.
inline void write_demonstrations(const std::filesystem::path& path,
                                 std::span<const Demonstration> demonstrations);

/// Chooses which demonstrations a text is shown with: the first ones, or the nearest by the cosine of
/// embeddings (ties by index; a vector of zeros is orthogonal to all). A demonstration of the very
/// same text is never shown: it would tell the answer. Immutable, for any number of threads.
class DemonstrationPicker {
 public:
  /// The first `shots`, in their order.
  DemonstrationPicker(std::vector<Demonstration> demonstrations, int shots)
      : demonstrations_(std::move(demonstrations)),
        shots_(static_cast<std::size_t>(std::max(shots, 0))) {}
  /// The nearest `shots` of the M demonstrations by their embeddings [M, D] and those of the N texts
  /// [N, D], of any lengths; the nearest last, for a model heeds most what it read last. Throws
  /// ShapeError where the numbers of rows do not fit.
  DemonstrationPicker(std::vector<Demonstration> demonstrations, int shots,
                      std::vector<float> demonstration_embeddings,
                      std::vector<float> text_embeddings, int width);

  /// For a text and its row of the embeddings. `order`: the seed of a random order of the same
  /// demonstrations, one for every text (ensembles over orders, CanDist Table 4); none: the order
  /// above. Throws ShapeError where the embeddings have no such row.
  std::vector<Demonstration> pick(std::int64_t row, std::string_view text,
                                  std::optional<std::uint64_t> order = {}) const;
  /// Stands for everything that pick() rests on.
  std::string name(std::optional<std::uint64_t> order = {}) const;

 private:
  std::vector<std::size_t> chosen(std::int64_t row, std::string_view text) const;
  bool by_distance() const { return width_ > 0; }

  std::vector<Demonstration> demonstrations_;
  std::size_t shots_;
  std::vector<float> theirs_;  ///< [M, D], of length 1 each
  std::vector<float> texts_;   ///< [N, D]
  std::size_t width_ = 0;      ///< 0: the first are picked
};

// ---- definitions

inline std::vector<Demonstration> read_demonstrations(const std::filesystem::path& path,
                                                      const LabelSpace& labels) {
  constexpr const char* form = R"({"text": ..., "label": NAME}, or "candidates" or "answer")";
  std::vector<Demonstration> demonstrations;
  JsonLines lines(path);
  JsonLines::Object object;
  const auto known = [&](std::string_view name) {
    if (!labels.find(name)) lines.fail("label " + quoted(name), "one of " + labels.summary());
    return std::string(name);
  };
  while (lines.next(object)) {
    Demonstration next;
    const auto text = lines.string(object, "text");
    if (!text) lines.fail("no \"text\"", form);
    if (LineReader::is_blank(*text)) lines.fail("an empty \"text\"", "a text");
    next.text = *text;
    JsonLines::Element candidates;
    if (const auto answer = lines.string(object, "answer")) {
      next.answer = *answer;
    } else if (const auto label = lines.string(object, "label")) {
      next.answer = known(*label);
    } else if (object["candidates"].get(candidates) == simdjson::SUCCESS) {
      simdjson::dom::array names;
      if (candidates.get(names) != simdjson::SUCCESS)
        lines.fail("\"candidates\" that are " + JsonLines::kind(candidates), "an array of names");
      for (const JsonLines::Element entry : names) {
        std::string_view name;
        if (entry.get(name) != simdjson::SUCCESS)
          lines.fail("a candidate that is " + JsonLines::kind(entry), "the name of a label");
        next.answer += (next.answer.empty() ? "" : ", ") + known(name);
      }
    }
    if (LineReader::is_blank(next.answer)) lines.fail("no answer", form);
    demonstrations.push_back(std::move(next));
  }
  if (demonstrations.empty()) throw InputError(path.string(), 0, "no demonstrations", form);
  return demonstrations;
}

inline void write_demonstrations(const std::filesystem::path& path,
                                 std::span<const Demonstration> demonstrations) {
  AtomicFile file(path);
  for (const Demonstration& one : demonstrations) {
    nlohmann::ordered_json line;
    line["text"] = one.text;
    line["answer"] = one.answer;
    file.write(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }
  file.commit();
}

namespace detail {

/// Rows of length 1; a row of zeros stays.
inline void normalise_rows(std::vector<float>& rows, std::size_t width) {
  for (std::size_t begin = 0; begin + width <= rows.size(); begin += width) {
    double squares = 0;
    for (std::size_t d = 0; d < width; ++d)
      squares += static_cast<double>(rows[begin + d]) * rows[begin + d];
    if (squares == 0) continue;
    const double scale = 1 / std::sqrt(squares);
    for (std::size_t d = 0; d < width; ++d)
      rows[begin + d] = static_cast<float>(rows[begin + d] * scale);
  }
}

}  // namespace detail

inline DemonstrationPicker::DemonstrationPicker(std::vector<Demonstration> demonstrations,
                                                int shots,
                                                std::vector<float> demonstration_embeddings,
                                                std::vector<float> text_embeddings, int width)
    : DemonstrationPicker(std::move(demonstrations), shots) {
  if (width < 1) throw ShapeError("embeddings of width " + std::to_string(width));
  theirs_ = std::move(demonstration_embeddings);
  texts_ = std::move(text_embeddings);
  width_ = static_cast<std::size_t>(width);
  CANDIST_EXPECT_EQ(theirs_.size(), demonstrations_.size() * width_,
                    "numbers in the demonstrations' embeddings, demonstrations times width");
  CANDIST_EXPECT_EQ(texts_.size() % width_, 0,
                    "numbers in the texts' embeddings behind the last whole row, none");
  detail::normalise_rows(theirs_, width_);
  detail::normalise_rows(texts_, width_);
}

inline std::vector<std::size_t> DemonstrationPicker::chosen(std::int64_t row,
                                                            std::string_view text) const {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < demonstrations_.size(); ++i) {
    if (demonstrations_[i].text != text) chosen.push_back(i);
  }
  const std::size_t shown = std::min(chosen.size(), shots_);
  if (!by_distance()) {
    chosen.resize(shown);
    return chosen;
  }
  if (row < 0 || static_cast<std::size_t>(row) >= texts_.size() / width_) {
    throw ShapeError("text " + std::to_string(row) + " has no embedding: there are " +
                     std::to_string(texts_.size() / width_));
  }
  std::vector<double> cosine(demonstrations_.size());
  const float* query = texts_.data() + static_cast<std::size_t>(row) * width_;
  for (const std::size_t i : chosen) {
    for (std::size_t d = 0; d < width_; ++d)
      cosine[i] += static_cast<double>(query[d]) * theirs_[i * width_ + d];
    if (std::isnan(cosine[i])) cosine[i] = -2;  // no order can hold it: behind all others
  }
  std::partial_sort(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(shown),
                    chosen.end(), [&](std::size_t a, std::size_t b) {
                      return cosine[a] != cosine[b] ? cosine[a] > cosine[b] : a < b;
                    });
  chosen.resize(shown);
  std::reverse(chosen.begin(), chosen.end());
  return chosen;
}

inline std::vector<Demonstration> DemonstrationPicker::pick(
    std::int64_t row, std::string_view text, std::optional<std::uint64_t> order) const {
  std::vector<std::size_t> chosen = this->chosen(row, text);
  if (order) {
    // By the text and not by its row: texts that join or leave do not change the others' orders.
    CounterRng rng(*order, RandomPurpose::demonstration_order, 0, fingerprint(text).low);
    for (std::size_t i = chosen.size(); i > 1; --i)
      std::swap(chosen[i - 1], chosen[rng.below(static_cast<std::uint32_t>(i))]);
  }
  std::vector<Demonstration> shown;
  for (const std::size_t i : chosen) shown.push_back(demonstrations_[i]);
  return shown;
}

inline std::string DemonstrationPicker::name(std::optional<std::uint64_t> order) const {
  std::string all;
  for (const Demonstration& one : demonstrations_) {
    // With their lengths: a text may hold any byte that could part it from its answer.
    all += std::to_string(one.text.size()) + ' ' + one.text;
    all += std::to_string(one.answer.size()) + ' ' + one.answer;
  }
  // Texts that join or leave do not change what the others are shown, so their embeddings are out.
  if (by_distance())
    all.append(reinterpret_cast<const char*>(theirs_.data()), theirs_.size() * sizeof(float));
  std::string text =
      fingerprint(all).hex() + (by_distance() ? " nearest " : " first ") + std::to_string(shots_);
  if (order) text += " order " + std::to_string(*order);
  return text;
}

}  // namespace candist
