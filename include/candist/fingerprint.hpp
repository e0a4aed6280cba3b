// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A stable hash of bytes: the same on every machine and in every version, so that it may name files
// and stand in them. Not for secrets: whoever wants to can make two texts of one hash.
#pragma once

#include <bit>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace candist {

/// 128 bits that stand for a text.
struct Fingerprint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  /// 32 digits.
  std::string hex() const;
  auto operator<=>(const Fingerprint&) const = default;
};

/// For std::unordered_set and _map.
struct FingerprintHash {
  std::size_t operator()(const Fingerprint& f) const { return static_cast<std::size_t>(f.low); }
};

/// MurmurHash3_x64_128 (Appleby 2011, public domain).
inline Fingerprint fingerprint(std::string_view bytes, std::uint32_t seed = 0);

/// 16 digits.
inline std::string hex_digits(std::uint64_t number) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
  return text;
}
/// What hex_digits wrote, also shorter; nothing for any other text.
inline std::optional<std::uint64_t> parse_hex_digits(std::string_view text) {
  std::uint64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, number, 16);
  if (error != std::errc() || stop != last) return std::nullopt;
  return number;
}

// ---- definitions

namespace detail {

/// Up to 8 bytes, the first one lowest, whatever the machine's own order.
inline std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

inline std::uint64_t avalanche(std::uint64_t h) {
  h = (h ^ h >> 33) * 0xFF51AFD7ED558CCDu;
  h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53u;
  return h ^ h >> 33;
}

}  // namespace detail

inline std::string Fingerprint::hex() const { return hex_digits(high) + hex_digits(low); }

inline Fingerprint fingerprint(std::string_view bytes, std::uint32_t seed) {
  constexpr std::uint64_t c1 = 0x87C37B91114253D5u;
  constexpr std::uint64_t c2 = 0x4CF5AD432745937Fu;
  const std::uint64_t length = bytes.size();
  std::uint64_t h1 = seed;
  std::uint64_t h2 = seed;
  const auto mixed_first = [&](std::string_view part) {
    return std::rotl(detail::little_endian(part) * c1, 31) * c2;
  };
  const auto mixed_second = [&](std::string_view part) {
    return std::rotl(detail::little_endian(part) * c2, 33) * c1;
  };
  for (; bytes.size() >= 16; bytes.remove_prefix(16)) {
    h1 = (std::rotl(h1 ^ mixed_first(bytes.substr(0, 8)), 27) + h2) * 5 + 0x52DCE729u;
    h2 = (std::rotl(h2 ^ mixed_second(bytes.substr(8, 8)), 31) + h1) * 5 + 0x38495AB5u;
  }
  h1 ^= mixed_first(bytes.substr(0, 8));
  if (bytes.size() > 8) h2 ^= mixed_second(bytes.substr(8));
  h1 ^= length;
  h2 ^= length;
  h1 += h2;
  h2 += h1;
  h1 = detail::avalanche(h1);
  h2 = detail::avalanche(h2);
  h1 += h2;
  h2 += h1;
  return {h1, h2};
}

}  // namespace candist
