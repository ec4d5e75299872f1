// sleep, sleep_until, yield: waiting for time, or for everybody else's turn.
//
// Never early; late by what the loop is busy with. User-space timers: one kernel wait per turn
// serves them all. Cancelling removes the timer at once. No allocation after warm-up.
#pragma once

#include <eddy/core/internal/plain_wait.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/task.hpp>

namespace eddy {

// Gives every other ready task one step. Cancelled: throws Cancelled in the next turn (not sooner).
class [[nodiscard]] Yield : public internal::Raises<Yield> {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    if (!internal::thread_state.task) {
      throw UsageError("co_await outside of a task: use run() or spawn()");
    }
    internal::thread_state.task->reschedule(frame);
  }
  Expected<void> await_outcome() const {
    internal::TaskState& task = *internal::thread_state.task;
    if (task.take_pending_cancel()) return std::unexpected(task.cancelled_failure());
    return {};
  }
};
inline Yield yield() { return {}; }

class [[nodiscard]] Sleep : public internal::PlainWait {
 public:
  explicit Sleep(Duration length) noexcept
      : PlainWait(kind<&Sleep::describe, &stop>), length_(length), timer_(&fire) {}
  explicit Sleep(Instant until) noexcept
      : PlainWait(kind<&Sleep::describe, &stop>), until_(until), timer_(&fire) {}
  Sleep(const Sleep& other) noexcept
      : PlainWait(other), length_(other.length_), until_(other.until_), timer_(&fire) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);

 private:
  // A timer that finds its way back to the sleeper it is part of.
  struct SleepTimer : internal::Timer {
    using internal::Timer::Timer;
    Sleep* owner = nullptr;
  };
  static void fire(internal::Timer& timer) {
    Sleep* sleep = static_cast<SleepTimer&>(timer).owner;
    EDDY_ASSERT(sleep);
    sleep->wake();
  }
  static bool stop(internal::Waiter& waiter);
  void describe(internal::WaitNote& note) const;

  Duration length_{-1};
  Instant until_ = Instant::min();
  SleepTimer timer_;
};

// Resumes when `length` has passed, of any unit and representation: sleep(0.5s). Zero or less is
// exactly one turn, more than there is time is for ever. Throws UsageError for NaN.
inline Sleep sleep(AnyDuration length) { return Sleep(Duration(length)); }

inline Sleep sleep_until(AnyInstant until) { return Sleep(Instant(until)); }

}  // namespace eddy
