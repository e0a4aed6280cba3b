// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace candist::program {

/// A table of words for a terminal: the first column to the left, the others to the right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
    }
    std::string text;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      for (std::size_t c = 0; c < rows_[r].size(); ++c) {
        const std::string pad(widths[c] - columns(rows_[r][c]), ' ');
        if (c > 0) text += "  ";
        text += c == 0 ? rows_[r][c] + pad : pad + rows_[r][c];
      }
      text.erase(text.find_last_not_of(' ') + 1);
      text += '\n';
      if (r > 0) continue;
      for (std::size_t c = 0; c < widths.size(); ++c)
        text += (c > 0 ? "  " : "") + std::string(widths[c], '-');
      text += '\n';
    }
    return text;
  }

 private:
  /// Columns on a terminal: code points, since names may be UTF-8.
  static std::size_t columns(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
  }
  std::vector<std::vector<std::string>> rows_;
};

/// "72.1", a share in per cent; "-" where there is none.
template <class Share>
std::string percent(const Share& share) {
  if (!share) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", *share * 100.0);
  return text;
}

}  // namespace candist::program
