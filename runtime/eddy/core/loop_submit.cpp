// Requests that are no task's: sent at once where the ring has a place, and otherwise in this
// turn's poll(). Nothing here enters the kernel or throws, but for submit_late().
#include <eddy/core/loop.hpp>

#include <linux/io_uring.h>

#include <cerrno>

namespace eddy {
using namespace internal;

void Loop::submit(const Request& request, CompletionHandler& completion) noexcept {
  EDDY_ASSERT(!completion.submit_waits_);
  EDDY_ASSERT((address_of(&completion) & completion_tag) == 0);
  const PackedRequest packed(request);
  if (ring_.has_place()) {
    ring_.push_unadmitted(packed, address_of(&completion) | completion_tag);
  } else {
    completion.request_ = packed;
    completion.submit_waits_ = true;
    queue(completion);
  }
}

void Loop::cancel(CompletionHandler& completion) noexcept {
  if (ring_.has_place() && !completion.submit_waits_) {
    push_cancel(address_of(&completion) | completion_tag);
  } else {
    completion.cancel_waits_ = true;
    queue(completion);
  }
}

void Loop::queue(CompletionHandler& completion) noexcept {
  EDDY_ASSERT(completion.submit_waits_ || completion.cancel_waits_);
  if (!completion.linked()) late_.push_back(completion);
  backlog_ = true;
}

void Loop::push_cancel(std::uint64_t user_data) noexcept {
  EDDY_ASSERT(user_data != 0);
  const Request request{.opcode = IORING_OP_ASYNC_CANCEL, .address = user_data};
  ring_.push_unadmitted(PackedRequest(request), 0);
}

// A request that was cancelled before it was sent never is: what it names may be gone.
void Loop::submit_late() {
  while (CompletionHandler* completion = late_.front()) {
    const bool submit = completion->submit_waits_;
    const bool cancel = completion->cancel_waits_;
    EDDY_ASSERT(submit || cancel);
    if (submit != cancel && !make_room()) return;
    completion->unlink();
    completion->submit_waits_ = completion->cancel_waits_ = false;
    const std::uint64_t user_data = address_of(completion) | completion_tag;
    if (submit && cancel) {
      completion->handle(-ECANCELED, 0);
    } else if (submit) {
      ring_.push_unadmitted(completion->request_, user_data);
    } else {
      push_cancel(user_data);
    }
  }
}

}  // namespace eddy
