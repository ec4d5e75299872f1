// run_in_executor: a function on a thread as a task that has begun already, like asyncio's future.
#pragma once

#include <eddy/core/spawn.hpp>
#include <eddy/work/to_thread.hpp>

#include <cstddef>

namespace eddy {

// As spawn(pool.submit(...)), but the function is with the pool when this returns. The handle's
// cancel() takes it back unless it has begun. Throws UsageError outside of a loop.
//
// Unlike asyncio's, the function finds the context variables of the caller, as with to_thread():
// what is set for a task holds for all that is done for it (F81).
template <class F, class... Args>
  requires internal::Callable<F, Args...>
auto run_in_executor(ThreadPool& pool, F&& function, Args&&... arguments) {
  EDDY_CHECK_KEPT(F, Args...);
  return spawn(pool.submit(std::forward<F>(function), std::forward<Args>(arguments)...),
               {.eager = true});
}
// On the loop's own pool.
template <class F, class... Args>
  requires internal::Callable<F, Args...>
auto run_in_executor(std::nullptr_t, F&& function, Args&&... arguments) {
  return run_in_executor(default_pool(), std::forward<F>(function),
                         std::forward<Args>(arguments)...);
}

}  // namespace eddy
