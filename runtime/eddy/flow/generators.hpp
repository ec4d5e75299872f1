// What is done with generators: g | transform(f) | filter(p) | take(n), collect<Container>(g),
// for_each(g, f). One item at a time, in order; a function may return an awaitable, which is
// awaited.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/flow/generator.hpp>

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

namespace internal {

// What `f(item)` gives once it was awaited, if it must be.
template <class R>
struct Awaited : std::type_identity<R> {};
template <Awaitable R>
struct Awaited<R> : std::type_identity<AwaitValue<R>> {};
template <class F, class T>
using ItemValue = typename Awaited<std::invoke_result_t<F&, T&>>::type;

template <class F, class T>
Task<ItemValue<F, T>> apply_to(F& function, T& item) {
  if constexpr (Awaitable<std::invoke_result_t<F&, T&>>) {
    co_return co_await std::invoke(function, item);
  } else {
    co_return std::invoke(function, item);
  }
}

template <class T, class F>
Generator<ItemValue<F, T>> transformed(Generator<T> items, F function) {
  while (auto item = co_await items.next()) co_yield co_await apply_to(function, *item);
}
template <class T, class F>
Generator<T> filtered(Generator<T> items, F predicate) {
  while (auto item = co_await items.next()) {
    const bool wanted = co_await apply_to(predicate, *item);
    if (wanted) co_yield std::move(*item);
  }
}
template <class T>
Generator<T> taken(Generator<T> items, std::size_t count) {
  for (; count > 0; --count) {
    auto item = co_await items.next();
    if (!item) co_return;
    co_yield std::move(*item);
  }
  co_await items.aclose();
}

template <class F>
struct Transform {
  explicit Transform(F callable) : function(std::move(callable)) {}
  F function;
};
template <class F>
struct Filter {
  explicit Filter(F callable) : predicate(std::move(callable)) {}
  F predicate;
};
struct Take {
  explicit Take(Count most) : count(most.value()) {}
  std::size_t count;
};

}  // namespace internal

template <class F>
internal::Transform<std::decay_t<F>> transform(F&& function) {
  EDDY_CHECK_KEPT(F);
  return internal::Transform<std::decay_t<F>>(std::forward<F>(function));
}
template <class F>
internal::Filter<std::decay_t<F>> filter(F&& predicate) {
  EDDY_CHECK_KEPT(F);
  return internal::Filter<std::decay_t<F>>(std::forward<F>(predicate));
}
// The first `count`; then the source is closed. Throws UsageError for a negative count.
inline internal::Take take(internal::Count count) { return internal::Take(count); }

template <class T, class F>
auto operator|(Generator<T> items, internal::Transform<F> step) {
  return internal::transformed(std::move(items), std::move(step.function));
}
template <class T, class F>
Generator<T> operator|(Generator<T> items, internal::Filter<F> step) {
  return internal::filtered(std::move(items), std::move(step.predicate));
}
template <class T>
Generator<T> operator|(Generator<T> items, internal::Take step) {
  return internal::taken(std::move(items), step.count);
}

// Everything that is left, in a container.
template <template <class...> class Container = std::vector, class T>
Task<Container<T>> collect(Generator<T> items) {
  Container<T> all;
  while (auto item = co_await items.next()) all.insert(all.end(), std::move(*item));
  co_return all;
}

namespace internal {

template <class T, class F>
Task<> each_of(Generator<T> items, F function) {
  while (auto item = co_await items.next()) {
    if constexpr (Awaitable<std::invoke_result_t<F&, T&>>) {
      co_await std::invoke(function, *item);
    } else {
      std::invoke(function, *item);
    }
  }
}

}  // namespace internal

template <class T, class F>
Task<> for_each(Generator<T> items, F&& function) {
  EDDY_CHECK_KEPT(F);
  return internal::each_of<T, std::decay_t<F>>(std::move(items), std::forward<F>(function));
}

}  // namespace eddy
