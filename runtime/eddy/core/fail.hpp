// co_await fail(failure): ends this coroutine with a failure, without an exception.
#pragma once

#include <eddy/base/failure.hpp>

#include <coroutine>
#include <utility>

namespace eddy {

// Ends the coroutine that awaits it with `failure`, without an exception; nothing after it runs,
// and its locals die with the frame.
class [[nodiscard]] fail {
 public:
  // By reference, so that a frame holds it once.
  explicit fail(Failure&& failure) noexcept : failure_(std::move(failure)) {}
  explicit fail(const Failure& failure) noexcept : failure_(failure) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> frame) noexcept {
    frame.promise().set_failure(std::move(failure_));
    frame.promise().finish();
  }
  void await_resume() const noexcept {}

 private:
  Failure failure_;
};

}  // namespace eddy
