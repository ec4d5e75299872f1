#include <eddy/net/relay.hpp>

#include <eddy/base/internal/no_broken_pipe.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/try.hpp>
#include <eddy/net/internal/relay_pipes.hpp>
#include <eddy/net/internal/relay_wait.hpp>

#include <optional>

namespace eddy {
using namespace internal;
namespace {

// splice() on a socket waits unless its file has O_NONBLOCK, which requests on the ring must not
// see: they would fail instead of waiting. So it is there only while nothing is submitted.
class NonBlocking {
 public:
  NonBlocking(int fd, bool wanted) noexcept : fd_(fd), wanted_(wanted) { set(1); }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;
  ~NonBlocking() { set(0); }

 private:
  void set(int on) const noexcept { if (wanted_) sys::ioctl(fd_, FIONBIO, &on); }
  int fd_;
  bool wanted_;
};

}  // namespace

// The bytes of one relay: in `from` and read ahead, or in the pipe; never in both.
class Relay {
 public:
  enum class Next : std::uint8_t { input, room, turn, end, failed };

  static const Counted<SocketState>& state_of(Stream& stream) { return stream.handle_.to_use(); }

  Relay(SocketState& from, SocketState& to)
      : from_(from), to_(to), pipes_(Loop::current().service<RelayPipes>()) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { take_back(); }

  // Moves what there is, without waiting, and says what to wait for.
  Next advance();
  RelayWait wait(Next next) noexcept;
  std::uint64_t moved() const noexcept { return moved_; }
  // Why advance() failed, or the wait did.
  Failure failure();
  Failure failure(Failure waited);

 private:
  static constexpr std::size_t turn_most = 1 << 20;  // then others have their turn
  static constexpr std::size_t copied_at_once = 64 * 1024;

  bool holding() const noexcept { return in_pipe_ > 0 || !from_.ahead.empty(); }
  ssize_t get();
  ssize_t splice_in() noexcept;
  ssize_t copy_in();
  ssize_t put(const NoBrokenPipe& guard);
  void take_back() noexcept;
  void release_pipe() noexcept {
    EDDY_ASSERT(in_pipe_ == 0);
    if (pipe_) pipes_.give_back(std::move(pipe_));
  }

  static ssize_t outcome(ssize_t count) noexcept { return count < 0 ? -errno : count; }

  SocketState& from_;
  SocketState& to_;
  RelayPipes& pipes_;
  RelayPipe pipe_;
  std::size_t in_pipe_ = 0;
  std::uint64_t moved_ = 0;
  int code_ = 0;          // how it failed, and whether it was `to_` that did
  bool to_failed_ = false;
  bool copying_ = false;  // these sockets cannot be spliced
  bool ready_ = false;    // the kernel says that there is something to read
};

Relay::Next Relay::advance() {
  code_ = ECANCELED;
  to_failed_ = to_.closing && !from_.closing;
  if (from_.closing || to_.closing) return Next::failed;
  if (thread_state.task->cancel_pending()) return Next::turn;
  const NonBlocking quiet_from(from_.socket.fileno(), true);
  const NonBlocking quiet_to(to_.socket.fileno(), &from_ != &to_);
  const NoBrokenPipe guard;
  for (std::size_t sent = 0; sent < turn_most;) {
    const bool sending = holding();
    const ssize_t count = sending ? put(guard) : get();
    if (count == -EINTR) continue;
    if (count == -EAGAIN) return sending ? Next::room : Next::input;
    if (count == 0 && !sending) return Next::end;
    if (count <= 0) {
      code_ = static_cast<int>(-count);
      to_failed_ = sending;
      return Next::failed;
    }
    if (sending) sent += static_cast<std::size_t>(count);
  }
  return Next::turn;
}

// Where the kernel says that there is something and splice() finds nothing, the next byte is an
// urgent one: recv() steps over it.
ssize_t Relay::get() {
  EDDY_ASSERT(!holding());
  const bool ready = std::exchange(ready_, false);
  const ssize_t count = copying_ ? copy_in() : splice_in();
  if (count > 0 || copying_) return count;
  release_pipe();
  if (count == -EAGAIN && ready) return copy_in();
  if (count != -EINVAL) return count;
  copying_ = true;
  return copy_in();
}

ssize_t Relay::splice_in() noexcept {
  EDDY_ASSERT(in_pipe_ == 0);
  if (!pipe_) pipe_ = pipes_.take();
  if (!pipe_) return -EINVAL;
  const ssize_t count = outcome(sys::splice(from_.socket.fileno(), nullptr, pipe_.in.get(), nullptr,
                                         turn_most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
  if (count > 0) in_pipe_ = static_cast<std::size_t>(count);
  return count;
}

ssize_t Relay::copy_in() {
  const MutableBytes room = from_.ahead.room(copied_at_once);
  const ssize_t count =
      outcome(sys::recv(from_.socket.fileno(), room.data(), room.size(), MSG_DONTWAIT));
  if (count > 0) {
    from_.ahead.add(static_cast<std::size_t>(count));
  } else {
    from_.ahead.release();
  }
  return count;
}

ssize_t Relay::put(const NoBrokenPipe& guard) {
  EDDY_ASSERT(holding());
  const int fd = to_.socket.fileno();
  if (in_pipe_ == 0) {
    const Bytes ahead = from_.ahead.view();
    const ssize_t sent =
        outcome(sys::send(fd, ahead.data(), ahead.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    if (sent > 0) from_.ahead.consume(static_cast<std::size_t>(sent));
    if (sent > 0) moved_ += static_cast<std::uint64_t>(sent);
    return sent;
  }
  const ssize_t sent = outcome(sys::splice(pipe_.out.get(), nullptr, fd, nullptr, in_pipe_,
                                        SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
  if (sent == -EPIPE) guard.take();
  if (sent == -EINVAL) {
    copying_ = true;
    take_back();
    return from_.closing ? -ENOMEM : -EINTR;  // once more, by the other way
  }
  if (sent <= 0) return sent;
  EDDY_ASSERT(static_cast<std::size_t>(sent) <= in_pipe_);
  in_pipe_ -= static_cast<std::size_t>(sent);
  moved_ += static_cast<std::uint64_t>(sent);
  return sent;
}

// What is in the pipe is read ahead again.
void Relay::take_back() noexcept {
  try {
    while (in_pipe_ > 0) {
      const ssize_t count =
          sys::read(pipe_.out.get(), from_.ahead.room(in_pipe_).data(), in_pipe_);
      EDDY_VERIFY(count > 0);
      EDDY_ASSERT(static_cast<std::size_t>(count) <= in_pipe_);
      from_.ahead.add(static_cast<std::size_t>(count));
      in_pipe_ -= static_cast<std::size_t>(count);
    }
  } catch (const std::bad_alloc&) {  // the bytes go with the pipe
    pipe_ = RelayPipe();
    in_pipe_ = 0;
    from_.break_off(ENOMEM);
  }
  release_pipe();
}

// `from_` needs no seat while it is waited for itself, nor does `to_`.
RelayWait Relay::wait(Next next) noexcept {
  if (next == Next::room) return RelayWait(to_, POLLOUT, from_.receiving);
  EDDY_ASSERT(next == Next::input);
  EDDY_ASSERT(!holding());
  from_.count_receive();
  ready_ = true;
  return RelayWait(from_, POLLIN | POLLRDHUP, to_.sending);
}

Failure Relay::failure() {
  EDDY_ASSERT(code_ > 0);
  return to_failed_ ? to_.failure(code_, "write") : from_.failure(code_, "read");
}

Failure Relay::failure(Failure waited) {
  if (!waited.is_error()) return waited;
  code_ = waited.code();
  to_failed_ = to_.closing && !from_.closing;
  return failure();
}

static Task<std::uint64_t> relay_of(Counted<SocketState> from, Counted<SocketState> to) {
  const Reading reading(*from);
  const Writing writing(*to);
  Relay relay(*from, *to);
  for (;;) {
    const Relay::Next next = relay.advance();
    if (next == Relay::Next::end) co_return relay.moved();
    if (next == Relay::Next::failed) co_await fail(relay.failure());
    if (next == Relay::Next::turn) {
      EDDY_DO(yield());
    } else {
      auto waited = co_await as_outcome(relay.wait(next));
      if (!waited) co_await fail(relay.failure(std::move(waited.error())));
    }
  }
}

Task<std::uint64_t> relay(Stream& from, Stream& to) {
  return relay_of(Relay::state_of(from), Relay::state_of(to));
}

}  // namespace eddy
