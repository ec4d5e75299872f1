// What a character of a URL or of a header is, by one look.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace eddy::http::internal {

constexpr bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum class Sort : std::uint8_t {
  token = 1,  // RFC 9110, 5.6.2
  host = 2,
  control = 4,
  encoded = 8,  // what a URL may not show as it is
  ends_authority = 16,
};

inline constexpr auto sorts = [] {
  std::array<std::uint8_t, 256> all{};
  const auto mark = [&all](unsigned c, Sort sort) { all[c] |= static_cast<std::uint8_t>(sort); };
  for (unsigned c = 0; c < 256; ++c) {
    if (c < ' ' || c == 0x7f) mark(c, Sort::control);
    if (c == ' ' || c >= 0x80) mark(c, Sort::encoded);
    if (!is_letter_or_digit(static_cast<char>(c))) continue;
    mark(c, Sort::token);
    mark(c, Sort::host);
  }
  for (const unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) mark(c, Sort::token);
  for (const unsigned char c : std::string_view("-._~:%")) mark(c, Sort::host);
  for (const unsigned char c : std::string_view("/?#\\")) mark(c, Sort::ends_authority);
  return all;
}();

constexpr bool is_of(char c, Sort sort) noexcept {
  return (sorts[static_cast<unsigned char>(c)] & static_cast<std::uint8_t>(sort)) != 0;
}

inline bool all_are(std::string_view text, Sort sort) noexcept {
  return std::ranges::all_of(text, [sort](char c) { return is_of(c, sort); });
}

// Where the first one is, or the text's end.
inline std::size_t first_of(std::string_view text, Sort sort) noexcept {
  std::size_t place = 0;
  while (place < text.size() && !is_of(text[place], sort)) ++place;
  return place;
}

}  // namespace eddy::http::internal
