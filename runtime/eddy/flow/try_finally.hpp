// try_finally(body, cleanup): Python's try/finally with a cleanup that may suspend, which C++
// cannot say with a destructor or inside a catch block.
//
// `body` is an awaitable, or a callable that returns a Task; `cleanup` a callable that returns an
// awaitable. The cleanup runs once, however the body ended, cancellation included: that was
// delivered already, so the cleanup can wait. A second cancel() interrupts the cleanup. What the
// cleanup throws replaces what the body threw.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>

#include <functional>

namespace eddy {

namespace internal {

template <Settles A, class F>
Task<typename A::value_type> finally_task(A body, F cleanup) {
  auto outcome = co_await as_outcome(std::move(body));
  co_await std::invoke(cleanup);
  if (!outcome) co_await fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<typename A::value_type>) co_return std::move(*outcome);
}

// Keeps the callable in its frame for as long as its task runs.
template <class B>
Task<BodyValue<B>> call(B body) {
  co_return co_await std::invoke(body);
}

}  // namespace internal

template <Awaitable A, class F>
auto try_finally(A&& body, F&& cleanup) {
  EDDY_CHECK_KEPT(F);
  return internal::finally_task(internal::awaiter_of(std::forward<A>(body)),
                                std::decay_t<F>(std::forward<F>(cleanup)));
}
template <class B, class F>
  requires Body<std::decay_t<B>>
auto try_finally(B&& body, F&& cleanup) {
  EDDY_CHECK_KEPT(B);
  EDDY_CHECK_KEPT(F);
  return internal::finally_task(internal::call(std::decay_t<B>(std::forward<B>(body))),
                                std::decay_t<F>(std::forward<F>(cleanup)));
}

}  // namespace eddy
