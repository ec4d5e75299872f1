// Field, Fields: names with values as a caller writes them down: header lines, parameters of a
// query, fields of a form. Views: what they show is copied by the call that is given them.
//
//   co_await client.get(url, {.headers = {{"Accept", "text/csv"}, {"X-Token", token}}});
//
// Up to eight in place, in braces; any number as a range that has them: a std::vector<http::Field>.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstddef>
#include <ranges>
#include <span>
#include <string_view>

namespace eddy::http {

struct Field {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const Field&, const Field&) = default;
};

// Trivially copyable, and no std::initializer_list: GCC 12 has neither in what is awaited.
class Fields {
 public:
  static constexpr std::size_t most_in_place = 8;

  Fields() noexcept = default;
  Fields(const Field& a, const Field& b = {}, const Field& c = {}, const Field& d = {},
         const Field& e = {}, const Field& f = {}, const Field& g = {},
         const Field& h = {}) noexcept
      : few_{a, b, c, d, e, f, g, h} {
    while (size_ < most_in_place && few_[size_].name.data()) ++size_;
  }
  // Must stay until the call that is given this has returned its awaitable.
  Fields(std::span<const Field> many) noexcept : many_(many.data()), size_(many.size()) {}
  template <std::ranges::contiguous_range R>
    requires std::same_as<std::ranges::range_value_t<R>, Field>
  Fields(const R& many) noexcept : Fields(std::span<const Field>(many)) {}

  const Field* begin() const noexcept { return many_ ? many_ : few_; }
  const Field* end() const noexcept { return begin() + size_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  Field few_[most_in_place];
  const Field* many_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace eddy::http
