#include <eddy/core/poll_fd.hpp>

#include <linux/io_uring.h>
#include <poll.h>

#include <string>

namespace eddy {
using namespace internal;

// The kernel's word has flags of epoll above the sixteen bits of poll(2): they stay zero.
PollFd::PollFd(int fd, short events) noexcept
    : Operation({.opcode = IORING_OP_POLL_ADD,
                 .fd = fd,
                 .op_flags = static_cast<std::uint16_t>(events)},
                "poll"),
      fd_(fd) {}

Expected<short> PollFd::await_outcome() {
  Expected<int> events = Operation::await_outcome();
  if (events) [[likely]] return static_cast<short>(*events);
  if (!events.error().is_error()) return std::unexpected(std::move(events.error()));
  return std::unexpected(Failure::error(events.error().code(), name(), std::to_string(fd_)));
}

PollFd readable(int fd) noexcept { return PollFd(fd, POLLIN); }
PollFd writable(int fd) noexcept { return PollFd(fd, POLLOUT); }

}  // namespace eddy
