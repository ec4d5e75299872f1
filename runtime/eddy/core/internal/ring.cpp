#include <eddy/core/internal/ring.hpp>

#include <eddy/base/error.hpp>

#include <cerrno>
#include <string>
#include <utility>

namespace eddy::internal {

Ring::Ring(std::unique_ptr<Kernel> kernel)
    : queues_(kernel->queues()),
      entry_mask_(queues_.entry_count - 1),
      completion_mask_(queues_.completion_count - 1),
      tail_(*queues_.tail),
      submitted_(tail_),
      completion_head_(*queues_.completion_head),
      kernel_(std::move(kernel)) {
  EDDY_ASSERT(queues_.entries);
  EDDY_ASSERT(queues_.completions);
  EDDY_ASSERT(*queues_.head == static_cast<std::uint32_t>(submitted_));
  EDDY_ASSERT(std::has_single_bit(queues_.entry_count));
  EDDY_ASSERT(std::has_single_bit(queues_.completion_count));
  set_limit();
  enter_now(0);
}

// Another kernel than io_uring, or one that was abandoned.
[[gnu::cold]] Ring::Entered Ring::enter_by_call(unsigned wait) { return enter(wait); }

void Ring::abandon() noexcept {
  if (std::exchange(abandoned_, true)) return;
  kernel_->abandon();
  queues_.enter_fd = -1;
  // In place of the shared words: no completion, and one entry that nobody takes, so that the loop
  // must enter.
  queues_.entry_count = 1;
  submitted_ = tail_ - 1;
  set_limit();
  queues_.tail = &in_place_.tail;
  queues_.flags = &in_place_.flags;
  queues_.completion_tail = queues_.completion_head = &completion_head_;
}

Ring::Entered Ring::explain(int error) const {
  switch (error) {
    case EINTR:  // a signal: the loop looks again at what it waits for
    case ETIME:  // the deadline passed
      return Entered::interrupted;
    case EBUSY:   // completions overflowed: the kernel takes no more before they are reaped
    case EAGAIN:  // no memory for a request right now
      return Entered::retry_after_reaping;
    case EEXIST:  // SINGLE_ISSUER
      throw UsageError("a loop was used from another thread than its own");
    case EBADR:  // a completion was dropped although NODROP is there: its frame would wait for ever
      throw Error(error, "enter io_uring (a completion was lost)");
    case EPERM:
    case EACCES:
    case ENOSYS:
      throw Error(error, std::string("enter io_uring ") + how_to_allow_io_uring);
    case EBADF:
    case EOPNOTSUPP:
      if (abandoned_) throw UsageError("a loop was used after fork(), in the child");
      throw Error(error, "enter io_uring (somebody closed its descriptor)");
    default:  // EFAULT, EINVAL, ENXIO, EBADFD: never with the arguments above
      throw Error(error, "enter io_uring");
  }
}

}  // namespace eddy::internal
