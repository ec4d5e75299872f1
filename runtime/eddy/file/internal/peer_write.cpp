// Writing a File over a pipe or a socket whose other end may be gone: that fails with EPIPE, and
// sends no SIGPIPE, which would end the process. The ring writes while it enters the kernel, where
// a signal mask would cost every turn two calls.
#include <eddy/base/internal/no_broken_pipe.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/stoppable.hpp>

#include <linux/io_uring.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <algorithm>

namespace eddy::internal {
namespace {

constexpr std::uint32_t no_signal = 0x100;  // RWF_NOSIGNAL, 6.18; newer than the headers

}  // namespace

bool is_tty(int fd) noexcept {
  termios settings;
  return sys::ioctl(fd, TCGETS, &settings) == 0;
}

void FileState::find_peer() noexcept {
  EDDY_ASSERT(is_stream_);
  struct stat stat;
  if (sys::fstat(fd, &stat) < 0) return;
  if (S_ISSOCK(stat.st_mode)) peer_ = Peer::socket;
  if (S_ISFIFO(stat.st_mode)) peer_ = Peer::pipe;
  is_terminal_ = S_ISCHR(stat.st_mode) && is_tty(fd);
}

Task<int> FileState::send(Bytes from) {
  EDDY_ASSERT(peer_ == Peer::socket);
  Request request = plain_request(IORING_OP_SEND, from.data(), from.size());
  request.op_flags = MSG_NOSIGNAL;
  EDDY_TRY(auto sent, Stoppable<Operation>(*this, request, "write"));
  co_return sent;
}

// What the kernel would answer, or -EAGAIN instead of waiting. With room for anything a pipe has
// room for PIPE_BUF, unless somebody else is quicker.
int FileState::write_now(Bytes from) const noexcept {
  EDDY_ASSERT(peer_ == Peer::pipe);
  const NoBrokenPipe guard;
  const iovec memory{const_cast<std::byte*>(from.data()), from.size()};
  auto written = sys::pwritev2(fd, &memory, 1, -1, RWF_NOWAIT);
  if (written < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM)) {
    pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
    if (sys::poll(&room, 1, 0) <= 0) return -EAGAIN;  // a signal leaves open whether there is room
    written = sys::write(fd, from.data(), std::min<std::size_t>(from.size(), PIPE_BUF));
  }
  if (written >= 0) return static_cast<int>(written);
  const int error = errno;
  if (error == EPIPE) guard.take();
  return error == EINTR ? -EAGAIN : -error;
}

Task<int> FileState::write_to_peer(Bytes from) {
  EDDY_ASSERT(peer_ != Peer::none);
  if (peer_ == Peer::socket) {
    EDDY_TRY(auto sent, send(from));
    co_return sent;
  }
  if (storage().writes_quietly()) {
    Request request = this->request(IORING_OP_WRITE, from.data(), from.size(), -1);
    request.op_flags = no_signal;
    auto written = co_await as_outcome(Stoppable<Operation>(*this, request, "write"));
    if (written) co_return *written;
    if (!written.error().is_error(EOPNOTSUPP)) co_await fail(std::move(written.error()));
    storage().write_loudly();
  }
  for (;;) {
    if (dropped_) co_await fail(dropped("write"));  // while nothing was there to be stopped
    const int written = write_now(from);
    if (written >= 0) co_return written;
    if (written != -EAGAIN) co_await fail(Failure::error(-written, "write"));
    const Request poll{.opcode = IORING_OP_POLL_ADD, .fd = fd, .op_flags = POLLOUT};
    EDDY_DO(Stoppable<Operation>(*this, poll, "write"));
  }
}

}  // namespace eddy::internal
