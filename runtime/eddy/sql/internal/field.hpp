// Field: one value of an answer as the server wrote it, and what it is read as.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy::sql {

class Field {
 public:
  Field(std::string_view column, std::optional<std::string_view> text) noexcept
      : column_(column), text_(text) {}
  bool is_null() const noexcept { return !text_; }
  // Empty for NULL. While a Row of the answer lives.
  std::string_view text() const noexcept { return text_.value_or(std::string_view()); }
  std::string_view column() const noexcept { return column_; }
  // Throws Error (conversion): column 'age' is no `type`: 'abc'
  [[noreturn]] void refuse(std::string_view type) const;

 private:
  std::string_view column_;
  std::optional<std::string_view> text_;
};

// To be specialised for a type of one's own: static T read(const Field&), of one that is not NULL.
template <class T>
struct FromField;

namespace internal {

bool read_bool(const Field& field);
std::int64_t read_integer(const Field& field);
std::uint64_t read_natural(const Field& field);
double read_real(const Field& field);
float read_float(const Field& field);
char read_letter(const Field& field);  // of one byte
std::vector<std::byte> read_bytes(const Field& field);
// The items of '{a,"b c",NULL}', whose texts die with what is returned.
std::vector<std::optional<std::string>> read_items(const Field& field);

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

template <class T>
T read_number(const Field& field) {
  if constexpr (std::same_as<T, float>) {
    return read_float(field);
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(read_real(field));
  } else if constexpr (std::is_signed_v<T>) {
    const std::int64_t value = read_integer(field);
    if (!std::in_range<T>(value)) field.refuse("integer of that size");
    return static_cast<T>(value);
  } else {
    const std::uint64_t value = read_natural(field);
    if (!std::in_range<T>(value)) field.refuse("unsigned integer of that size");
    return static_cast<T>(value);
  }
}

template <class T>
T read_field(const Field& field) {
  if constexpr (is_optional<T>) {
    if (field.is_null()) return std::nullopt;
    return T(read_field<typename T::value_type>(field));
  } else {
    if (field.is_null()) field.refuse("value, but NULL");
    if constexpr (std::same_as<T, bool>) {
      return read_bool(field);
    } else if constexpr (std::same_as<T, char>) {
      return read_letter(field);
    } else if constexpr (std::integral<T> || std::floating_point<T>) {
      return read_number<T>(field);
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
      return T(field.text());
    } else if constexpr (std::same_as<T, std::vector<std::byte>>) {
      return read_bytes(field);
    } else if constexpr (is_vector<T>) {
      static_assert(!std::same_as<typename T::value_type, std::string_view> &&
                        !std::same_as<typename T::value_type, std::optional<std::string_view>>,
                    "nobody keeps what it would be a view of");
      T all;
      for (const auto& item : read_items(field)) {
        std::optional<std::string_view> text;
        if (item) text = *item;
        all.push_back(read_field<typename T::value_type>(Field(field.column(), text)));
      }
      return all;
    } else {
      static_assert(
          requires { FromField<T>::read(field); },
          "no type that a column is read as: see eddy/sql/row.hpp; a struct needs columns<T> and "
          "as<T>(), any other type a FromField<T>");
      return FromField<T>::read(field);
    }
  }
}

}  // namespace internal

}  // namespace eddy::sql
