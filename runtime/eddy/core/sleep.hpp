// sleep, sleep_until, yield: waiting for time, or for everybody else's turn.
//
// Never early; late by what the loop is busy with. User-space timers: one kernel wait per turn
// serves them all. Cancelling removes the timer at once. No allocation after warm-up.
#pragma once

#include <eddy/core/loop.hpp>
#include <eddy/core/task.hpp>

#include <chrono>

namespace eddy {

// Gives every other ready task one step. Cancelled: throws Cancelled in the next turn (not sooner).
class [[nodiscard]] Yield {
 public:
  using value_type = void;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    if (!thread_state.task) throw UsageError("co_await outside of a task: use run() or spawn()");
    thread_state.task->reschedule(frame);
  }
  void await_resume() const {
    TaskState& task = *thread_state.task;
    if (task.take_pending_cancel()) [[unlikely]] task.cancelled_failure().raise();
  }
  Expected<void> await_outcome() const {
    TaskState& task = *thread_state.task;
    if (task.take_pending_cancel()) return std::unexpected(task.cancelled_failure());
    return {};
  }
};
inline Yield yield() { return {}; }

class [[nodiscard]] Sleep : public Waiter {
 public:
  using value_type = void;
  explicit Sleep(Duration length) noexcept : Waiter(&stop), length_(length), timer_(&fire) {}
  explicit Sleep(Instant until) noexcept : Waiter(&stop), until_(until), timer_(&fire) {}
  Sleep(const Sleep& other) noexcept
      : Waiter(other), length_(other.length_), until_(other.until_), timer_(&fire) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);
  void await_resume() { if (interrupted()) [[unlikely]] cancelled_failure().raise(); }
  Expected<void> await_outcome() {
    if (interrupted()) return std::unexpected(cancelled_failure());
    return {};
  }

 private:
  // A timer that finds its way back to the sleeper it is part of.
  struct SleepTimer : Timer {
    using Timer::Timer;
    Sleep* owner = nullptr;
  };
  static void fire(Timer& timer) { static_cast<SleepTimer&>(timer).owner->wake(); }
  static bool stop(Waiter& waiter);

  Duration length_{-1};
  Instant until_ = Instant::min();
  SleepTimer timer_;
};

// Resumes when `length` has passed; zero or less is exactly one turn.
inline Sleep sleep(Duration length) { return Sleep(length); }

// Floating-point durations too: sleep(std::chrono::duration<double>(0.5)). Throws UsageError for
// NaN.
template <class Rep, class Period>
  requires std::is_floating_point_v<Rep>
Sleep sleep(std::chrono::duration<Rep, Period> length) {
  if (length.count() != length.count()) throw UsageError("sleep for a length that is not a number");
  if (length >= Duration::max()) return Sleep(Duration::max());
  return Sleep(std::chrono::ceil<Duration>(length));
}

inline Sleep sleep_until(Instant until) { return Sleep(until); }

}  // namespace eddy
