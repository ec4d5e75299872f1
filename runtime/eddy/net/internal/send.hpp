// Send: what a stream writes, each a SocketCall. Cancelled: a part may have gone. The memory must
// stay until it resumes.
#pragma once

#include <eddy/net/internal/socket_call.hpp>

#include <array>
#include <span>

#include <sys/socket.h>
#include <sys/uio.h>

namespace eddy::internal {

class Send : public SocketCall<SocketState::Side::writing> {
 public:
  // True when the plain call would be cheaper than the ring: no other task is ready, so that there
  // is nothing to send with it in one enter. Once in a turn.
  static bool may_send_now() noexcept;

 protected:
  Send(Counted<SocketState> state, Proceed proceed, bool inner,
       const WaitKind& own = of_socket) noexcept
      : SocketCall(std::move(state), "write", proceed, inner, own) {}

  // The plain call: never waits. What the kernel would answer.
  int send_now(Bytes bytes) const noexcept;
  void prepare_send(Bytes bytes, int flags) noexcept {
    prepare(state_->request(send_opcode, bytes.data(), bytes.size(),
                            static_cast<std::uint32_t>(flags | MSG_NOSIGNAL)));
  }
  // How it ended, if it did not do all that it should.
  Failure failure();

 private:
  static constexpr std::uint8_t send_opcode = 26;  // IORING_OP_SEND
};

// As many bytes as the kernel takes without waiting for more room than for one.
class [[nodiscard]] WriteSome : public Send {
 public:
  using value_type = std::size_t;
  WriteSome(Counted<SocketState> state, Bytes bytes) noexcept
      : Send(std::move(state), nullptr, false), bytes_(bytes) {}

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame) {
    prepare_send(bytes_, 0);
    Operation::await_suspend(frame);
  }
  std::size_t await_resume() { return value_or_raise(await_outcome()); }
  Expected<std::size_t> await_outcome();

 private:
  Bytes bytes_;
};

// All of `bytes`.
class [[nodiscard]] WriteAll : public Send {
 public:
  using value_type = void;
  WriteAll(Counted<SocketState> state, Bytes bytes, bool inner = false) noexcept
      : Send(std::move(state), &proceed, inner), rest_(bytes) {}

  bool await_ready() {
    if (!begin() || rest_.empty()) [[unlikely]] return true;
    return may_send_now() && sent_now();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    prepare_send(rest_, MSG_WAITALL);
    Operation::await_suspend(frame);
  }
  void await_resume() { return value_or_raise(await_outcome()); }
  Expected<void> await_outcome() {
    end();
    if (!rest_.empty()) [[unlikely]] return std::unexpected(failure());
    keep_late_cancel();
    return {};
  }

 private:
  static bool proceed(Operation& operation) noexcept;
  bool sent_now();

  Bytes rest_;
};

// All of several pieces, in one call to the kernel for each `most` of them.
class [[nodiscard]] WriteVectored : public Send {
 public:
  using value_type = void;
  WriteVectored(Counted<SocketState> state, std::span<const Bytes> pieces) noexcept
      : Send(std::move(state), &proceed, false), pieces_(pieces) {}

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame) {
    prepare_message();
    Operation::await_suspend(frame);
  }
  void await_resume() { return value_or_raise(await_outcome()); }
  Expected<void> await_outcome();

 private:
  static constexpr std::size_t most = 8;

  static bool proceed(Operation& operation) noexcept;
  void prepare_message() noexcept;
  void advance(std::size_t count) noexcept;

  std::span<const Bytes> pieces_;  // the first of them may have gone in part
  std::size_t gone_ = 0;
  msghdr header_{};
  std::array<iovec, most> parts_;
};

// All of `bytes`, without copying them (6.0): resumes when the kernel has no more use for the
// memory, which is when the peer has taken it. Cancelled, or closed: the connection is reset, since
// the peer may never take it. A UNIX socket, and an older kernel, copies.
class [[nodiscard]] SendZeroCopy : public Send {
 public:
  using value_type = void;
  SendZeroCopy(Counted<SocketState> state, Bytes bytes) noexcept
      : Send(std::move(state), &proceed, false, kind<&SendZeroCopy::describe, &cancel>),
        rest_(bytes) {}

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);
  void await_resume() { return value_or_raise(await_outcome()); }
  Expected<void> await_outcome();

 private:
  static bool proceed(Operation& operation) noexcept;
  static bool cancel(Waiter& waiter);
  static bool must_copy(int result) noexcept;
  void prepare_next() noexcept;

  Bytes rest_;
  int sent_ = 0;         // of the request that the kernel still has memory of
  bool copies_ = false;  // there is no other way
};

}  // namespace eddy::internal
