// require_same_loop: what waits for several tasks waits for those of the running loop.
//
// A task of another loop would wake it in a turn of that loop, which this one may sleep through.
// One that is done wakes nobody, and may be another's (C11).
#pragma once

#include <eddy/core/join_handle.hpp>

#include <concepts>

namespace eddy::internal {

// Throws UsageError when `task` runs on another loop than the one whose turn it is.
inline void require_same_loop(const TaskState& task) {
  if (task.done() || task.loop_id() == thread_state.loop_id) [[likely]] return;
  throw UsageError("a task of another loop cannot be waited for: use run_from_thread()");
}

// The same for an argument that may be a handle, or anything else that can be awaited: before the
// first task is spawned. What is built outside of a turn is looked at where it is awaited.
template <class A>
void require_same_loop_of(const A& awaitable) {
  if constexpr (std::derived_from<A, TaskHandle>) {
    if (thread_state.loop) require_same_loop(awaitable.state());
  }
}

}  // namespace eddy::internal
