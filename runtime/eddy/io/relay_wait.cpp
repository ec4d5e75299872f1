#include <eddy/io/relay_wait.hpp>

#include <eddy/core/loop.hpp>
#include <eddy/io/socket_state.hpp>

#include <linux/io_uring.h>

namespace eddy {

RelayWait::RelayWait(const SocketState& on, unsigned events, RelayWait*& seat) noexcept
    : Operation("poll", &proceed, &cancel), seat_(seat) {
  Request request = on.request(IORING_OP_POLL_ADD, nullptr, 0);
  request.op_flags = events;
  prepare(request);
}

// It has ended: there is nothing left to stop.
bool RelayWait::proceed(Operation& operation) noexcept {
  static_cast<RelayWait&>(operation).leave_seat();
  return false;
}

bool RelayWait::cancel(Waiter& waiter) {
  auto& wait = static_cast<RelayWait&>(waiter);
  wait.leave_seat();
  if (wait.in_flight()) wait.unlink();  // stop() may have queued it
  return Operation::cancel(wait);
}

// What the kernel has not got yet ends here.
void RelayWait::stop() noexcept {
  leave_seat();
  if (in_flight()) return task()->loop().submit_cancel(*this);
  unlink();
  finish(-ECANCELED);
  wake();
}

}  // namespace eddy
