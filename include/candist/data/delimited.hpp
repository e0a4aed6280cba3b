// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Plain lines, TSV and CSV; read_texts (dataset.hpp) is the way in.
#pragma once

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

/// What a tab in a line is: part of the text, or the end of the label before it.
enum class Tabs { text, label };

/// One text a line, or label<TAB>text. Calls add(line, place, id, text, label) with the line's
/// number from 1 and from 0; returns how many lines of white space were passed over.
template <class Add>
std::int64_t read_lines(const std::filesystem::path& path, Tabs tabs, Add&& add) {
  using Optional = std::optional<std::string_view>;
  LineReader lines(path);
  std::string_view line;
  std::int64_t skipped = 0;
  while (lines.next(line)) {
    if (LineReader::is_blank(line)) {
      ++skipped;
      continue;
    }
    lines.expect_text(line);
    const std::size_t tab = tabs == Tabs::label ? line.find('\t') : std::string_view::npos;
    Optional label;
    if (tab != std::string_view::npos) {
      label = line.substr(0, tab);
      line.remove_prefix(tab + 1);
      if (line.find('\t') != std::string_view::npos)
        lines.fail("more than one tab", "label<TAB>text");
    }
    add(lines.number(), lines.number() - 1, Optional(), line, label);
  }
  return skipped;
}

/// Splits CSV (RFC 4180: commas, fields in double quotes may hold commas, newlines and doubled
/// quotes) into records.
class CsvReader {
 public:
  explicit CsvReader(const std::filesystem::path& path) : lines_(path) {}

  /// The next record; false at the end. `line()` is where it began. Lines of white space between
  /// records are passed over and counted.
  bool next(std::vector<std::string>& fields) {
    while (true) {
      if (!lines_.next(line_)) return false;
      if (!LineReader::is_blank(line_)) break;
      ++skipped_;
    }
    begin_ = lines_.number();
    lines_.expect_text(line_);
    std::size_t count = 0;
    while (true) {
      if (count == fields.size()) fields.emplace_back();
      std::string& field = fields[count++];
      field.clear();  // keeps its memory for this record
      if (line_.starts_with('"')) {
        take_quoted(field);
      } else {
        const std::string_view plain = line_.substr(0, line_.find(','));
        if (plain.find('"') != std::string_view::npos)
          fail("a quote inside an unquoted field",
               "the whole field in quotes, inner quotes doubled");
        field = plain;
        line_.remove_prefix(plain.size());
      }
      if (line_.empty()) break;
      if (line_.front() != ',')
        fail("text behind a closing quote", "a comma or the end of the line");
      line_.remove_prefix(1);
    }
    fields.resize(count);
    return true;
  }
  /// Where the record last read began.
  std::int64_t line() const { return begin_; }
  /// Lines of white space so far.
  std::int64_t skipped() const { return skipped_; }
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw InputError(lines_.name(), begin_, found, expected);
  }

 private:
  /// Takes a field in quotes from the front of the line, and of the lines after it.
  void take_quoted(std::string& field) {
    line_.remove_prefix(1);
    while (true) {
      const std::size_t quote = line_.find('"');
      field += line_.substr(0, quote);
      if (quote == std::string_view::npos) {
        field += '\n';
        if (!lines_.next(line_)) fail("a quote that is never closed", "a closing quote");
        lines_.expect_text(line_);
        continue;
      }
      line_.remove_prefix(quote + 1);
      if (!line_.starts_with('"')) return;
      field += '"';
      line_.remove_prefix(1);
    }
  }

  LineReader lines_;
  std::string_view line_;  ///< what is left of the line
  std::int64_t begin_ = 0;
  std::int64_t skipped_ = 0;
};

/// CSV with a header that names text, and optionally id and label; an empty id is none. Calls
/// add(line, place, id, text, label) with the record's line from 1 and its number from 0; returns
/// how many lines of white space were passed over.
template <class Add>
std::int64_t read_csv(const std::filesystem::path& path, Add&& add) {
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
    return at == columns || fields[at].empty() ? std::nullopt
                                               : std::optional<std::string_view>(fields[at]);
  };
  for (std::int64_t record = 0; csv.next(fields); ++record) {
    if (fields.size() != columns) {
      csv.fail(std::to_string(fields.size()) + " fields",
               std::to_string(columns) + " as in the header");
    }
    add(csv.line(), record, field(id), std::string_view(fields[text]), field(label));
  }
  return csv.skipped();
}

}  // namespace detail

}  // namespace candist
