// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "candist/error.hpp"
#include "candist/weights/float_formats.hpp"
#include "candist/weights/mapped_file.hpp"
#include "candist/weights/safetensors_header.hpp"

namespace candist {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

/// A safetensors file, mapped into memory. The constructor checks every rule of the format (see
/// SafetensorsHeader) before anything is used and throws InputError; move-only.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path)
      : file_(path), header_(SafetensorsHeader::read(file_.name(), file_.bytes())) {
    for (std::size_t i = 0; i < header_.tensors.size(); ++i)
      index_.emplace(header_.tensors[i].name, i);
  }

  /// All tensors, in the order of their bytes; name, dtype and shape of each.
  const std::vector<TensorEntry>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string, std::less<>>& metadata() const {
    return header_.metadata;
  }
  /// Null where there is no such tensor.
  const TensorEntry* find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &header_.tensors[found->second];
  }
  /// The same; throws InputError where there is none.
  const TensorEntry& at(std::string_view name) const {
    const TensorEntry* entry = find(name);
    if (entry == nullptr) throw InputError(this->name(), 0, "no tensor " + quoted(name), "one");
    return *entry;
  }
  /// The bytes of one of tensors(), not aligned.
  std::string_view bytes(const TensorEntry& tensor) const {
    return file_.bytes().substr(static_cast<std::size_t>(header_.data_begin + tensor.begin),
                                static_cast<std::size_t>(tensor.end - tensor.begin));
  }
  /// The values of one of tensors(), row-major, as floats; exact from F32, F16 and BF16, rounded
  /// from F64. Throws InputError for other types and for a value that is not finite, ShapeError
  /// where `values` has another size.
  void read(const TensorEntry& tensor, std::span<float> values) const;
  void read(std::string_view tensor, std::span<float> values) const { read(at(tensor), values); }

  const std::string& name() const { return file_.name(); }

 private:
  template <class Stored, class Convert>
  void convert(const TensorEntry& tensor, std::span<float> values, Convert&& to_float) const;

  MappedFile file_;
  SafetensorsHeader header_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// ---- definitions

template <class Stored, class Convert>
void SafetensorsFile::convert(const TensorEntry& tensor, std::span<float> values,
                              Convert&& to_float) const {
  const char* from = bytes(tensor).data();
  bool finite = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * sizeof stored, sizeof stored);
    values[i] = to_float(stored);
    finite &= std::isfinite(values[i]);
  }
  if (finite) return;
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  throw InputError(name(), 0,
                   "tensor " + quoted(tensor.name) + ": value " +
                       std::to_string(bad - values.begin()) + " is " + std::to_string(*bad),
                   "finite values");
}

inline void SafetensorsFile::read(const TensorEntry& tensor, std::span<float> values) const {
  CANDIST_EXPECT_EQ(tensor.count(), values.size(), "numbers of a tensor, room for them");
  if (tensor.dtype == "F32") {
    convert<float>(tensor, values, [](float value) { return value; });
  } else if (tensor.dtype == "F16") {
    convert<std::uint16_t>(tensor, values, half_to_float);
  } else if (tensor.dtype == "BF16") {
    convert<std::uint16_t>(tensor, values, bfloat_to_float);
  } else if (tensor.dtype == "F64") {
    convert<double>(tensor, values, [](double value) {
      // A double beyond all floats must not reach the cast, which is not defined for it.
      if (std::fabs(value) > std::numeric_limits<float>::max())
        return value > 0 ? INFINITY : -INFINITY;
      return static_cast<float>(value);
    });
  } else {
    throw InputError(name(), 0, "tensor " + quoted(tensor.name) + " of dtype " + tensor.dtype,
                     "F32, F16, BF16 or F64");
  }
}

}  // namespace candist
