// call_later, call_at: a plain function that runs on the loop after a time, as the timer that a C
// library asks its host for.
#pragma once

#include <eddy/base/internal/pool.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace eddy {

// A call that is to come. Copyable; dropping every copy changes nothing.
class TimerHandle {
 public:
  TimerHandle() noexcept = default;  // of no call

  // The function does not run any more, also where its time has come and its turn has not; what it
  // holds dies in the next turn. False when it has run, is running, or was cancelled before.
  bool cancel() { return pending() && call_.cancel(); }
  // The function has not run yet, and will.
  bool pending() const {
    return call_.valid() && !call_.done() && !call_.state().running() && call_.cancelling() == 0;
  }
  Instant when() const noexcept { return when_; }

 private:
  template <class F>
  friend TimerHandle call_at(AnyInstant when, F&& function);

  TimerHandle(JoinHandle<> call, Instant when) noexcept : call_(std::move(call)), when_(when) {}

  JoinHandle<> call_;
  Instant when_{};
};

namespace internal {

// What is to be called, whatever its type.
class LaterFunction : public Pooled {
 public:
  LaterFunction() = default;
  LaterFunction(const LaterFunction&) = delete;
  LaterFunction& operator=(const LaterFunction&) = delete;
  virtual ~LaterFunction() = default;
  virtual void call() = 0;
};
template <class F>
class LaterFunctionOf final : public LaterFunction {
 public:
  template <class G>
  explicit LaterFunctionOf(G&& function) : function_(std::forward<G>(function)) {}
  void call() override { static_cast<void>(std::invoke(function_)); }

 private:
  F function_;
};

Task<> call_function_at(Instant when, std::unique_ptr<LaterFunction> function);

// A coroutine that is called and not awaited does nothing.
template <class F>
concept PlainFunction =
    std::invocable<F&> && !Awaitable<std::conditional_t<std::is_void_v<std::invoke_result_t<F&>>,
                                                        int, std::invoke_result_t<F&>>>;

}  // namespace internal

// Runs `function` in a later turn, not before `when`, and never within this call; equal times in
// the order of asking. It is a task that waits with sleep_until(): the loop's end takes it back,
// it is in stats().tasks, and has the context variables of the caller. What it throws goes to the
// loop's exception handler. For what has to wait, spawn() a task that sleeps. Throws UsageError
// outside of a loop. ∅
template <class F>
TimerHandle call_at(AnyInstant when, F&& function) {
  EDDY_CHECK_KEPT(F);
  static_assert(internal::PlainFunction<std::decay_t<F>>,
                "call_later() and call_at() call a plain function: spawn() what returns a Task");
  const Instant at(when);
  // Eagerly, so that its timer is armed in the order of asking.
  return TimerHandle(
      spawn(internal::call_function_at(at, std::make_unique<internal::LaterFunctionOf<
                                               std::decay_t<F>>>(std::forward<F>(function))),
            {.name = {}, .eager = true}),
      at);
}

// The same after `delay` from now; zero or less: in the next turn. Throws UsageError for NaN.
template <class F>
TimerHandle call_later(AnyDuration delay, F&& function) {
  EDDY_CHECK_KEPT(F);
  return call_at(Loop::current().deadline_after(delay), std::forward<F>(function));
}

}  // namespace eddy
