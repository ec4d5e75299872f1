// RelayWait: waits until one socket is ready, and ends early when another one does.
//
// A relay waits for one of its two streams. The kernel ends that wait when this stream is closed;
// the other one is told what to stop.
#pragma once

#include <eddy/core/internal/operation.hpp>
#include <eddy/net/internal/socket_state.hpp>

namespace eddy::internal {

class [[nodiscard]] RelayWait : public Operation {
 public:
  // For POLLIN or POLLOUT of `on`. `seat` is that of the other socket; both stay until it resumes.
  RelayWait(const SocketState& on, unsigned events, Operation*& seat) noexcept
      : Operation("poll"), seat_(seat) {
    prepare(on.request(poll_opcode, nullptr, 0, events));
  }
  RelayWait(const RelayWait&) = default;
  ~RelayWait() { leave_seat(); }

  void await_suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(!seat_);
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

 private:
  static constexpr std::uint8_t poll_opcode = 6;  // IORING_OP_POLL_ADD

  void leave_seat() noexcept { if (seat_ == this) seat_ = nullptr; }

  Operation*& seat_;
};

}  // namespace eddy::internal
