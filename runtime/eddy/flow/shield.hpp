// shield(handle): waits for a task without passing a cancellation on to it.
//
// When the waiting task is cancelled it gets its Cancelled in the next turn and the shielded task
// runs on; awaiting its handle again works. When the shielded task was cancelled itself, the wait
// ends with that Cancelled. A task that is done does not suspend. Its failure is reported only if
// nobody ever looks at it.
#pragma once

#include <eddy/core/spawn.hpp>

namespace eddy {

namespace internal {

template <class T>
class [[nodiscard]] Shield : public Join<T> {
 public:
  explicit Shield(TaskState& target) noexcept
      : Join<T>(target, Waiter::kind<&Shield::describe, &detach>) {}

 private:
  static bool detach(Waiter& waiter) {
    static_cast<DoneHook&>(static_cast<Shield&>(waiter)).unlink();  // SH1: nothing stays behind
    return Waiter::leave(waiter);
  }
};

}  // namespace internal

template <class T>
internal::Shield<T> shield(const JoinHandle<T>& handle) {
  return internal::Shield<T>(handle.state());
}

// Spawns the task first.
template <class T>
internal::Shield<T> shield(Task<T> task) {
  return shield(spawn(std::move(task)));
}
template <internal::BecomesSpawned A>
auto shield(A awaitable) {
  return shield(spawn(std::move(awaitable)));
}

}  // namespace eddy
