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

  std::int64_t rows() const { return texts.size(); }
};

/// What to do with a gold label that is not in the label space.
enum class UnknownLabels { add, reject };

/// Reads texts by file ending: .jsonl, .ndjson, .json (JSON Lines), .tsv, .csv, anything else one
/// text a line. Throws InputError with file and line for anything that is not as interface.md says.
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

  void add(std::int64_t line, std::optional<std::string_view> id, std::string_view text,
           std::optional<std::string_view> label,
           std::optional<std::string_view> augmented = std::nullopt) {
    const std::int64_t row = texts.rows();
    texts.ids.push_back(id ? *id : std::string_view(std::to_string(row)));
    if (const std::int64_t twin = index_.insert(row); twin >= 0) {
      throw InputError(texts.source, line,
                       "id \"" + std::string(texts.ids[row]) + "\" again (it is that of text " +
                           std::to_string(twin + 1) + ")",
                       "every id once");
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
    throw InputError(texts.source, line, "label \"" + std::string(label) + "\"",
                     "one of " + space_.summary());
  }

  LabelSpace& space_;
  UnknownLabels unknown_;
  StringIndex index_{texts.ids};
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
    builder.add(lines.line(), own_id, *text, lines.string(object, "label"),
                lines.string(object, "augmented"));
  }
  return builder.finish();
}

}  // namespace detail

inline Texts read_texts(const std::filesystem::path& path, LabelSpace& labels,
                        UnknownLabels unknown) {
  const std::string ending = path.extension().string();
  if (ending == ".jsonl" || ending == ".ndjson" || ending == ".json")
    return detail::read_json_texts(path, labels, unknown);
  detail::TextsBuilder builder(path.string(), labels, unknown);
  if (ending == ".csv") {
    detail::read_csv(path, [&](auto&&... row) { builder.add(row...); });
  } else {
    const bool tabs = ending == ".tsv";
    detail::read_lines(path, tabs, [&](auto&&... row) { builder.add(row...); });
  }
  return builder.finish();
}

inline std::int64_t read_second_views(const std::filesystem::path& path, Texts& texts) {
  StringIndex index(texts.ids);
  for (std::int64_t row = 0; row < texts.rows(); ++row) index.insert(row);
  std::vector<std::string> views(static_cast<std::size_t>(texts.rows()));
  std::vector<std::int64_t> line_of(views.size(), 0);
  JsonLines lines(path);
  JsonLines::Object object;
  while (lines.next(object)) {
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", "{\"id\", \"augmented\"}");
    const std::int64_t row = index.find(*id);
    if (row < 0)
      lines.fail("id \"" + std::string(*id) + "\"", "the id of a text of " + texts.source);
    auto& seen = line_of[static_cast<std::size_t>(row)];
    if (seen != 0)
      lines.fail(
          "id \"" + std::string(*id) + "\" again (first in line " + std::to_string(seen) + ")",
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
  StringIndex index(texts.ids);
  for (std::int64_t row = 0; row < texts.rows(); ++row) index.insert(row);
  Texts selected;
  selected.source = texts.source;
  for (std::int64_t i = 0; i < ids.size(); ++i) {
    const std::int64_t row = index.find(ids[i]);
    if (row < 0)
      throw InputError(wanted_by, i + 1, "id \"" + std::string(ids[i]) + "\"",
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
