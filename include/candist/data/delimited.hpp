// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Plain lines, TSV and CSV; read_texts (dataset.hpp) is the way in.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"

namespace candist {

namespace detail {

inline void check_utf8(const LineReader& lines, std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    throw InputError(lines.name(), lines.number(), "bytes that are not UTF-8", "UTF-8 text");
  }
}

/// One text a line, or label<TAB>text where `tabs` says so and the line has a tab. Calls add(line,
/// id, text, label).
template <class Add>
void read_lines(const std::filesystem::path& path, bool tabs, Add&& add) {
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    check_utf8(lines, line);
    const std::size_t tab = tabs ? line.find('\t') : std::string_view::npos;
    if (tab == std::string_view::npos) {
      add(lines.number(), std::optional<std::string_view>(), line,
          std::optional<std::string_view>());
      continue;
    }
    const std::string_view text = line.substr(tab + 1);
    if (text.find('\t') != std::string_view::npos) {
      throw InputError(lines.name(), lines.number(), "more than one tab", "label<TAB>text");
    }
    add(lines.number(), std::optional<std::string_view>(), text,
        std::optional(line.substr(0, tab)));
  }
}

/// Splits CSV (RFC 4180: commas, fields in double quotes may hold commas, newlines and doubled
/// quotes) into records.
class CsvReader {
 public:
  explicit CsvReader(const std::filesystem::path& path) : lines_(path) {}

  /// The next record; false at the end. `line()` is where it began.
  bool next(std::vector<std::string>& fields) {
    std::string_view line;
    do {
      if (!lines_.next(line)) return false;
    } while (line.empty());
    begin_ = lines_.number();
    fields.assign(1, {});
    bool quoted = false;
    std::size_t i = 0;
    while (true) {
      check_utf8(lines_, line);
      for (; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted) {
          if (c != '"') {
            fields.back() += c;
          } else if (i + 1 < line.size() && line[i + 1] == '"') {
            fields.back() += '"';
            ++i;
          } else {
            quoted = false;
            if (i + 1 < line.size() && line[i + 1] != ',')
              fail("text behind a closing quote", "a comma or the end of the line");
          }
        } else if (c == ',') {
          fields.emplace_back();
        } else if (c == '"') {
          if (!fields.back().empty())
            fail("a quote inside an unquoted field",
                 "the whole field in quotes, inner quotes doubled");
          quoted = true;
        } else {
          fields.back() += c;
        }
      }
      if (!quoted) return true;
      fields.back() += '\n';
      if (!lines_.next(line)) fail("a quote that is never closed", "a closing quote");
      i = 0;
    }
  }
  /// Where the record last read began.
  std::int64_t line() const { return begin_; }
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw InputError(lines_.name(), begin_, found, expected);
  }

 private:
  LineReader lines_;
  std::int64_t begin_ = 0;
};

/// CSV with a header that names text, and optionally id and label. Calls add(line, id, text,
/// label).
template <class Add>
void read_csv(const std::filesystem::path& path, Add&& add) {
  CsvReader csv(path);
  std::vector<std::string> fields;
  if (!csv.next(fields))
    throw InputError(path.string(), 0, "no lines", "a header and at least one text");
  const std::size_t columns = fields.size();
  const auto column = [&](std::string_view name) {
    const auto found = std::find(fields.begin(), fields.end(), name);
    return found == fields.end() ? columns : static_cast<std::size_t>(found - fields.begin());
  };
  const std::size_t text = column("text");
  const std::size_t id = column("id");
  const std::size_t label = column("label");
  if (text == columns)
    csv.fail("a header without \"text\"", "a header that names the columns text, id?, label?");
  const auto field = [&](std::size_t at) {
    return at == columns ? std::nullopt : std::optional<std::string_view>(fields[at]);
  };
  while (csv.next(fields)) {
    if (fields.size() != columns) {
      csv.fail(std::to_string(fields.size()) + " fields",
               std::to_string(columns) + " as in the header");
    }
    add(csv.line(), field(id), std::string_view(fields[text]), field(label));
  }
}

}  // namespace detail

}  // namespace candist
