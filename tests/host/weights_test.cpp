// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Numbers of 16 bits, the safetensors format, and Hugging Face model folders.
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/weights/pretrained_folder.hpp"
#include "candist/weights/save_pretrained.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::read_file;
using candist::testing::TemporaryFolder;
using nlohmann::ordered_json;

namespace {

/// The message of the error of type E that `call` must end in, without the folder's name.
template <class E = InputError, class Call>
std::string complaint(const TemporaryFolder& folder, Call&& call) {
  try {
    call();
  } catch (const E& error) {
    std::string message = error.what();
    const std::string prefix = folder.path().string();
    for (std::size_t at; (at = message.find(prefix)) != std::string::npos;)
      message.erase(at, prefix.size() + (message[at + prefix.size()] == '/' ? 1 : 0));
    return message;
  }
  return "no error";
}

std::string length_of(std::uint64_t length) {
  return {reinterpret_cast<const char*>(&length), sizeof length};
}
/// A safetensors file of this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data) {
  return length_of(header.size()) + header + std::string(data, '\1');
}
/// {"a": {...}} of one tensor.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

/// |x| of the 16 bits of a format, by its definition.
double magnitude(std::uint16_t bits, int fraction_bits, int bias) {
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const int exponent = (bits & 0x7FFF) >> fraction_bits;
  if (exponent == 0) return std::ldexp(fraction, 1 - bias - fraction_bits);
  return std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

struct ShortFormat {
  const char* name;
  float (*to_float)(std::uint16_t);
  std::uint16_t (*from_float)(float);
  int fraction_bits;
  int bias;
  std::uint16_t infinity;
};
const ShortFormat formats[] = {
    {"half", half_to_float, float_to_half, 10, 15, 0x7C00},
    {"bfloat", bfloat_to_float, float_to_bfloat, 7, 127, 0x7F80},
};

}  // namespace

// ---- numbers of 16 bits

TEST_CASE("every one of the 65536 halves and bfloats becomes the float it is, and itself again") {
  for (const ShortFormat& format : formats) {
    INFO(format.name);
    int wrong = 0;
    for (int i = 0; i < 65536; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      const float value = format.to_float(bits);
      const bool negative = (bits & 0x8000) != 0;
      const std::uint16_t rest = bits & 0x7FFF;
      const std::uint16_t back = format.from_float(value);
      wrong += std::signbit(value) != negative;
      if (rest > format.infinity) {  // a NaN stays one of its sign, and is quiet
        wrong += !std::isnan(value) || (back & 0x7FFF) <= format.infinity;
        wrong += (back & 0x8000) != (bits & 0x8000) ||
                 (back & ~rest & 0x7FFF) > (1 << (format.fraction_bits - 1));
      } else if (rest == format.infinity) {
        wrong += !std::isinf(value) || back != bits;
      } else {
        wrong += std::fabs(value) != magnitude(bits, format.fraction_bits, format.bias);
        wrong += back != bits;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("floats are rounded to the nearest half or bfloat, of two as near to the even one") {
  for (const ShortFormat& format : formats) {
    INFO(format.name);
    int wrong = 0;
    for (int i = 0; i < format.infinity; ++i) {  // between every two neighbours
      const auto low = static_cast<std::uint16_t>(i);
      const auto high = static_cast<std::uint16_t>(i + 1);  // infinity stands for 2^(its exponent)
      const double a = magnitude(low, format.fraction_bits, format.bias);
      const double b = magnitude(high, format.fraction_bits, format.bias);
      // The middle of two neighbours is a float: floats have at least one bit more.
      const auto middle = static_cast<float>(a / 2 + b / 2);
      REQUIRE(static_cast<double>(middle) == a / 2 + b / 2);
      const std::uint16_t even = (i & 1) == 0 ? low : high;
      const float below = std::nextafter(middle, 0.0f);
      const float above = std::nextafter(middle, INFINITY);
      wrong += format.from_float(middle) != even || format.from_float(-middle) != (even | 0x8000);
      wrong += format.from_float(below) != low || format.from_float(-below) != (low | 0x8000);
      wrong += format.from_float(above) != high || format.from_float(-above) != (high | 0x8000);
    }
    CHECK(wrong == 0);
    CHECK(format.from_float(std::numeric_limits<float>::infinity()) == format.infinity);
    CHECK(format.from_float(std::numeric_limits<float>::max()) == format.infinity);
    // NaNs whose payload lies in the bits that go.
    for (const std::uint32_t nan : {0x7F800001u, 0xFF800001u, 0x7FC00000u, 0xFFFFFFFFu}) {
      const std::uint16_t bits = format.from_float(std::bit_cast<float>(nan));
      CHECK((bits & 0x7FFF) > format.infinity);
      CHECK((bits >> 15) == (nan >> 31));
    }
  }
  // The smallest float there is, and what the smallest half is twice as large as.
  CHECK(float_to_half(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(float_to_half(0x1p-25f) == 0);
  CHECK(float_to_half(0x1.000002p-25f) == 1);
  CHECK(float_to_half(65519.996f) == 0x7BFF);
  CHECK(float_to_half(65520.0f) == 0x7C00);
  CHECK(float_to_half(-0.0f) == 0x8000);
}

TEST_CASE("rounding to 16 bits is monotone and never further than half a step") {
  CounterRng rng(5, RandomPurpose::resampling, 0, 0);
  for (const ShortFormat& format : formats) {
    INFO(format.name);
    int wrong = 0;
    for (int i = 0; i < 200000; ++i) {
      const auto a = std::bit_cast<float>(rng.bits() & 0x7FFFFFFFu);
      const auto b = std::bit_cast<float>(rng.bits() & 0x7FFFFFFFu);
      if (std::isnan(a) || std::isnan(b)) continue;
      wrong += a <= b && format.from_float(a) > format.from_float(b);
      const std::uint16_t bits = format.from_float(a);
      if (bits == format.infinity) continue;
      const double error = std::fabs(double{a} - format.to_float(bits));
      const auto up = static_cast<std::uint16_t>(bits + 1);
      const double step = magnitude(up, format.fraction_bits, format.bias) -
                          magnitude(bits, format.fraction_bits, format.bias);
      wrong += error > step / 2;
    }
    CHECK(wrong == 0);
  }
}

// ---- safetensors

TEST_CASE("every rule of a safetensors header is checked, and says what was found and expected") {
  const TemporaryFolder folder;
  const std::string good = one("F32", "[2,3]", "[0,24]");
  const auto a_and_b = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + a +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + b + "}}";
  };
  struct Case {
    std::string bytes;
    const char* message;
  };
  const std::vector<Case> cases{
      {"", "found a file of 0 bytes, expected at least 8"},
      {"1234567", "found a file of 7 bytes, expected at least 8"},
      {length_of(100000001) + good, "a header of 100000001 bytes, expected at most 100000000"},
      {length_of(~std::uint64_t{0}) + good, "a header of 18446744073709551615 bytes, expected at"},
      {length_of(1000) + good, "a header of 1000 bytes in a file of"},
      {length_of(0), "an empty header, expected \"{\""},
      {file_of(" " + good, 24), "a header that begins with \" \", expected \"{\""},
      {file_of("[]", 0), "a header that begins with \"[\""},
      {file_of("\xEF\xBB\xBF{}", 0), "a header that begins with"},
      {file_of("{\"\xFF\":1}", 0), "a header that is not UTF-8"},
      {file_of("{\"a\":", 0), "a header that is broken JSON"},
      {file_of("{}{}", 0), "a header that is broken JSON"},
      {file_of(std::string("{}\0", 3), 0), "a header that is broken JSON"},
      {file_of("{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}", 0),
       "a header that is broken JSON"},
      {file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
               R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
               0),
       "\"a\" twice, expected every name once"},
      {file_of(R"({"__metadata__":{},"__metadata__":{}})", 0), "\"__metadata__\" twice"},
      {file_of(R"({"__metadata__":[]})", 0),
       "\"__metadata__\" that is an array, expected an object"},
      {file_of(R"({"__metadata__":null})", 0), "\"__metadata__\" that is null"},
      {file_of(R"({"__metadata__":{"k":1}})", 0),
       "\"__metadata__\": \"k\" is a number, expected a string"},
      {file_of(R"({"__metadata__":{"k":"1","k":"2"}})", 0), "\"__metadata__\": \"k\" twice"},
      {file_of(R"({"a":3})", 0), "tensor \"a\": a number, expected an object"},
      {file_of(R"({"a":{"shape":[],"data_offsets":[0,4]}})", 4), "tensor \"a\": no \"dtype\""},
      {file_of(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "tensor \"a\": no \"shape\""},
      {file_of(R"({"a":{"dtype":"F32","shape":[]}})", 4), "tensor \"a\": no \"data_offsets\""},
      {file_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}})", 4),
       "tensor \"a\": \"x\", expected none but dtype, shape and data_offsets"},
      {file_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4),
       "tensor \"a\": twice \"dtype\""},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"shape":[],"data_offsets":[0,4]}})", 4),
       "tensor \"a\": twice \"shape\""},
      {file_of(R"({"a":{"dtype":1,"shape":[],"data_offsets":[0,4]}})", 4),
       "tensor \"a\": a dtype that is a number, expected a string"},
      {file_of(one("F33", "[]", "[0,4]"), 4),
       "tensor \"a\": dtype \"F33\", expected one of F64, F32"},
      {file_of(one("f32", "[]", "[0,4]"), 4), "tensor \"a\": dtype \"f32\""},
      {file_of(one("F32", "1", "[0,4]"), 4),
       "tensor \"a\": shape that is a number, expected an ar"},
      {file_of(one("F32", "[-1]", "[0,4]"), 4), "shape with -1, expected whole numbers"},
      {file_of(one("F32", "[1.0]", "[0,4]"), 4), "shape with 1.0, expected whole numbers"},
      {file_of(one("F32", "[\"1\"]", "[0,4]"), 4), "shape with a string, expected whole numbers"},
      {file_of(one("F32", "[18446744073709551615]", "[0,4]"), 4),
       "shape with 18446744073709551615"},
      {file_of(one("F32", "[18446744073709551616]", "[0,4]"), 4), "broken JSON"},
      {file_of(one("U8", "[4294967296,4294967296]", "[0,0]"), 0),
       "tensor \"a\": U8 [4294967296, 4294967296], expected a tensor whose size in bits is below"},
      {file_of(one("U8", "[4294967296,4294967296,0]", "[0,0]"), 0), "size in bits is below 2^63"},
      {file_of(one("F64", "[1152921504606846976]", "[0,0]"), 0), "size in bits is below 2^63"},
      {file_of(one("F32", "[]", "4"), 4), "data_offsets that is a number, expected an array"},
      {file_of(one("F32", "[]", "[0]"), 4), "1 data_offsets, expected two"},
      {file_of(one("F32", "[]", "[0,4,4]"), 4), "3 data_offsets, expected two"},
      {file_of(one("F32", "[]", "[-4,0]"), 4), "data_offsets with -4"},
      {file_of(one("F32", "[]", "[4,0]"), 4),
       "data_offsets [4, 0], expected an end that is not before the begin"},
      {file_of(one("F32", "[]", "[0,8]"), 4),
       "data_offsets [0, 8] in 4 bytes of data, expected a wh"},
      {file_of(one("F32", "[]", "[9223372036854775803,9223372036854775807]"), 4),
       "in 4 bytes of da"},
      {file_of(one("F32", "[3]", "[0,8]"), 8),
       "F32 [3] with data_offsets [0, 8], expected 12 bytes"},
      {file_of(one("BF16", "[3]", "[0,8]"), 8),
       "BF16 [3] with data_offsets [0, 8], expected 6 byte"},
      {file_of(one("F4", "[3]", "[0,2]"), 2), "F4 [3], 12 bits, expected whole bytes"},
      {file_of(a_and_b("[0,4]", "[0,4]"), 4),
       "tensor \"b\" from byte 0 of the data, over another, expected 4"},
      {file_of(a_and_b("[2,6]", "[0,4]"), 6),
       "tensor \"a\" from byte 2 of the data, over another, expected 4"},
      {file_of(a_and_b("[0,4]", "[5,9]"), 9),
       "tensor \"b\" from byte 5 of the data, behind a hole, expected 4"},
      {file_of(a_and_b("[4,8]", "[8,12]"), 12),
       "tensor \"a\" from byte 4 of the data, behind a hole"},
      {file_of(good, 25), "25 bytes of data, expected 24, the end of the last tensor"},
      {file_of("{}", 1), "1 bytes of data, expected 0"},
  };
  for (const Case& wrong : cases) {
    INFO(wrong.bytes);
    const auto path = folder.file("x.safetensors", wrong.bytes);
    const std::string message = complaint(folder, [&] { SafetensorsFile file(path); });
    CHECK_THAT(message, Catch::Matchers::StartsWith("x.safetensors: found "));
    CHECK_THAT(message, Catch::Matchers::Contains(wrong.message));
  }
  const auto opened = [&](const std::string& bytes) {
    const auto path = folder.file("x.safetensors", bytes);
    return complaint(folder, [&] { SafetensorsFile file(path); });
  };
  CHECK(opened(file_of(good, 24)) == "no error");
  CHECK(opened(file_of(good + "     ", 24)) == "no error");
  CHECK(opened(file_of("{}", 0)) == "no error");
  CHECK(opened(file_of(one("F4", "[4]", "[0,2]"), 2)) == "no error");
  CHECK(opened(file_of(a_and_b("[4,8]", "[0,4]"), 8)) == "no error");
  // An empty tensor takes no place: it may be between others, and more than one may.
  CHECK(opened(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                       R"("b":{"dtype":"F32","shape":[0,9],"data_offsets":[4,4]},)"
                       R"("c":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}})",
                       4)) == "no error");
}

TEST_CASE("a path that is no file is refused by name") {
  const TemporaryFolder folder;
  const auto opened = [&](const std::filesystem::path& path) {
    return complaint(folder, [&] { SafetensorsFile file(path); });
  };
  CHECK_THAT(opened(folder / "none"), Catch::Matchers::StartsWith("none: found No such file"));
  CHECK(opened(folder.path()) == ": found a folder, expected a file");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(opened(folder / "pipe") == "pipe: found no regular file, expected a file");
}

TEST_CASE("safetensors values become floats, and none that is not finite does") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& dtype, const auto& values) {
    const std::size_t bytes = values.size() * sizeof values[0];
    const std::string count = std::to_string(values.size());
    std::string content =
        file_of(one(dtype, "[" + count + "]", "[0," + std::to_string(bytes) + "]"), 0);
    content.append(reinterpret_cast<const char*>(values.data()), bytes);
    std::vector<float> floats(values.size());
    SafetensorsFile file(folder.file("x.safetensors", content));
    file.read("a", floats);
    return floats;
  };
  const std::vector<float> floats{1.5f, -0.0f, 0x1.fffffep127f, 0x1p-149f};
  CHECK(read("F32", floats) == floats);
  CHECK(read("F16", std::vector<std::uint16_t>{0x3E00, 0xC000}) == std::vector<float>{1.5f, -2.0f});
  CHECK(read("BF16", std::vector<std::uint16_t>{0x3FC0, 0xC000}) ==
        std::vector<float>{1.5f, -2.0f});
  CHECK(read("F64", std::vector<double>{0.1, -1e-320}) == std::vector<float>{0.1f, -0.0f});

  const auto refused = [&](const std::string& dtype, const auto& values) {
    return complaint(folder, [&] { read(dtype, values); });
  };
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(refused("F32", std::vector<float>{1.0f, 2.0f, NAN}) ==
        "x.safetensors: found tensor \"a\": value 2 is nan, expected finite values");
  CHECK_THAT(refused("F16", std::vector<std::uint16_t>{0, 0xFC00}),
             Catch::Matchers::Contains("value 1 is -inf"));
  CHECK_THAT(refused("BF16", std::vector<std::uint16_t>{0x7F80}),
             Catch::Matchers::Contains("value 0 is inf"));
  CHECK_THAT(refused("F64", std::vector<double>{0, -1e39}),
             Catch::Matchers::Contains("value 1 is -inf"));
  CHECK_THAT(refused("F64", std::vector<double>{infinity}),
             Catch::Matchers::Contains("value 0 is inf"));
  CHECK(refused("I32", std::vector<std::int32_t>{1}) ==
        "x.safetensors: found tensor \"a\" of dtype I32, expected F32, F16, BF16 or F64");

  SafetensorsFile file(folder.file("x.safetensors", file_of(one("F32", "[2]", "[0,8]"), 8)));
  std::vector<float> three(3);
  CHECK_THROWS_AS(file.read("a", three), ShapeError);
  CHECK(complaint(folder, [&] { file.read("b", three); }) ==
        "x.safetensors: found no tensor \"b\", expected one");
}

TEST_CASE("what SafetensorsWriter writes, SafetensorsFile reads") {
  const TemporaryFolder folder;
  CounterRng rng(7, RandomPurpose::resampling, 0, 0);
  std::vector<float> many(150000);  // more than one piece
  for (float& value : many) value = rng.normal();
  const std::vector<float> few{1.0f, -2.5f, 1e-3f};
  SafetensorsWriter writer({{"format", "pt"}, {"by", "candist \u00e9 \"quoted\""}});
  writer.add("z \u4e2d\"\\\n", {3}, few, StoredAs::f16);
  writer.add("matrix", {500, 300}, many);
  writer.add("again", {300, 500}, many, StoredAs::bf16);
  writer.add("number", {}, std::span(few).first(1));
  writer.add("nothing", {0, 7}, {});
  writer.write(folder / "x.safetensors");

  const std::string bytes = read_file(folder / "x.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK(length % 8 == 0);
  CHECK(std::filesystem::file_size(folder / "x.safetensors") ==
        8 + length + 6 + 600000 + 300000 + 4);

  SafetensorsFile first(folder / "x.safetensors");
  const SafetensorsFile file(std::move(first));  // moves its mapping along
  CHECK(file.metadata().at("by") == "candist \u00e9 \"quoted\"");
  std::vector<std::string> names;
  for (const TensorEntry& tensor : file.tensors()) names.push_back(tensor.name);
  CHECK(names ==
        std::vector<std::string>{"z \u4e2d\"\\\n", "matrix", "again", "number", "nothing"});
  CHECK(file.at("matrix").shape == std::vector<std::int64_t>{500, 300});
  CHECK(file.at("matrix").dtype == "F32");
  CHECK(file.at("again").dtype == "BF16");
  CHECK(file.at("number").shape.empty());
  CHECK(file.find("none") == nullptr);
  std::vector<float> values(many.size());
  file.read("matrix", values);
  CHECK(values == many);
  file.read("again", values);
  bool rounded = true;
  for (std::size_t i = 0; i < many.size(); ++i)
    rounded &= values[i] == bfloat_to_float(float_to_bfloat(many[i]));
  CHECK(rounded);
  values.resize(3);
  file.read(names[0], values);
  CHECK(values == std::vector<float>{1.0f, -2.5f, half_to_float(float_to_half(1e-3f))});
  file.read("number", std::span(values).first(1));
  CHECK(values[0] == 1.0f);
  file.read("nothing", {});
}

TEST_CASE("SafetensorsWriter refuses what is no tensor, and leaves the old file") {
  const TemporaryFolder folder;
  const auto path = folder.file("x.safetensors", "old");
  const std::vector<float> values{1.0f, NAN, 70000.0f};
  SafetensorsWriter writer;
  writer.add("a", {1}, std::span(values).first(1));
  CHECK_THROWS_AS(writer.add("a", {1}, std::span(values).first(1)), InputError);
  CHECK_THROWS_AS(writer.add("__metadata__", {1}, std::span(values).first(1)), InputError);
  CHECK_THROWS_AS(writer.add("\xFF", {1}, std::span(values).first(1)), InputError);
  CHECK_THROWS_AS(SafetensorsWriter().add("b", {2, 2}, values), ShapeError);
  SafetensorsWriter with_nan;
  with_nan.add("n", {2}, std::span(values).first(2));
  CHECK(complaint<RunError>(folder, [&] { with_nan.write(path); }) ==
        "cannot write x.safetensors: tensor \"n\": value 1 is nan, no finite number as F32");
  SafetensorsWriter too_large;
  too_large.add("n", {1}, std::span(values).last(1), StoredAs::f16);
  CHECK(
      complaint<RunError>(folder, [&] { too_large.write(path); }) ==
      "cannot write x.safetensors: tensor \"n\": value 0 is 70000.000000, no finite number as F16");
  CHECK(read_file(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("changed and cut off safetensors files are read or refused, nothing else") {
  const TemporaryFolder folder;
  const std::vector<float> values{1.0f, 2.0f, 3.0f, 4.0f};
  SafetensorsWriter writer;
  writer.add("a", {2, 1}, std::span(values).first(2));
  writer.add("b.c", {2}, std::span(values).last(2), StoredAs::f16);
  writer.write(folder / "x.safetensors");
  const std::string good = read_file(folder / "x.safetensors");
  CounterRng rng(11, RandomPurpose::resampling, 0, 0);
  int read = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (std::uint32_t changes = 1 + rng.below(3); changes-- > 0;) {
      char& byte = bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))];
      byte = static_cast<char>(byte ^ (1 << rng.below(8)));
    }
    if (i % 4 == 0) bytes.resize(rng.below(static_cast<std::uint32_t>(good.size())));
    try {
      const SafetensorsHeader header = SafetensorsHeader::read("x", bytes);
      std::int64_t covered = header.data_begin;
      for (const TensorEntry& tensor : header.tensors) covered += tensor.end - tensor.begin;
      REQUIRE(covered == static_cast<std::int64_t>(bytes.size()));
      ++read;
    } catch (const InputError&) {
      ++refused;
    }
  }
  CHECK(read > 0);
  CHECK(refused > read);
}

// ---- model folders

namespace {

TransformerConfig tiny(EncoderFamily family, Pooling pooling) {
  TransformerConfig c;
  c.family = family;
  c.pooling = pooling;
  c.classes = 3;
  c.vocabulary = 11;
  c.width = 8;
  c.layers = 2;
  c.heads = 2;
  c.inner_width = 16;
  c.positions = 10;
  c.first_position = family == EncoderFamily::bert ? 0 : 2;
  c.token_types = family == EncoderFamily::bert ? 2 : 1;
  c.norm_epsilon = 1e-5f;
  c.hidden_dropout = 0.2f;
  c.attention_dropout = 0.3f;
  c.head_dropout = 0.0f;
  return c;
}

bool same(const TransformerConfig& a, const TransformerConfig& b) {
  return a.family == b.family && a.pooling == b.pooling && a.classes == b.classes &&
         a.vocabulary == b.vocabulary && a.width == b.width && a.layers == b.layers &&
         a.heads == b.heads && a.inner_width == b.inner_width && a.positions == b.positions &&
         a.first_position == b.first_position && a.token_types == b.token_types &&
         a.norm_epsilon == b.norm_epsilon && a.hidden_dropout == b.hidden_dropout &&
         a.attention_dropout == b.attention_dropout && a.head_dropout == b.head_dropout;
}

/// All tensors of a model, of made-up values.
class TinyModel {
 public:
  explicit TinyModel(const TransformerConfig& c, std::uint64_t seed = 1)
      : rng_(seed, RandomPurpose::initial_weights, 0, 0) {
    const std::int64_t d = c.width;
    add("embeddings.word_embeddings.weight", c.vocabulary, d);
    add("embeddings.position_embeddings.weight", c.positions, d);
    add("embeddings.token_type_embeddings.weight", c.token_types, d);
    layer("embeddings.LayerNorm", d, 0);
    for (int i = 0; i < c.layers; ++i) {
      const std::string name = "encoder.layer." + std::to_string(i) + ".";
      for (const char* part : {"query", "key", "value"})
        layer(name + "attention.self." + part, d, d);
      layer(name + "attention.output.dense", d, d);
      layer(name + "attention.output.LayerNorm", d, 0);
      layer(name + "intermediate.dense", c.inner_width, d);
      layer(name + "output.dense", d, c.inner_width);
      layer(name + "output.LayerNorm", d, 0);
    }
    if (c.pooling != Pooling::mean) layer("head.dense", d, d);
    layer("head.output", c.classes, d);
    for (NamedTensor& tensor : tensors) tensor.values = values[tensor.name];
  }
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::vector<float>> values;

 private:
  void layer(const std::string& name, std::int64_t rows, std::int64_t columns) {
    add(name + ".weight", rows, columns);
    add(name + ".bias", rows, 0);
  }
  void add(const std::string& name, std::int64_t rows, std::int64_t columns) {
    std::vector<float>& v = values[name];
    v.resize(static_cast<std::size_t>(rows * std::max<std::int64_t>(columns, 1)));
    for (float& value : v) value = rng_.normal();
    tensors.push_back({name, rows, columns, {}});
  }
  CounterRng rng_;
};

const std::vector<std::string> three_labels{"plant", "animal \"\u00e9\"", "LABEL_0"};

/// Tensors by their names in a file, to be changed and written.
struct Stored {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using StoredTensors = std::map<std::string, Stored>;

StoredTensors stored(const std::filesystem::path& path) {
  StoredTensors all;
  const SafetensorsFile file(path);
  for (const TensorEntry& tensor : file.tensors()) {
    Stored& one = all[tensor.name];
    one.shape = tensor.shape;
    one.values.resize(static_cast<std::size_t>(tensor.count()));
    file.read(tensor, one.values);
  }
  return all;
}
void store(const std::filesystem::path& path, const StoredTensors& tensors) {
  SafetensorsWriter writer;
  for (const auto& [name, tensor] : tensors) writer.add(name, tensor.shape, tensor.values);
  writer.write(path);
}

/// A saved model whose files a test changes.
struct ChangedModel {
  TemporaryFolder folder;
  TransformerConfig config;
  TinyModel model;
  StoredTensors tensors;

  explicit ChangedModel(EncoderFamily family = EncoderFamily::bert,
                        Pooling pooling = Pooling::bert_pooler)
      : config(tiny(family, pooling)), model(config) {
    save_pretrained(folder.path(), config, three_labels, model.tensors);
    tensors = stored(folder / "model.safetensors");
  }
  /// Loads what is in `tensors` now into a model of other values.
  LoadedWeights load(TinyModel& into) const {
    store(folder / "model.safetensors", tensors);
    return load_weights(folder.path(), config, into.tensors);
  }
  std::string complaint_of_load() const {
    return complaint(folder, [&] {
      TinyModel other(config, 2);
      load(other);
    });
  }
  /// What read_transformer_config says to config.json with `key` as `value`.
  std::string complaint_of_config(const std::string& key, const ordered_json& value) const {
    ordered_json json = ordered_json::parse(read_file(folder / "config.json"));
    json[key] = value;
    const TemporaryFolder changed;
    changed.file("config.json", json.dump());
    return complaint(changed, [&] { read_transformer_config(changed.path()); });
  }
};

}  // namespace

TEST_CASE("a saved model is loaded again: both families, all poolings, all ways to store") {
  const auto [family, pooling] = GENERATE(table<EncoderFamily, Pooling>({
      {EncoderFamily::bert, Pooling::bert_pooler},
      {EncoderFamily::bert, Pooling::mean},
      {EncoderFamily::roberta, Pooling::roberta_head},
      {EncoderFamily::roberta, Pooling::mean},
  }));
  const StoredAs stored_as = GENERATE(StoredAs::f32, StoredAs::f16, StoredAs::bf16);
  const TransformerConfig config = tiny(family, pooling);
  const TinyModel model(config);
  const TemporaryFolder parent;
  const auto folder = parent / "a/b";  // made
  save_pretrained(folder, config, three_labels, model.tensors, stored_as);

  CHECK(same(read_transformer_config(folder), config));
  CHECK(read_label_names(folder) == three_labels);
  TinyModel loaded(config, 2);
  const LoadedWeights result = load_weights(folder, config, loaded.tensors);
  CHECK(result.fresh.empty());
  CHECK(result.ignored.empty());
  TinyModel expected = model;
  for (auto& [name, values] : expected.values) {
    for (float& value : values) {
      if (stored_as == StoredAs::f16) value = half_to_float(float_to_half(value));
      if (stored_as == StoredAs::bf16) value = bfloat_to_float(float_to_bfloat(value));
    }
  }
  CHECK(loaded.values == expected.values);
  CHECK(std::filesystem::exists(folder / "modeling_mean_pooling.py") == (pooling == Pooling::mean));

  const ordered_json json = ordered_json::parse(read_file(folder / "config.json"));
  CHECK(json["hidden_dropout_prob"].dump() == "0.2");
  CHECK(json["label2id"][three_labels[1]] == 1);
  CHECK(json["dtype"] == (stored_as == StoredAs::f32   ? "float32"
                          : stored_as == StoredAs::f16 ? "float16"
                                                       : "bfloat16"));
}

TEST_CASE("tensors are saved under the names that transformers gives them") {
  const auto names = [](EncoderFamily family, Pooling pooling) {
    const ChangedModel saved(family, pooling);
    std::string head;
    for (const auto& [name, tensor] : saved.tensors) {
      if (name.find("classifier") == 0 || name.find("pooler") != std::string::npos)
        head += name + " ";
    }
    return head;
  };
  CHECK(names(EncoderFamily::bert, Pooling::bert_pooler) ==
        "bert.pooler.dense.bias bert.pooler.dense.weight classifier.bias classifier.weight ");
  CHECK(names(EncoderFamily::bert, Pooling::mean) == "classifier.bias classifier.weight ");
  CHECK(names(EncoderFamily::roberta, Pooling::roberta_head) ==
        "classifier.dense.bias classifier.dense.weight classifier.out_proj.bias "
        "classifier.out_proj.weight ");
  CHECK(names(EncoderFamily::roberta, Pooling::mean) == "classifier.bias classifier.weight ");
  const ChangedModel saved(EncoderFamily::roberta, Pooling::roberta_head);
  CHECK(saved.tensors.contains("roberta.embeddings.word_embeddings.weight"));
  CHECK(saved.tensors.contains("roberta.encoder.layer.1.attention.self.key.bias"));
}

TEST_CASE("config.json: what is absent is as in transformers") {
  const TemporaryFolder folder;
  folder.file("config.json", R"({"model_type": "bert"})");
  TransformerConfig c = read_transformer_config(folder.path());
  CHECK(c.pooling == Pooling::bert_pooler);
  CHECK(std::vector<int>{c.vocabulary, c.width, c.layers, c.heads, c.inner_width, c.positions,
                         c.first_position, c.token_types,
                         c.classes} == std::vector<int>{30522, 768, 12, 12, 3072, 512, 0, 2, 2});
  CHECK(c.norm_epsilon == 1e-12f);
  CHECK(read_label_names(folder.path()).empty());
  folder.file("config.json",
              R"({"model_type": "roberta", "classifier_dropout": null, "num_labels": 7,
      "hidden_dropout_prob": 0.25, "max_position_embeddings": 514, "layer_norm_eps": 1e-05})");
  c = read_transformer_config(folder.path());
  CHECK(c.pooling == Pooling::roberta_head);
  CHECK(c.vocabulary == 50265);
  CHECK(c.classes == 7);
  CHECK(c.first_position == 2);
  CHECK(c.longest_text() == 512);
  CHECK(c.head_dropout == 0.25f);
  folder.file("config.json",
              R"({"model_type": "roberta", "pad_token_id": 0, "classifier_dropout": 0,
      "candist_pooling": "mean", "id2label": {"0": "a", "1": "b", "2": "c"}})");
  c = read_transformer_config(folder.path());
  CHECK(c.pooling == Pooling::mean);
  CHECK(c.first_position == 1);
  CHECK(c.head_dropout == 0.0f);
  CHECK(c.classes == 3);
}

TEST_CASE("config.json: what is wrong or not of these models is refused by name") {
  const ChangedModel saved(EncoderFamily::roberta, Pooling::roberta_head);
  const auto [key, value, message] = GENERATE(table<std::string, ordered_json, std::string>({
      {"model_type", "gpt2",
       "an unknown architecture, \"model_type\" \"gpt2\", expected \"bert\" or"},
      {"model_type", nullptr, "found \"model_type\" is null, expected a string"},
      {"hidden_act", "gelu_new", "\"hidden_act\" is \"gelu_new\", expected \"gelu\""},
      {"hidden_act", "relu", "\"hidden_act\" is \"relu\", expected \"gelu\""},
      {"hidden_act", 3, "\"hidden_act\" is 3, expected a string"},
      {"position_embedding_type", "relative_key", "is \"relative_key\", expected \"absolute\""},
      {"is_decoder", true, "\"is_decoder\" is true, expected an encoder"},
      {"add_cross_attention", true, "\"add_cross_attention\" is true, expected an encoder"},
      {"num_attention_heads", 3,
       "\"num_attention_heads\" is 3, expected a divisor of \"hidden_size\""},
      {"num_attention_heads", 0, "\"num_attention_heads\" is 0, expected a whole number of 1 to"},
      {"hidden_size", 0, "\"hidden_size\" is 0, expected a whole number of 1 to 65536"},
      {"hidden_size", -8, "\"hidden_size\" is -8, expected"},
      {"hidden_size", 8.0, "\"hidden_size\" is a number, expected a whole number"},
      {"hidden_size", "8", "\"hidden_size\" is \"8\", expected a whole number"},
      {"num_hidden_layers", 0, "\"num_hidden_layers\" is 0, expected"},
      {"intermediate_size", 0, "\"intermediate_size\" is 0, expected"},
      {"vocab_size", 4000000000, "\"vocab_size\" is 4000000000, expected"},
      {"vocab_size", 0, "\"vocab_size\" is 0, expected"},
      {"max_position_embeddings", 0, "\"max_position_embeddings\" is 0, expected"},
      {"max_position_embeddings", 2, "\"pad_token_id\" is 1, expected less than"},
      {"pad_token_id", -1, "\"pad_token_id\" is -1, expected a whole number of 0 to 10"},
      {"pad_token_id", 11, "\"pad_token_id\" is 11, expected a whole number of 0 to 10"},
      {"type_vocab_size", 0, "\"type_vocab_size\" is 0, expected"},
      {"layer_norm_eps", 0, "\"layer_norm_eps\" is 0.0, expected 1e-30 to below 1.0"},
      {"layer_norm_eps", "small", "\"layer_norm_eps\" is \"small\", expected a number"},
      {"hidden_dropout_prob", 1, "\"hidden_dropout_prob\" is 1.0, expected 0.0 to below 1.0"},
      {"hidden_dropout_prob", 0.9999999999, "\"hidden_dropout_prob\" is 0.9999999999, expected"},
      {"attention_probs_dropout_prob", -0.1, "\"attention_probs_dropout_prob\" is -0.1, expected"},
      {"classifier_dropout", 2, "\"classifier_dropout\" is 2.0, expected"},
      {"candist_pooling", "max", "\"candist_pooling\" is \"max\", expected \"mean\""},
      {"id2label", ordered_json::object(), "\"id2label\" of 0 labels, expected 1 to"},
      {"id2label", ordered_json::array(), "\"id2label\" is an array, expected an object"},
  }));
  INFO(key << " " << value.dump());
  const std::string found = saved.complaint_of_config(key, value);
  CHECK_THAT(found, Catch::Matchers::StartsWith("config.json: found "));
  CHECK_THAT(found, Catch::Matchers::Contains(message));
}

TEST_CASE("config.json: a model that no memory holds, an absent file, labels with gaps") {
  const TemporaryFolder folder;
  const auto config = [&] { read_transformer_config(folder.path()); };
  CHECK_THAT(complaint(folder, config), Catch::Matchers::StartsWith("config.json: found No such"));
  folder.file("config.json",
              R"({"model_type": "bert", "hidden_size": 65536, "num_hidden_layers": 4096,
      "num_attention_heads": 1, "intermediate_size": 1048576, "vocab_size": 268435456})");
  CHECK_THAT(complaint(folder, config),
             Catch::Matchers::Contains("parameters, expected at most 4294"));
  folder.file("config.json", "{");
  CHECK_THAT(complaint(folder, config), Catch::Matchers::Contains("broken JSON"));
  folder.file("config.json", "{}");
  CHECK(complaint(folder, config) == "config.json: found no \"model_type\", expected a string");

  const auto labels = [&](const std::string& ids) {
    folder.file("config.json", R"({"id2label": )" + ids + "}");
    return complaint(folder, [&] { read_label_names(folder.path()); });
  };
  CHECK(labels(R"({"1": "b", "0": "a"})") == "no error");
  CHECK(read_label_names(folder.path()) == std::vector<std::string>{"a", "b"});
  CHECK(labels(R"({"0": "a", "2": "b"})") ==
        "config.json: found \"id2label\" of id \"2\", expected 0 to 1, once each");
  CHECK_THAT(labels(R"({"0": "a", "00": "b"})"), Catch::Matchers::Contains("of id \"00\""));
  CHECK_THAT(labels(R"({"x": "a"})"), Catch::Matchers::Contains("of id \"x\""));
  CHECK_THAT(labels(R"({"0": 1})"),
             Catch::Matchers::Contains("\"id2label.0\" is 1, expected a str"));
}

TEST_CASE(
    "weights are found with and without prefix, and under the names of TensorFlow's layer norms") {
  const auto [family, pooling, prefix] = GENERATE(table<EncoderFamily, Pooling, std::string>({
      {EncoderFamily::bert, Pooling::bert_pooler, "bert."},
      {EncoderFamily::roberta, Pooling::roberta_head, "roberta."},
      {EncoderFamily::roberta, Pooling::mean, "roberta."},
  }));
  ChangedModel saved(family, pooling);
  const bool bare = GENERATE(false, true);
  const bool gamma = GENERATE(false, true);
  StoredTensors changed;
  for (const auto& [name, tensor] : saved.tensors) {
    std::string now = bare && name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    for (const auto& [ending, once] :
         {std::pair{"Norm.weight", "Norm.gamma"}, std::pair{"Norm.bias", "Norm.beta"}}) {
      if (gamma && now.ends_with(ending))
        now.replace(now.rfind('.'), std::string::npos, std::string(once).substr(4));
    }
    changed[now] = tensor;
  }
  saved.tensors = changed;
  TinyModel loaded(saved.config, 2);
  CHECK(saved.load(loaded).fresh.empty());
  CHECK(loaded.values == saved.model.values);
}

TEST_CASE("a head that is absent, or of other classes, stays fresh") {
  using Names = std::vector<std::string>;
  const Names output{"head.output.weight", "head.output.bias"};
  ChangedModel saved;
  saved.config.classes = 5;
  TinyModel other(saved.config, 2);
  const TinyModel before = other;
  LoadedWeights result = saved.load(other);
  CHECK(result.fresh == output);
  CHECK(result.ignored == Names{"classifier.bias", "classifier.weight"});
  CHECK(other.values.at("head.output.weight") == before.values.at("head.output.weight"));
  CHECK(other.values.at("head.output.bias") == before.values.at("head.output.bias"));
  CHECK(other.values.at("head.dense.weight") == saved.model.values.at("head.dense.weight"));

  // A BertModel has no classifier; one without pooling layer has neither.
  saved.tensors.erase("classifier.weight");
  saved.tensors.erase("classifier.bias");
  CHECK(saved.load(other).fresh == output);
  saved.tensors.erase("bert.pooler.dense.weight");
  saved.tensors.erase("bert.pooler.dense.bias");
  result = saved.load(other);
  CHECK(result.fresh ==
        Names{"head.dense.weight", "head.dense.bias", "head.output.weight", "head.output.bias"});

  // The head of the mean, over the weights of another head.
  const ChangedModel roberta(EncoderFamily::roberta, Pooling::roberta_head);
  TransformerConfig mean = roberta.config;
  mean.pooling = Pooling::mean;
  TinyModel mean_model(mean, 2);
  result = load_weights(roberta.folder.path(), mean, mean_model.tensors);
  CHECK(result.fresh == output);
  CHECK(result.ignored.size() == 4);
}

TEST_CASE("tensors without use are known, all others are refused") {
  const Stored one{{1}, {1.0f}};
  ChangedModel bert;
  for (const char* name :
       {"cls.predictions.bias", "cls.predictions.transform.LayerNorm.gamma", "lm_head.dense.weight",
        "qa_outputs.weight", "bert.embeddings.position_ids", "embeddings.position_ids",
        "classifier.extra"})
    bert.tensors[name] = one;
  TinyModel loaded(bert.config, 2);
  CHECK(bert.load(loaded).ignored.size() == 7);
  ChangedModel roberta(EncoderFamily::roberta, Pooling::roberta_head);
  roberta.tensors["roberta.pooler.dense.weight"] = one;
  roberta.tensors["pooler.dense.bias"] = one;
  TinyModel loaded_too(roberta.config, 2);
  CHECK(roberta.load(loaded_too).ignored.size() == 2);

  for (const char* name : {"bert.encoder.layer.2.output.dense.bias", "encoder.layer.0.adapter.down",
                           "bert.pooler.extra", "roberta.embeddings.position_ids2", "other", ""}) {
    ChangedModel saved;
    saved.tensors[name] = one;
    CHECK(saved.complaint_of_load() ==
          "model.safetensors: found tensor \"" + std::string(name) +
              "\" [1], expected only those of the model that config.json describes");
  }
}

TEST_CASE("weights that do not fit are refused by name, with both shapes") {
  const std::string table = "bert.embeddings.word_embeddings.weight";
  struct Case {
    std::function<void(ChangedModel&)> change;
    std::string message;
  };
  const std::vector<Case> cases{
      {[&](auto& saved) { saved.tensors.erase(table); },
       "no tensor \"" + table +
           "\", expected it or \"embeddings.word_embeddings.weight\", of shape [11, 8]"},
      {[&](auto& saved) {
         saved.tensors[table] = {{10, 8}, std::vector<float>(80)};
       },
       "tensor \"" + table + "\" of shape [10, 8], expected [11, 8]"},
      {[&](auto& saved) {
         saved.tensors[table].shape = {8, 11};
       },
       "of shape [8, 11], expected [11, 8]"},
      {[&](auto& saved) { saved.tensors[table].shape = {88}; }, "of shape [88], expected [11, 8]"},
      {[&](auto& saved) {
         saved.tensors["bert.encoder.layer.0.output.dense.bias"].shape = {8, 1};
       },
       "of shape [8, 1], expected [8]"},
      {[&](auto& saved) {
         saved.tensors["bert.pooler.dense.weight"].shape = {4, 16};
       },
       "tensor \"bert.pooler.dense.weight\" of shape [4, 16], expected [8, 8]"},
      {[&](auto& saved) {
         saved.tensors["classifier.weight"].shape = {8, 3};
       },
       "tensor \"classifier.weight\" of shape [8, 3], expected [3, 8]"},
      {[&](auto& saved) {
         saved.tensors["classifier.bias"].shape = {1, 3};
       },
       "tensor \"classifier.bias\" of shape [1, 3], expected [3]"},
      {[&](auto& saved) {
         saved.tensors["classifier.bias"] = {{4}, std::vector<float>(4)};
       },
       "tensor \"classifier.weight\" but no \"classifier.bias\" that fits it, expected both, or"},
      {[&](auto& saved) { saved.tensors.erase("bert.pooler.dense.bias"); },
       "tensor \"bert.pooler.dense.weight\" but no \"bert.pooler.dense.bias\""},
      {[&](auto& saved) {
         saved.tensors["embeddings.word_embeddings.weight"] = saved.tensors[table];
       },
       "tensors \"" + table + "\" and \"embeddings.word_embeddings.weight\", expected one of them"},
      {[&](auto& saved) { saved.config.layers = 3; },
       "no tensor \"bert.encoder.layer.2.attention.self.query.weight\""},
      {[&](auto& saved) { saved.config.layers = 1; },
       "tensor \"bert.encoder.layer.1.attention.output.LayerNorm.bias\" [8], expected only"},
  };
  for (const Case& wrong : cases) {
    ChangedModel saved;
    wrong.change(saved);
    const std::string message = saved.complaint_of_load();
    CHECK_THAT(message, Catch::Matchers::StartsWith("model.safetensors: found "));
    CHECK_THAT(message, Catch::Matchers::Contains(wrong.message));
  }

  ChangedModel saved;
  TinyModel loaded(saved.config, 2);
  loaded.tensors[0].rows = 12;
  CHECK_THROWS_AS(saved.load(loaded), ShapeError);
  TransformerConfig wrong_head = saved.config;
  wrong_head.pooling = Pooling::roberta_head;
  CHECK_THROWS_AS(load_weights(saved.folder.path(), wrong_head, loaded.tensors), InputError);
}

TEST_CASE("sharded weights are read through their index, which must say where everything is") {
  const ChangedModel saved;
  const TemporaryFolder folder;
  StoredTensors first;
  StoredTensors second;
  ordered_json map;
  for (const auto& [name, tensor] : saved.tensors) {
    StoredTensors& shard = first.size() <= second.size() ? first : second;
    shard[name] = tensor;
    map[name] = &shard == &first ? "model-1.safetensors" : "model-2.safetensors";
  }
  store(folder / "model-1.safetensors", first);
  store(folder / "model-2.safetensors", second);
  const auto load_with = [&](const ordered_json& index) {
    folder.file("model.safetensors.index.json", index.dump());
    TinyModel loaded(saved.config, 2);
    const LoadedWeights result = load_weights(folder.path(), saved.config, loaded.tensors);
    return result.fresh.empty() && loaded.values == saved.model.values;
  };
  CHECK(load_with({{"metadata", {{"total_size", 1}}}, {"weight_map", map}}));

  const auto refused = [&](const ordered_json& weight_map) {
    return complaint(folder, [&] { load_with({{"weight_map", weight_map}}); });
  };
  const auto changed = [&](const char* key, const ordered_json& value) {
    ordered_json other = map;
    other[key] = value;
    return refused(other);
  };
  const char* name = "classifier.bias";
  REQUIRE(map[name] == "model-2.safetensors");
  CHECK_THAT(changed(name, "model-1.safetensors"),
             Catch::Matchers::Contains("model-1.safetensors: found no tensor \"classifier.bias\""));
  CHECK_THAT(changed("extra", "model-1.safetensors"),
             Catch::Matchers::Contains("model-1.safetensors: found no tensor \"extra\""));
  CHECK_THAT(changed(name, "model-3.safetensors"),
             Catch::Matchers::StartsWith("model-3.safetensors: found No such file"));
  for (const char* place : {"../model-2.safetensors", "/etc/passwd", "model-2.bin", "", ".."}) {
    CHECK_THAT(changed(name, place),
               Catch::Matchers::Contains("expected the name of a .safetensors file of the folder"));
  }
  CHECK_THAT(changed(name, 2), Catch::Matchers::Contains("is 2, expected a string"));
  ordered_json fewer = map;
  fewer.erase(name);
  CHECK_THAT(refused(fewer),
             Catch::Matchers::Contains("found tensor \"classifier.bias\", expected none"));
  CHECK_THAT(refused(nullptr), Catch::Matchers::Contains("weight_map"));
  folder.file("model.safetensors.index.json",
              R"({"weight_map": {"classifier.bias": "model-2.safetensors",
                                 "classifier.bias": "model-2.safetensors"}})");
  CHECK_THAT(complaint(folder, [&] { WeightFiles files(folder.path()); }),
             Catch::Matchers::Contains("tensor \"classifier.bias\" twice"));
}

TEST_CASE("a folder without safetensors is refused, pickled weights with the way to convert them") {
  const TemporaryFolder folder;
  const auto open = [&] { WeightFiles files(folder.path()); };
  CHECK(complaint(folder, open) == ": found no model.safetensors, expected the weights of a model");
  folder.file("pytorch_model.bin", "pickle");
  const std::string message = complaint(folder, open);
  CHECK_THAT(message, Catch::Matchers::Contains("pytorch_model.bin without model.safetensors"));
  CHECK_THAT(message, Catch::Matchers::Contains("s.save_file({"));
}

TEST_CASE("a vocabulary that does not fit the weights is refused") {
  const TemporaryFolder folder;
  const TransformerConfig config = tiny(EncoderFamily::bert, Pooling::mean);
  check_vocabulary(folder.path(), config, 11);
  check_vocabulary(folder.path(), config, 5);
  CHECK(complaint(folder, [&] { check_vocabulary(folder.path(), config, 12); }) ==
        ": found a vocabulary that does not fit the weights: ids up to 11 of the tokenizer, "
        "expected ids below 11, the rows of embeddings.word_embeddings.weight");
}

TEST_CASE(
    "save_pretrained refuses labels, heads and values that will not do, and keeps what was there") {
  ChangedModel saved;
  const std::string weights = read_file(saved.folder / "model.safetensors");
  const std::string config = read_file(saved.folder / "config.json");
  const auto save = [&](const TransformerConfig& c, const std::vector<std::string>& labels) {
    save_pretrained(saved.folder.path(), c, labels, saved.model.tensors);
  };
  CHECK_THROWS_AS(save(saved.config, {"a", "b"}), ShapeError);
  CHECK_THROWS_AS(save(saved.config, {"a", "b", "a"}), InputError);
  CHECK_THROWS_AS(save(saved.config, {"a", "b", ""}), InputError);
  CHECK_THROWS_AS(save(saved.config, {"a", "b", "\xFF"}), InputError);
  TransformerConfig wrong = saved.config;
  wrong.pooling = Pooling::roberta_head;
  CHECK_THROWS_AS(save(wrong, three_labels), InputError);
  saved.model.tensors[3].values[2] = std::numeric_limits<float>::infinity();
  CHECK_THAT(complaint<RunError>(saved.folder,
                                 [&] {
                                   save(saved.config, {"x", "y", "z"});
                                 }),
             Catch::Matchers::Contains("bert.embeddings.LayerNorm.weight\": value 2 is inf"));
  CHECK(read_file(saved.folder / "model.safetensors") == weights);
  CHECK(read_file(saved.folder / "config.json") == config);
  CHECK_THROWS_AS(save_pretrained("/proc/none", saved.config, three_labels, saved.model.tensors),
                  InputError);
}
