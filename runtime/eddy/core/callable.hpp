// What counts as a body: a callable that returns a Task, and the guard against GCC's
// miscompilation.
//
// GCC 12 copies a closure or an aggregate bit by bit, and destroys it twice, when it is a temporary
// with a non-trivial member inside an expression that contains co_await. Nobody should meet that at
// run time, so whatever takes a callable refuses such a temporary at compile time.
//
// What is given is kept as std::decay makes of it: a function as a pointer to it, an rvalue moved.
#pragma once

#include <eddy/core/task.hpp>

#include <concepts>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace eddy {

namespace internal {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

// A Task, or what becomes one where a Task is wanted.
template <class R>
concept BecomesTask =
    is_task<R> || requires { requires std::convertible_to<R, Task<typename R::value_type>>; };

}  // namespace internal

// Callable with Args..., returning a Task, or what becomes one.
template <class F, class... Args>
concept Body =
    std::invocable<F&, Args...> && internal::BecomesTask<std::invoke_result_t<F&, Args...>>;

template <class F, class... Args>
using BodyValue = typename std::invoke_result_t<F&, Args...>::value_type;

namespace internal {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
inline constexpr bool closures_are_miscompiled = true;
#else
inline constexpr bool closures_are_miscompiled = false;
#endif

// GCC's name of a closure's type ends in "<lambda(parameters)>"; nothing else tells one from a
// class with a constructor, which is compiled well.
template <class F>
consteval bool is_closure() {
  const std::string_view name = __PRETTY_FUNCTION__;
  const auto end = name.find_last_not_of(']');
  if (name[end] != '>') return false;
  std::size_t begin = end;
  for (int depth = 1; depth > 0 && begin > 0;) {
    --begin;
    if (name[begin] == '>') ++depth;
    if (name[begin] == '<') --depth;
  }
  return name.substr(begin).starts_with("<lambda(");
}

// `F` as deduced by a forwarding reference: not a reference means that a temporary was passed.
template <class F>
consteval bool is_safe_callable() {
  if constexpr (!closures_are_miscompiled || std::is_reference_v<F> ||
                std::is_trivially_copyable_v<F>) {
    return true;
  } else {
    return !std::is_aggregate_v<F> && !is_closure<F>();
  }
}
template <class... Fs>
inline constexpr bool safe_callable = (is_safe_callable<Fs>() && ...);

template <class... Fs>
inline constexpr bool can_be_kept = (std::is_constructible_v<std::decay_t<Fs>, Fs> && ...);

// A callable in a class with a constructor.
template <class F>
class Moved {
 public:
  explicit Moved(F&& callable) : callable_(std::move(callable)) {}
  template <class... Args>
    requires std::invocable<F&, Args...>
  decltype(auto) operator()(Args&&... args) {
    return std::invoke(callable_, std::forward<Args>(args)...);
  }

 private:
  F callable_;
};

}  // namespace internal

// What has a name, to be taken over rather than copied: auto job = [socket = std::move(socket)]...;
// spawn(moved(job)). As std::move, where a compiler is right.
template <class F>
internal::Moved<F> moved(F& callable) {
  static_assert(!std::is_const_v<F>, "a constant cannot be moved from");
  return internal::Moved<F>(std::move(callable));
}

}  // namespace eddy

// For what is called and given back.
#define EDDY_CHECK_CALLABLE(...)                                                           \
  static_assert(                                                                           \
      ::eddy::internal::safe_callable<__VA_ARGS__>,                                        \
      "GCC before 14 destroys the captures of this temporary twice if it stands in an "    \
      "expression with co_await. Either capture by reference ([&]), or give the callable " \
      "a name and pass that: auto body = [c] { ... }; spawn(body); or, for one that "      \
      "cannot be copied, spawn(moved(body));")

// For what is kept.
#define EDDY_CHECK_KEPT(...)                                                               \
  EDDY_CHECK_CALLABLE(__VA_ARGS__);                                                        \
  static_assert(::eddy::internal::can_be_kept<__VA_ARGS__>,                                \
                "This callable is kept, and cannot be copied: hand it over, spawn(moved(body))")
