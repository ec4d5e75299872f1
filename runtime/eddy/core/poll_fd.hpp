// poll_fd, readable, writable: waiting for a descriptor of somebody else's library: libpq's socket,
// libcurl's, an inotify, a device.
//
// One poll is one answer, and level-triggered: what was not read is told again by the next poll. It
// is the kernel's own poll(2), of one request on the ring, and sets nothing on the descriptor: no
// O_NONBLOCK, which those that share it would see.
//
// A poll keeps the file open, not the number. Whoever closes the number meanwhile ends neither the
// poll nor the file: a socket's peer sees no end before the poll has ended (6.18), and the poll
// goes on with the old file though the number be another's by then. So: cancel the task that polls,
// wait until it has ended, close.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/core/loop.hpp>

namespace eddy {

class [[nodiscard]] PollFd : public internal::Operation {
 public:
  using value_type = short;
  PollFd(int fd, short events) noexcept;

  short await_resume() { return internal::value_or_raise(await_outcome()); }
  Expected<short> await_outcome();

 private:
  int fd_;
};

// Resumes when one of `events` (POLLIN, POLLOUT, POLLPRI ... of <poll.h>) is there, with those that
// are. POLLERR and POLLHUP come without being asked for, and so does POLLRDHUP, which poll(2) would
// not tell (6.18). Two tasks that poll one descriptor are both told. Cancelled: nothing was taken
// from it. Regular files and directories are always ready. Throws Error EBADF where nothing is
// open. ∅
inline PollFd poll_fd(int fd, short events) noexcept { return PollFd(fd, events); }

// Until a read would not wait: bytes, the end, a connection to accept, or an error that the read
// tells. The same for a write, and for a connect that is under way. They give the events as well:
// without POLLOUT, of a peer that has sent its end, there is no room yet. ∅
PollFd readable(int fd) noexcept;
PollFd writable(int fd) noexcept;

}  // namespace eddy
