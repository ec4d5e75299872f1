// What counts as a body: a callable that returns a Task, and the guard against GCC's
// miscompilation.
//
// GCC 12 copies a closure bit by bit, and destroys it twice, when the closure is a temporary with a
// non-trivial capture inside an expression that contains co_await. Nobody should meet that at run
// time, so whatever takes a callable refuses such a temporary at compile time.
#pragma once

#include <eddy/core/task.hpp>

#include <concepts>
#include <functional>
#include <type_traits>

namespace eddy {

namespace internal {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

}  // namespace internal

// Callable with Args..., returning a Task.
template <class F, class... Args>
concept Body = std::invocable<F&, Args...> && internal::is_task<std::invoke_result_t<F&, Args...>>;

template <class F, class... Args>
using BodyValue = typename std::invoke_result_t<F&, Args...>::value_type;

namespace internal {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
inline constexpr bool closures_are_miscompiled = true;
#else
inline constexpr bool closures_are_miscompiled = false;
#endif

// `F` as deduced by a forwarding reference: not a reference means that a temporary was passed.
template <class F>
inline constexpr bool safe_callable =
    !closures_are_miscompiled || std::is_reference_v<F> ||
    std::is_trivially_copyable_v<std::remove_cvref_t<F>>;

}  // namespace internal

}  // namespace eddy

#define EDDY_CHECK_CALLABLE(F)                                                             \
  static_assert(                                                                           \
      ::eddy::internal::safe_callable<F>,                                                  \
      "GCC before 14 destroys the captures of this temporary twice if it stands in an "    \
      "expression with co_await. Either capture by reference ([&]), or give the callable " \
      "a name and pass that: auto body = [c] { ... }; spawn(body);")
