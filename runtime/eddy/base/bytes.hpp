// Views of memory that files and streams read from and write into. They own nothing.
//
// What a call is given as a temporary that owns its memory, such as a std::string that a function
// returns, it takes over: it may be stored, and spawned. Any other memory must stay until the call
// has resumed: a Bytes that you make of a temporary yourself is a view of what has gone.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

namespace eddy {
class Bytes;
class MutableBytes;
}  // namespace eddy

template <>
inline constexpr bool std::ranges::enable_borrowed_range<eddy::Bytes> = true;
template <>
inline constexpr bool std::ranges::enable_borrowed_range<eddy::MutableBytes> = true;

namespace eddy {

// Anything contiguous and trivially copyable converts: std::string, std::string_view, a literal,
// std::vector<char>, std::array, std::span<const std::byte>. An array of char is text: up to its
// first zero byte, as in a literal, or to its end where it has none.
class Bytes : public std::span<const std::byte> {
 public:
  using span::span;
  Bytes() = default;
  Bytes(std::span<const std::byte> bytes) noexcept : span(bytes) {}
  Bytes(const void* data, std::size_t size) noexcept
      : span(static_cast<const std::byte*>(data), size) {}
  template <std::size_t Size>
  Bytes(const char (&text)[Size]) noexcept : Bytes(text, ::strnlen(text, Size)) {}
  template <std::convertible_to<std::string_view> Text>
  Bytes(const Text& text) noexcept
      : Bytes(std::string_view(text).data(), std::string_view(text).size()) {}
  template <std::ranges::contiguous_range Range>
    requires std::is_trivially_copyable_v<std::ranges::range_value_t<Range>> &&
             (!std::convertible_to<const Range&, std::string_view>) &&
             (!std::derived_from<std::remove_cvref_t<Range>, std::span<const std::byte>>)
  Bytes(const Range& range) noexcept
      : Bytes(std::ranges::data(range),
              std::ranges::size(range) * sizeof(std::ranges::range_value_t<Range>)) {}

  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data()), size()};
  }
};

// An array of char is whole here: it is room, whatever stands in it. There is none in a temporary,
// of which nobody would see what was read.
class MutableBytes : public std::span<std::byte> {
 public:
  using span::span;
  MutableBytes() = default;
  MutableBytes(std::span<std::byte> bytes) noexcept : span(bytes) {}
  MutableBytes(void* data, std::size_t size) noexcept
      : span(static_cast<std::byte*>(data), size) {}
  template <std::ranges::contiguous_range Range>
    requires std::ranges::borrowed_range<Range> &&
             std::is_trivially_copyable_v<std::ranges::range_value_t<Range>> &&
             (!std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<Range>>>) &&
             (!std::derived_from<std::remove_cvref_t<Range>, std::span<std::byte>>)
  MutableBytes(Range&& range) noexcept
      : MutableBytes(std::ranges::data(range),
                     std::ranges::size(range) * sizeof(std::ranges::range_value_t<Range>)) {}
};

namespace internal {

// Moved, it leaves its memory behind.
template <class R>
inline constexpr bool is_initializer_list = false;
template <class T>
inline constexpr bool is_initializer_list<std::initializer_list<T>> = true;

// `R` as deduced by a forwarding reference: a temporary that takes its memory along when it is
// moved.
template <class R>
concept Temporary = std::is_class_v<R> && std::move_constructible<R> &&
                    !std::ranges::borrowed_range<R> && !is_initializer_list<std::remove_cv_t<R>>;
template <class R>
concept TemporaryBytes = Temporary<R> && std::convertible_to<R&, Bytes>;

}  // namespace internal

}  // namespace eddy
