// to_thread: a function that blocks, on a thread of the loop's own pool, while the loop goes on.
//
// Up to min(32, processors + 4) at once for each loop, more queue. The threads end with the loop,
// which waits for functions that still run: so run() returns after they did. Looking up names has
// threads of its own, and files need none.
#pragma once

#include <eddy/work/thread_pool.hpp>

namespace eddy {

// co_await to_thread(function, arguments...): a ThreadCall; see ThreadPool::submit().
template <class F, class... Args>
  requires internal::Callable<F, Args...>
auto to_thread(F&& function, Args&&... arguments) {
  EDDY_CHECK_KEPT(F, Args...);
  return internal::call_on_thread(nullptr, std::forward<F>(function),
                                  std::forward<Args>(arguments)...);
}
// Cancelled, it does not wait for a function that has begun.
template <class F, class... Args>
  requires internal::Callable<F, Args...>
auto to_thread(AbandonOnCancel, F&& function, Args&&... arguments) {
  EDDY_CHECK_KEPT(F, Args...);
  return internal::leave_to_thread(nullptr, std::forward<F>(function),
                                   std::forward<Args>(arguments)...);
}

// The pool that to_thread() uses in the running loop. Throws UsageError outside of a loop.
ThreadPool& default_pool();

}  // namespace eddy
