// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "candist/data/delimited.hpp"
#include "candist/data/jsonl.hpp"
#include "candist/data/label_space.hpp"
#include "candist/data/string_column.hpp"
#include "candist/data/string_index.hpp"
#include "candist/error.hpp"

namespace candist {

/// N texts: columns of the same length.
struct Texts {
  StringColumn ids;  ///< unique
  StringColumn texts;
  StringColumn augmented;  ///< second views: none at all, or one a text ("" = none for this text)
  std::vector<std::int32_t> labels;  ///< gold, -1 where it is not known
  std::string source;                ///< where they were read from, for messages
  std::int64_t skipped_lines = 0;    ///< lines of white space that reading passed over

  std::int64_t rows() const { return texts.size(); }
};

/// The gold label of a text, in [0, classes). Throws InputError naming file and id where there is
/// none, and `wanted_by`, who starts from gold labels.
inline std::int32_t gold_label(const Texts& texts, std::int64_t row, int classes,
                               std::string_view wanted_by);

/// What to do with a gold label that is not in the label space.
enum class UnknownLabels { add, reject };

/// Reads texts by file ending: .jsonl, .ndjson, .json (JSON Lines), .tsv, .csv, anything else one
/// text a line. A text without an id gets the number of its line, from 0, blank lines counted; in
/// CSV, whose records may span lines, the number of its record, from 0 after the header. Throws
/// InputError with file and line for anything that is not as interface.md says.
inline Texts read_texts(const std::filesystem::path& path, LabelSpace& labels,
                        UnknownLabels unknown);

/// Reads {"id", "augmented"} lines into texts.augmented by id; returns how many texts have no
/// second view.
inline std::int64_t read_second_views(const std::filesystem::path& path, Texts& texts);

/// The rows of `texts` with these ids, in their order. Throws InputError naming `wanted_by` for an
/// unknown id.
inline Texts select_by_ids(const Texts& texts, const StringColumn& ids,
                           const std::string& wanted_by);

/// The "id" of every line of a JSON Lines file, in order.
inline StringColumn read_ids(const std::filesystem::path& path);

// ---- definitions

inline std::int32_t gold_label(const Texts& texts, std::int64_t row, int classes,
                               std::string_view wanted_by) {
  const std::int32_t gold = texts.labels[static_cast<std::size_t>(row)];
  if (gold >= 0 && gold < classes) return gold;
  throw InputError(texts.source, 0,
                   (gold < 0 ? "no gold label" : "gold label " + std::to_string(gold)) +
                       " for text " + quoted(texts.ids[row]),
                   "one of " + std::to_string(classes) + " labels for every text: the " +
                       std::string(wanted_by) + " starts from them");
}

namespace detail {

/// Takes rows from any reader: fills in missing ids, checks for doubles, resolves labels.
class TextsBuilder {
 public:
  TextsBuilder(std::string source, LabelSpace& labels, UnknownLabels unknown)
      : space_(labels), unknown_(unknown) {
    texts.source = std::move(source);
    std::error_code error;
    const auto bytes = std::filesystem::file_size(texts.source, error);
    if (!error) texts.texts.reserve_bytes(bytes);
  }

  /// `place` is the id of a text without one.
  void add(std::int64_t line, std::int64_t place, std::optional<std::string_view> id,
           std::string_view text, std::optional<std::string_view> label,
           std::optional<std::string_view> augmented = std::nullopt) {
    const std::int64_t row = texts.rows();
    texts.ids.push_back(id ? *id : std::string_view(std::to_string(place)));
    // Places differ by themselves: until there is a given id, nothing can be there twice.
    if (id || indexed_ > 0) {
      for (; indexed_ <= row; ++indexed_) {
        const std::int64_t twin = index_.insert(indexed_);
        if (twin < 0) continue;
        throw InputError(texts.source, line,
                         "id " + quoted(texts.ids[row]) + " again (it is that of text " +
                             std::to_string(twin + 1) +
                             (id ? ")" : "; texts without one get their number)"),
                         "every id once");
      }
    }
    if (text.empty()) throw InputError(texts.source, line, "an empty text", "a text");
    texts.texts.push_back(text);
    texts.labels.push_back(label && !label->empty() ? resolve(line, *label) : -1);
    if (augmented) {
      while (texts.augmented.size() < row) texts.augmented.push_back({});
      texts.augmented.push_back(*augmented);
    }
  }
  Texts finish() {
    if (texts.rows() == 0) throw InputError(texts.source, 0, "no texts", "at least one");
    while (!texts.augmented.empty() && texts.augmented.size() < texts.rows())
      texts.augmented.push_back({});
    return std::move(texts);
  }

  Texts texts;

 private:
  std::int32_t resolve(std::int64_t line, std::string_view label) {
    if (const auto known = space_.find(label)) return *known;
    if (unknown_ == UnknownLabels::add) return space_.add(label);
    throw InputError(texts.source, line, "label " + quoted(label), "one of " + space_.summary());
  }

  LabelSpace& space_;
  UnknownLabels unknown_;
  StringIndex index_{texts.ids};
  std::int64_t indexed_ = 0;  ///< ids in the index: the first ones
};

inline Texts read_json_texts(const std::filesystem::path& path, LabelSpace& labels,
                             UnknownLabels unknown) {
  TextsBuilder builder(path.string(), labels, unknown);
  JsonLines lines(path);
  JsonLines::Object object;
  while (lines.next(object)) {
    const auto text = lines.string(object, "text");
    if (!text) lines.fail("no \"text\"", "{\"id\", \"text\", \"label\"?, \"augmented\"?}");
    std::optional<std::string_view> own_id =
        lines.string(object, "id", JsonLines::Numbers::as_text);
    builder.add(lines.line(), lines.line() - 1, own_id, *text, lines.string(object, "label"),
                lines.string(object, "augmented"));
  }
  builder.texts.skipped_lines = lines.skipped();
  return builder.finish();
}

}  // namespace detail

inline Texts read_texts(const std::filesystem::path& path, LabelSpace& labels,
                        UnknownLabels unknown) {
  const std::string ending = path.extension().string();
  if (ending == ".jsonl" || ending == ".ndjson" || ending == ".json")
    return detail::read_json_texts(path, labels, unknown);
  detail::TextsBuilder builder(path.string(), labels, unknown);
  const auto add = [&](auto&&... row) { builder.add(row...); };
  builder.texts.skipped_lines =
      ending == ".csv"
          ? detail::read_csv(path, add)
          : detail::read_lines(path, ending == ".tsv" ? detail::Tabs::label : detail::Tabs::text,
                               add);
  return builder.finish();
}

inline std::int64_t read_second_views(const std::filesystem::path& path, Texts& texts) {
  IdLookup rows(texts.ids);
  std::vector<std::string> views(static_cast<std::size_t>(texts.rows()));
  std::vector<std::int64_t> line_of(views.size(), 0);
  JsonLines lines(path);
  JsonLines::Object object;
  while (lines.next(object)) {
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", "{\"id\", \"augmented\"}");
    const std::int64_t row = rows.find(*id);
    if (row < 0) lines.fail("id " + quoted(*id), "the id of a text of " + texts.source);
    auto& seen = line_of[static_cast<std::size_t>(row)];
    if (seen != 0)
      lines.fail("id " + quoted(*id) + " again (first in line " + std::to_string(seen) + ")",
                 "every id once");
    seen = lines.line();
    const auto view = lines.string(object, "augmented");
    if (!view) lines.fail("no \"augmented\"", "{\"id\", \"augmented\"}");
    views[static_cast<std::size_t>(row)] = *view;
  }
  texts.augmented = {};
  std::int64_t missing = 0;
  for (const std::string& view : views) {
    texts.augmented.push_back(view);
    missing += view.empty() ? 1 : 0;
  }
  return missing;
}

inline Texts select_by_ids(const Texts& texts, const StringColumn& ids,
                           const std::string& wanted_by) {
  IdLookup rows(texts.ids);
  Texts selected;
  selected.source = texts.source;
  for (std::int64_t i = 0; i < ids.size(); ++i) {
    const std::int64_t row = rows.find(ids[i]);
    if (row < 0)
      throw InputError(wanted_by, 0,
                       "id " + quoted(ids[i]) + " (number " + std::to_string(i + 1) + ")",
                       "the id of a text of " + texts.source);
    selected.ids.push_back(texts.ids[row]);
    selected.texts.push_back(texts.texts[row]);
    selected.labels.push_back(texts.labels[static_cast<std::size_t>(row)]);
    if (!texts.augmented.empty()) selected.augmented.push_back(texts.augmented[row]);
  }
  return selected;
}

inline StringColumn read_ids(const std::filesystem::path& path) {
  StringColumn ids;
  JsonLines lines(path);
  JsonLines::Object object;
  while (lines.next(object)) {
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", "an \"id\"");
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace candist
