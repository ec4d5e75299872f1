// Receive: what a stream reads, each a SocketCall. What was read ahead comes first, without a turn.
#pragma once

#include <eddy/net/internal/socket_call.hpp>

namespace eddy::internal {

class Receive : public SocketCall<SocketState::Side::reading> {
 public:
  void await_suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(began());
    state_->count_receive();
    Operation::await_suspend(frame);
  }

 protected:
  // Submits until the kernel has answered all that was asked for.
  Receive(Counted<SocketState> state, Proceed proceed, bool inner) noexcept
      : SocketCall(std::move(state), "read", proceed, inner) {}

  // Next time into this memory.
  void prepare_receive(MutableBytes into) noexcept {
    EDDY_ASSERT(!into.empty());
    prepare(state_->request(receive_opcode, into.data(), into.size()));
  }
  void note_more() noexcept { state_->has_more = flags() & sock_nonempty; }
  // Bytes came, and nobody has asked for anything else meanwhile: there is nothing to settle.
  bool plainly_done() const noexcept {
    return result() > 0 && began() && !state_->closing && !cancel_requested();
  }
  // How it ended, apart from what the bytes mean: the kernel's last answer. 0: the end.
  Expected<int> settle();
  // Gives `bytes` back to the stream: they come first again.
  void give_back(Bytes bytes);
  Failure failure(int code) { return state_->failure(code, name()); }

 private:
  static constexpr std::uint8_t receive_opcode = 27;  // IORING_OP_RECV
  static constexpr std::uint32_t sock_nonempty = 4;   // IORING_CQE_F_SOCK_NONEMPTY
};

// As many bytes as there are, at least one, at most what fits.
class [[nodiscard]] ReadSome : public Receive {
 public:
  using value_type = std::size_t;
  ReadSome(Counted<SocketState> state, MutableBytes into, bool inner = false) noexcept
      : Receive(std::move(state), nullptr, inner), into_(into) {}

  bool await_ready() {
    if (into_.empty() || !state_->ahead.empty()) [[unlikely]] return ready_at_once();
    return !begin();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    prepare_receive(into_);
    Receive::await_suspend(frame);
  }
  std::size_t await_resume() { return value_or_raise(await_outcome()); }
  Expected<std::size_t> await_outcome() {
    EDDY_ASSERT(result() < 0 || static_cast<std::size_t>(result()) <= into_.size());
    if (!plainly_done()) [[unlikely]] return settled();
    end();
    note_more();
    return static_cast<std::size_t>(result());
  }

 private:
  bool ready_at_once();
  Expected<std::size_t> settled();

  MutableBytes into_;
};

// Fills `into`.
class [[nodiscard]] ReadExactly : public Receive {
 public:
  using value_type = void;
  ReadExactly(Counted<SocketState> state, MutableBytes into) noexcept
      : Receive(std::move(state), &proceed, false), into_(into) {}

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame) {
    prepare_receive(rest());
    Receive::await_suspend(frame);
  }
  void await_resume() { return value_or_raise(await_outcome()); }
  Expected<void> await_outcome();

 private:
  static bool proceed(Operation& operation) noexcept;
  // More than that would be somebody else's memory, and the kernel writes there.
  MutableBytes rest() const noexcept {
    EDDY_VERIFY(done_ <= into_.size());
    return MutableBytes(into_.data() + done_, into_.size() - done_);
  }

  MutableBytes into_;
  std::size_t done_ = 0;
};

// Reads more ahead, behind what there is.
class [[nodiscard]] Fill : public Receive {
 public:
  using value_type = std::size_t;
  explicit Fill(Counted<SocketState> state, bool inner = false) noexcept
      : Receive(std::move(state), &proceed, inner) {}

  bool await_ready() { return !begin(); }
  void await_suspend(std::coroutine_handle<> frame);
  std::size_t await_resume() { return value_or_raise(await_outcome()); }
  Expected<std::size_t> await_outcome();

 private:
  static constexpr int most_refusals = 3;

  static bool proceed(Operation& operation) noexcept;
  void choose_memory();
  bool keep_received() noexcept;
  bool try_own_memory() noexcept;
  void prepare_lent() noexcept;
  void prepare_own();

  class ReceiveBuffers* buffers_ = nullptr;  // where the memory comes from, if not the stream's own
  int refusals_ = 0;
};

}  // namespace eddy::internal
