// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"
#include "candist/weights/float_formats.hpp"
#include "candist/weights/safetensors_header.hpp"

namespace candist {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

/// How floats are kept in a file: as they are, or rounded to the nearest of 16 bits.
enum class StoredAs { f32, f16, bf16 };

/// Collects tensors, then writes them as one safetensors file, in the order given. The values are
/// not copied: they must live until write().
class SafetensorsWriter {
 public:
  /// transformers wants to know whose tensors these are: {"format": "pt"}.
  explicit SafetensorsWriter(std::map<std::string, std::string> metadata = {{"format", "pt"}})
      : metadata_(std::move(metadata)) {}

  /// Throws InputError for a name that is given twice, is not UTF-8 or is "__metadata__";
  /// ShapeError where shape [...] and values do not fit.
  void add(std::string_view name, std::vector<std::int64_t> shape, std::span<const float> values,
           StoredAs stored_as = StoredAs::f32) {
    if (name == "__metadata__" || !simdjson::validate_utf8(name.data(), name.size()))
      throw InputError("a tensor named " + quoted(name) + ": expected another name, in UTF-8");
    if (!names_.emplace(name).second)
      throw InputError("two tensors named " + quoted(name) + ": expected every name once");
    tensors_.push_back(
        {{std::string(name), dtype(stored_as), std::move(shape)}, values, stored_as});
    CANDIST_EXPECT_EQ(tensors_.back().entry.count(), values.size(), "numbers of a shape, values");
  }
  /// Writes the file by way of a temporary one (see AtomicFile). Throws RunError, and leaves what
  /// was there as it was, for a value that is not finite, before or after rounding, and where
  /// writing fails; InputError where there is no place for the file.
  void write(const std::filesystem::path& path) const {
    AtomicFile file(path);
    std::string json = header();
    json.resize((json.size() + 7) / 8 * 8, ' ');  // the data begin at a multiple of 8
    if (static_cast<std::int64_t>(json.size()) > SafetensorsHeader::most_bytes) {
      throw InputError(path.string(), 0, "a header of " + std::to_string(json.size()) + " bytes",
                       "at most " + std::to_string(SafetensorsHeader::most_bytes));
    }
    const std::uint64_t length = json.size();
    file.write({reinterpret_cast<const char*>(&length), sizeof length});
    file.write(json);
    for (const Tensor& tensor : tensors_) write_values(file, path, tensor);
    file.commit();
  }

 private:
  struct Tensor {
    TensorEntry entry;
    std::span<const float> values;
    StoredAs stored_as;
  };

  static const char* dtype(StoredAs stored_as) {
    return stored_as == StoredAs::f32 ? "F32" : stored_as == StoredAs::f16 ? "F16" : "BF16";
  }
  static std::int64_t bytes(const Tensor& tensor) {
    return static_cast<std::int64_t>(tensor.values.size()) *
           (tensor.stored_as == StoredAs::f32 ? 4 : 2);
  }
  std::string header() const {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata_.empty()) header["__metadata__"] = metadata_;
    std::int64_t begin = 0;
    for (const Tensor& tensor : tensors_) {
      const std::int64_t end = begin + bytes(tensor);
      // push_back of a pair does not look for the key, as operator[] would, one by one
      header.get_ref<nlohmann::ordered_json::object_t&>().push_back(
          {tensor.entry.name,
           {{"dtype", tensor.entry.dtype},
            {"shape", tensor.entry.shape},
            {"data_offsets", {begin, end}}}});
      begin = end;
    }
    return header.dump();
  }
  /// In pieces, for AtomicFile keeps what it is given.
  static void write_values(AtomicFile& file, const std::filesystem::path& path,
                           const Tensor& tensor) {
    constexpr std::size_t piece = std::size_t{1} << 16;
    std::vector<std::uint16_t> rounded;
    for (std::size_t begin = 0; begin < tensor.values.size(); begin += piece) {
      const auto values =
          tensor.values.subspan(begin, std::min(piece, tensor.values.size() - begin));
      const bool half = tensor.stored_as == StoredAs::f16;
      rounded.clear();
      for (std::size_t i = 0; i < values.size(); ++i) {
        float stored = values[i];
        if (tensor.stored_as != StoredAs::f32) {
          rounded.push_back(half ? float_to_half(stored) : float_to_bfloat(stored));
          stored = half ? half_to_float(rounded.back()) : bfloat_to_float(rounded.back());
        }
        if (std::isfinite(stored)) continue;
        throw RunError("cannot write " + path.string() + ": tensor " + quoted(tensor.entry.name) +
                       ": value " + std::to_string(begin + i) + " is " + std::to_string(values[i]) +
                       ", no finite number as " + tensor.entry.dtype);
      }
      if (tensor.stored_as == StoredAs::f32) {
        file.write({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
      } else {
        file.write({reinterpret_cast<const char*>(rounded.data()), 2 * rounded.size()});
      }
    }
  }

  std::map<std::string, std::string> metadata_;
  std::vector<Tensor> tensors_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace candist
