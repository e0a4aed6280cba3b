// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The safetensors format: 8 bytes, the length N of the header, little-endian; N bytes of JSON,
// {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__":
// {"KEY": "VALUE"}}, padded with spaces; then the data. https://github.com/huggingface/safetensors
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/data/jsonl.hpp"
#include "candist/error.hpp"

namespace candist {

/// What the header says of one tensor.
struct TensorEntry {
  std::string name;
  std::string dtype;                ///< "F32"
  std::vector<std::int64_t> shape;  ///< empty: a single number
  std::int64_t begin = 0;           ///< of the tensor's bytes in the data
  std::int64_t end = 0;

  std::int64_t count() const {
    std::int64_t product = 1;
    for (const std::int64_t size : shape) product *= size;
    return product;
  }
};

/// "[384, 1536]", for messages.
inline std::string shown_shape(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size() && i < 8; ++i)
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() > 8 ? ", ...]" : "]");
}

/// The header of a safetensors file, with every rule of the format checked.
struct SafetensorsHeader {
  static constexpr std::int64_t most_bytes = 100'000'000;
  static constexpr std::int64_t length_bytes = 8;

  std::vector<TensorEntry> tensors;  ///< in the order of their bytes
  std::map<std::string, std::string, std::less<>> metadata;
  std::int64_t data_begin = 0;  ///< where the data begins in the file

  /// Reads the header of a file's bytes. `file` is its name for messages. Throws InputError for
  /// each violation: sizes, JSON, keys, types, and tensors that do not cover the data exactly.
  static SafetensorsHeader read(const std::string& file, std::string_view bytes);
};

// ---- definitions

namespace detail {

struct TensorType {
  std::string_view name;
  std::int64_t bits;
};
/// All types of the format.
inline constexpr TensorType tensor_types[] = {
    {"F64", 64},        {"F32", 32},        {"F16", 16},    {"BF16", 16},   {"I64", 64},
    {"I32", 32},        {"I16", 16},        {"I8", 8},      {"U64", 64},    {"U32", 32},
    {"U16", 16},        {"U8", 8},          {"BOOL", 8},    {"C64", 64},    {"F8_E4M3", 8},
    {"F8_E5M2", 8},     {"F8_E8M0", 8},     {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
    {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
};

class SafetensorsHeaderReader {
  using Element = simdjson::dom::element;

 public:
  SafetensorsHeaderReader(const std::string& file, std::string_view bytes)
      : file_(file), bytes_(bytes) {}

  SafetensorsHeader read() {
    const std::string_view json = header_bytes();
    const simdjson::padded_string text(json);
    Element root;
    const simdjson::error_code error = parser_.parse(text).get(root);
    if (error == simdjson::UTF8_ERROR) fail("a header that is not UTF-8", "UTF-8 text");
    if (error != simdjson::SUCCESS) {
      fail("a header that is broken JSON (" + std::string(simdjson::error_message(error)) + ")",
           "a JSON object");
    }
    simdjson::dom::object object;
    if (root.get(object) != simdjson::SUCCESS)
      fail("a header that is " + JsonLines::kind(root), "an object");
    std::vector<std::string_view> names;
    for (const auto& [name, value] : object) {
      names.push_back(name);
      if (name == "__metadata__") {
        read_metadata(value);
      } else {
        read_tensor(name, value);
      }
    }
    expect_no_twins(names, "");
    expect_cover();
    return std::move(header_);
  }

 private:
  /// The JSON without the spaces that pad it.
  std::string_view header_bytes() {
    const std::string size = std::to_string(bytes_.size());
    if (bytes_.size() < SafetensorsHeader::length_bytes)
      fail("a file of " + size + " bytes", "at least 8, the length of a safetensors header");
    std::uint64_t length = 0;
    for (std::size_t i = SafetensorsHeader::length_bytes; i-- > 0;)
      length = length << 8 | static_cast<unsigned char>(bytes_[i]);
    const std::string header = "a header of " + std::to_string(length) + " bytes";
    if (length > SafetensorsHeader::most_bytes)
      fail(header, "at most " + std::to_string(SafetensorsHeader::most_bytes));
    if (length > bytes_.size() - SafetensorsHeader::length_bytes)
      fail(header + " in a file of " + size, "a whole file");
    std::string_view json = bytes_.substr(SafetensorsHeader::length_bytes, length);
    if (!json.starts_with('{')) {
      fail(json.empty() ? "an empty header"
                        : "a header that begins with " + quoted(json.substr(0, 1)),
           "\"{\"");
    }
    header_.data_begin = SafetensorsHeader::length_bytes + static_cast<std::int64_t>(length);
    data_size_ = static_cast<std::int64_t>(bytes_.size()) - header_.data_begin;
    json.remove_suffix(json.size() - 1 - json.find_last_not_of(' '));
    return json;
  }
  void read_metadata(Element value) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS)
      fail("\"__metadata__\" that is " + JsonLines::kind(value), "an object of strings");
    std::vector<std::string_view> keys;
    for (const auto& [key, entry] : object) {
      std::string_view text;
      if (entry.get(text) != simdjson::SUCCESS)
        fail("\"__metadata__\": " + quoted(key) + " is " + JsonLines::kind(entry), "a string");
      keys.push_back(key);
      header_.metadata.emplace(key, text);
    }
    expect_no_twins(keys, "\"__metadata__\": ");
  }
  void read_tensor(std::string_view name, Element value) {
    const std::string tensor = "tensor " + quoted(name) + ": ";
    // JSON can name a half of a surrogate pair, which is no character.
    if (!simdjson::validate_utf8(name.data(), name.size()))
      fail("tensor " + quoted(name), "a name that is UTF-8");
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS)
      fail(tensor + JsonLines::kind(value), "an object of dtype, shape and data_offsets");
    TensorEntry entry;
    entry.name = name;
    const TensorType* type = nullptr;
    std::vector<std::int64_t> offsets;
    int dtypes = 0, shapes = 0, both_offsets = 0;
    for (const auto& [key, part] : object) {
      if (key == "dtype") {
        ++dtypes;
        type = &read_type(tensor, part);
        entry.dtype = type->name;
      } else if (key == "shape") {
        ++shapes;
        entry.shape = whole_numbers(tensor, key, part);
      } else if (key == "data_offsets") {
        ++both_offsets;
        offsets = whole_numbers(tensor, key, part);
      } else {
        fail(tensor + quoted(key), "none but dtype, shape and data_offsets");
      }
    }
    for (const auto& [key, times] : {std::pair{"dtype", dtypes}, std::pair{"shape", shapes},
                                     std::pair{"data_offsets", both_offsets}}) {
      if (times == 1) continue;
      fail(tensor + (times == 0 ? "no " : "twice ") + quoted(key),
           "dtype, shape and data_offsets once each");
    }
    if (offsets.size() != 2)
      fail(tensor + std::to_string(offsets.size()) + " data_offsets", "two, begin and end");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    expect_size(tensor, entry, *type);
    header_.tensors.push_back(std::move(entry));
  }
  const TensorType& read_type(const std::string& tensor, Element value) const {
    std::string_view name;
    if (value.get(name) != simdjson::SUCCESS)
      fail(tensor + "a dtype that is " + JsonLines::kind(value), "a string");
    std::string known;
    for (const TensorType& type : tensor_types) {
      if (type.name == name) return type;
      known += (known.empty() ? "" : ", ") + std::string(type.name);
    }
    fail(tensor + "dtype " + quoted(name), "one of " + known);
  }
  std::vector<std::int64_t> whole_numbers(const std::string& tensor, std::string_view key,
                                          Element value) const {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS)
      fail(tensor + std::string(key) + " that is " + JsonLines::kind(value), "an array");
    std::vector<std::int64_t> numbers;
    for (const Element entry : array) {
      std::int64_t number = -1;
      if (entry.get(number) != simdjson::SUCCESS || number < 0) {
        fail(tensor + std::string(key) + " with " +
                 (entry.is<double>() ? simdjson::minify(entry) : JsonLines::kind(entry)),
             "whole numbers of at least 0");
      }
      numbers.push_back(number);
    }
    return numbers;
  }
  void expect_size(const std::string& tensor, const TensorEntry& entry,
                   const TensorType& type) const {
    const std::string what = tensor + entry.dtype + " " + shown_shape(entry.shape);
    std::int64_t bits = type.bits;
    for (const std::int64_t size : entry.shape) {
      if (__builtin_mul_overflow(bits, size, &bits))
        fail(what, "a tensor whose size in bits is below 2^63");
    }
    const std::string place =
        "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin > entry.end) fail(tensor + place, "an end that is not before the begin");
    if (entry.end > data_size_)
      fail(tensor + place + " in " + std::to_string(data_size_) + " bytes of data", "a whole file");
    if (bits % 8 != 0) fail(what + ", " + std::to_string(bits) + " bits", "whole bytes");
    if (entry.end - entry.begin != bits / 8)
      fail(what + " with " + place, std::to_string(bits / 8) + " bytes");
  }
  void expect_no_twins(std::vector<std::string_view>& names, const std::string& where) const {
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    if (twin != names.end()) fail(where + quoted(*twin) + " twice", "every name once");
  }
  /// Sorts the tensors by place; they must follow each other from the data's first byte to its
  /// last.
  void expect_cover() {
    std::sort(header_.tensors.begin(), header_.tensors.end(),
              [](const TensorEntry& a, const TensorEntry& b) {
                return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
              });
    std::int64_t covered = 0;
    for (const TensorEntry& tensor : header_.tensors) {
      if (tensor.begin != covered) {
        fail("tensor " + quoted(tensor.name) + " from byte " + std::to_string(tensor.begin) +
                 (tensor.begin < covered ? " of the data, over another"
                                         : " of the data, behind a hole"),
             std::to_string(covered) + ", the end of the tensors before");
      }
      covered = tensor.end;
    }
    if (covered != data_size_)
      fail(std::to_string(data_size_) + " bytes of data",
           std::to_string(covered) + ", the end of the last tensor");
  }
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw InputError(file_, 0, found, expected);
  }

  const std::string& file_;
  std::string_view bytes_;
  simdjson::dom::parser parser_;
  SafetensorsHeader header_;
  std::int64_t data_size_ = 0;
};

}  // namespace detail

inline SafetensorsHeader SafetensorsHeader::read(const std::string& file, std::string_view bytes) {
  return detail::SafetensorsHeaderReader(file, bytes).read();
}

}  // namespace candist
