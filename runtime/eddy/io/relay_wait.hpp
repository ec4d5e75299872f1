// RelayWait: waits until one socket is ready, and ends early when another one does.
//
// A relay waits for one of its two streams. The kernel ends that wait when this stream is closed;
// the other one is told who waits for its sake.
#pragma once

#include <eddy/core/operation.hpp>

namespace eddy {

class SocketState;

class [[nodiscard]] RelayWait : public Operation {
 public:
  // For POLLIN or POLLOUT of `on`. `seat` is that of the other socket; both stay until it resumes.
  RelayWait(const SocketState& on, unsigned events, RelayWait*& seat) noexcept;
  RelayWait(const RelayWait&) = default;
  ~RelayWait() { leave_seat(); }

  void await_suspend(std::coroutine_handle<> frame) {
    seat_ = this;
    Operation::await_suspend(frame);
  }
  int await_resume() {
    leave_seat();
    return Operation::await_resume();
  }
  Expected<int> await_outcome() {
    leave_seat();
    return Operation::await_outcome();
  }

  // The other socket ends: so does this, with ECANCELED.
  void stop() noexcept;

 private:
  static bool proceed(Operation& operation) noexcept;
  static bool cancel(Waiter& waiter);
  void leave_seat() noexcept { if (seat_ == this) seat_ = nullptr; }

  RelayWait*& seat_;
};

}  // namespace eddy
