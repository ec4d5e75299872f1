// items_of(range): what is in a range, as a Generator. A temporary is kept, and its items are moved
// out of it; one that has a name stays where it is, and its items are copied.
#pragma once

#include <eddy/flow/generator.hpp>

#include <ranges>
#include <type_traits>
#include <utility>

namespace eddy::internal {

template <class Range>
concept ItemRange = std::ranges::input_range<Range> && !requires(Range& range) { range.next(); };

template <class View, bool moves>
Generator<std::ranges::range_value_t<View>> items_in(View view) {
  for (auto&& item : view) {
    if constexpr (moves) {
      co_yield std::ranges::range_value_t<View>(std::move(item));
    } else {
      co_yield std::ranges::range_value_t<View>(item);
    }
  }
}

template <ItemRange Range>
auto items_of(Range&& range) {
  using View = std::views::all_t<Range>;
  return items_in<View, !std::is_lvalue_reference_v<Range>>(
      std::views::all(std::forward<Range>(range)));
}

}  // namespace eddy::internal
