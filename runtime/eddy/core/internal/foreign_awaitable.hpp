// ForeignAwaitable: what the compiler takes after co_await, and is none of eddy's.
#pragma once

#include <eddy/core/internal/raises.hpp>

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

namespace eddy::internal {

// What co_await makes of an expression: the thing itself, or what its operator co_await returns.
template <class A>
decltype(auto) plain_awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return std::forward<A>(awaitable);
  }
}

// What is suspended tells by nothing, a bool, or the coroutine to go on with.
template <class R>
concept Suspended = std::is_void_v<R> || std::same_as<R, bool> ||
                    std::convertible_to<R, std::coroutine_handle<>>;

template <class A>
concept PlainAwaiter = requires(A& awaiter, std::coroutine_handle<> frame) {
  awaiter.await_ready() ? 1 : 0;
  { awaiter.await_suspend(frame) } -> Suspended;
  awaiter.await_resume();
};

template <class A>
concept ForeignAwaitable = requires(A&& awaitable) {
  requires PlainAwaiter<
      std::remove_reference_t<decltype(plain_awaiter_of(std::forward<A>(awaitable)))>>;
  requires !Awaiter<
      std::remove_reference_t<decltype(plain_awaiter_of(std::forward<A>(awaitable)))>>;
};

// What can be a task of its own without being one, or a call that returns one.
template <class A>
concept BecomesSpawned = Awaiter<A> || ForeignAwaitable<A>;

}  // namespace eddy::internal
