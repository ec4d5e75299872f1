// Count: how many, out of any kind of integer.
//
// A parameter of an unsigned type takes -1 for 2^64 minus 1, and says nothing. This one refuses
// what is below zero, and what no signed number can say, with a UsageError that tells the number.
// In eddy::internal: programs have a Count of their own.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <concepts>
#include <cstddef>

namespace eddy::internal {

class Count {
 public:
  template <std::integral N>
  constexpr Count(N count) : value_(static_cast<std::size_t>(count)) {
    const auto checked = static_cast<std::ptrdiff_t>(count);
    if (checked < 0) [[unlikely]] refuse(checked);
  }

  constexpr std::size_t value() const noexcept { return value_; }

 private:
  [[noreturn]] static void refuse(std::ptrdiff_t count);

  std::size_t value_;
};

}  // namespace eddy::internal
