// Parameter: a value for $1, $2, ... of a statement, as it is written in a call.
//
// Sent as text whose type the server infers from the statement, as if it were a quoted literal
// there; where it has no way to tell, say so in the statement: $1::int. Bytes are a bytea. A
// std::vector is an array. NULL is nullptr, std::nullopt, or an empty std::optional.
//
// Anything else is given as text as PostgreSQL reads it, or a number that the statement converts:
// a time as to_timestamp($1), with the seconds since 1970; JSON as a string, for $1::jsonb.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/standard.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace eddy::sql {

namespace internal {

template <class T>
concept ByteRange = std::ranges::contiguous_range<T> &&
                    std::same_as<std::remove_cv_t<std::ranges::range_value_t<T>>, std::byte>;
template <class T>
concept TextLike = std::convertible_to<const T&, std::string_view>;
template <class T>
concept Number = (std::integral<T> || std::floating_point<T>) && !std::same_as<T, bool> &&
                 !std::same_as<T, char>;

}  // namespace internal

// A view, but of what had to be written out: it is copied when the call is made.
class Parameter {
 public:
  enum class Type : std::uint8_t { null, boolean, integer, natural, real, text, bytes };

  Parameter(std::nullptr_t) noexcept {}
  Parameter(std::nullopt_t) noexcept {}
  template <std::same_as<bool> T>
  Parameter(T value) noexcept : type_(Type::boolean), integer_(value) {}
  template <std::same_as<char> T>
  Parameter(const T& value) noexcept : type_(Type::text), view_(&value, 1) {}
  template <internal::Number T>
  Parameter(T value) noexcept {
    if constexpr (std::floating_point<T>) {
      type_ = Type::real;
      real_ = static_cast<double>(value);
    } else if constexpr (std::is_signed_v<T>) {
      type_ = Type::integer;
      integer_ = value;
    } else {
      type_ = Type::natural;
      natural_ = value;
    }
  }
  template <internal::TextLike T>
    requires(!std::is_pointer_v<T> && !internal::ByteRange<T>)
  Parameter(const T& text) noexcept : type_(Type::text), view_(std::string_view(text)) {}
  Parameter(const char* text) noexcept {
    if (!text) return;
    type_ = Type::text;
    view_ = text;
  }
  template <internal::ByteRange T>
  Parameter(const T& bytes) noexcept
      : type_(Type::bytes),
        view_(Bytes(std::ranges::data(bytes), std::ranges::size(bytes)).text()) {}
  template <class T>
  Parameter(const std::optional<T>& value) : Parameter(value ? Parameter(*value) : nullptr) {}
  // An array: '{1,2,3}'.
  template <class T>
    requires(!std::same_as<T, std::byte>)
  Parameter(const std::vector<T>& items) : type_(Type::text), is_owned_(true) {
    owned_ = "{";
    for (const T& item : items) append(item);
    owned_ += '}';
  }

  Type type() const noexcept { return type_; }
  std::string_view view() const noexcept { return is_owned_ ? owned_ : view_; }
  std::int64_t integer() const noexcept { return integer_; }
  std::uint64_t natural() const noexcept { return natural_; }
  double real() const noexcept { return real_; }

 private:
  void append(const Parameter& item);  // of an array

  Type type_ = Type::null;
  bool is_owned_ = false;
  union {
    std::int64_t integer_ = 0;
    std::uint64_t natural_;
    double real_;
  };
  std::string_view view_;
  std::string owned_;
};

}  // namespace eddy::sql
