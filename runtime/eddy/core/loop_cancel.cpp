// How the kernel is asked to cancel an operation that it has.
#include <eddy/core/loop.hpp>

namespace eddy {
using namespace internal;

void Loop::submit_cancel(Operation& operation) {
  EDDY_ASSERT(operation.in_flight());
  EDDY_ASSERT(!operation.linked());
  if (ring_.has_place()) {
    send_cancel(operation);
  } else {
    cancels_.push_back(operation);  // sent in this turn's poll, or never if it ends before
    backlog_ = true;
  }
}

void Loop::send_cancel(Operation& operation) noexcept {
  EDDY_ASSERT(operation.in_flight());
  push_cancel(address_of(&operation));
  asked_to_end_.push_back(operation);
}

// Not found: it has ended, and is in the list no more, or it is on its way from the poll that it
// waited for to a worker thread, where no cancellation finds it (a connect to a UNIX socket whose
// backlog is full, 6.18). Nobody else would ask again.
void Loop::cancel_again() noexcept {
  while (Waiter* operation = asked_to_end_.pop_front()) {
    cancels_.push_back(*operation);
    backlog_ = true;
  }
}

}  // namespace eddy
