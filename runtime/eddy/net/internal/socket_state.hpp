// SocketState: what is behind a handle to a socket: a stream or a socket of datagrams.
//
// It stays where it is while the handle moves, and lives until the handle and every call on it are
// gone: each call counts as an owner from the moment it is made, so that a handle may be dropped or
// closed at any time. What is in progress then ends with ECANCELED, and so does what begins later.
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/bytes/internal/read_ahead.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/core/task.hpp>
#include <eddy/net/socket.hpp>
#include <eddy/sync/event.hpp>

#include <string>

namespace eddy::internal {

class SocketState : public RefCounted<SocketState>, public Pooled {
 public:
  explicit SocketState(Socket opened) noexcept : socket(std::move(opened)) {}
  SocketState(const SocketState&) = delete;
  SocketState& operator=(const SocketState&) = delete;
  ~SocketState() { close_now(); }

  // -- one call at a time on each side --

  enum class Side : std::uint8_t { reading, writing };

  bool in_use(Side side) const noexcept { return users_[static_cast<int>(side)] != 0; }
  bool in_use() const noexcept { return in_use(Side::reading) || in_use(Side::writing); }
  // Throws UsageError when it is in use.
  void require_free(Side side) const { if (in_use(side)) [[unlikely]] refuse_second(side); }
  void enter(Side side) {
    require_free(side);
    EDDY_ASSERT(process_mark != 0);
    users_[static_cast<int>(side)] = process_mark;
  }
  void leave(Side side) noexcept {
    EDDY_ASSERT(in_use(side));
    users_[static_cast<int>(side)] = 0;
    if (closing) [[unlikely]] ended();
  }

  // -- requests --

  static constexpr std::size_t transfer_max = 0x7ffff000;  // what the kernel takes at once

  // For this socket, by its registered place where it has one with the loop that runs.
  Request request(std::uint8_t opcode, const void* data, std::size_t size,
                  std::uint32_t op_flags = 0) const noexcept {
    EDDY_ASSERT(!socket.closed());
    const bool registered = registered_with_ == thread_state.loop_id;
    EDDY_ASSERT(!registered || place_ >= 0);
    return {.opcode = opcode,
            .flags = registered ? registered_flag : std::uint8_t{0},
            .fd = registered ? place_ : socket.fileno(),
            .address = address_of(data),
            .length = static_cast<std::uint32_t>(std::min(size, transfer_max)),
            .op_flags = op_flags};
  }

  // Called with each receive: a socket that is used often becomes a registered file, if the loop
  // has a place. That costs two calls, and saves the kernel a look-up with each request.
  void count_receive() noexcept {
    if (receives_ < receives_to_register && ++receives_ == receives_to_register) register_file();
  }

  // How a call ended that the kernel answered with `code`: an Error with the peer's address.
  // ECANCELED, when the socket was closed under it.
  Failure failure(int code, std::string_view verb);
  // It ended, as far as the peer is concerned, before what was asked for.
  Failure end_of_file(std::string_view verb, std::string partial, std::string_view expected);

  // -- the end --

  // Ends what is in progress. Idempotent. In a child after fork() what is in progress is the
  // parent's, and only this process's descriptor is closed.
  void end() noexcept;
  // Bytes that were received are lost, for want of memory: nobody may read on behind the hole. The
  // same as end(), and all calls fail with `code`.
  void break_off(int code) noexcept;
  // A call on what is closed: throws UsageError, or the Error that it was broken off with.
  [[noreturn]] static void refuse(SocketState* state);
  // The handle is gone: the same, and closes as soon as nothing is in progress, whoever else still
  // counts as an owner.
  void drop() noexcept;
  // Ends what is in progress, waits for it, and closes. `state` may be none.
  static Task<> close(Counted<SocketState> state);
  // Has the kernel forget what it was to send: for a peer that takes nothing.
  void reset() noexcept;

  // The peer's address as text; looked up once, and empty when there is none any more.
  std::string_view peer_name();
  // The same; empty without memory, too.
  std::string_view peer_name_if_any() noexcept;
  // What a call on it is said to have been, by its verb, a literal.
  AwaitedName awaited(std::string_view verb) noexcept {
    peer_name_if_any();
    return {verb.data(), name_};
  }
  // Somebody will ask for it when a task has failed: it is looked up before the socket is closed,
  // if that is by close() or while a failure is on its way.
  void keep_peer_name() noexcept { keeps_name_ = true; }

  Socket socket;
  ReadAhead ahead;
  Event idle;  // for close(): nobody reads or writes any more
  // What shutdown(2) would not end: calls on a socket of datagrams, and a relay that waits for its
  // other stream.
  Operation* receiving = nullptr;
  Operation* sending = nullptr;
  bool closing = false;
  bool has_more = false;     // the last receive left something behind
  bool zero_copying = false;  // the kernel holds memory of a caller until the peer took it
  bool was_reset = false;     // what was on its way is lost

 private:
  static constexpr std::uint8_t registered_flag = 1;  // IOSQE_FIXED_FILE
  static constexpr std::uint8_t receives_to_register = 16;
  static constexpr std::uint64_t no_loop = ~std::uint64_t{0};

  [[noreturn, gnu::cold]] static void refuse_second(Side side);
  bool in_use_by_parent() const noexcept;
  void ended() noexcept;
  [[gnu::cold]] void register_file() noexcept;
  void unregister_file() noexcept;
  void close_now() noexcept;

  std::uint32_t users_[2] = {};  // of each side: the process in which its call began, or zero
  Text name_;
  bool dropped_ = false;
  bool keeps_name_ = false;
  int broken_ = 0;  // the code it was broken off with
  std::uint8_t receives_ = 0;
  int place_ = -1;  // among the registered files of the loop with the id registered_with_
  std::uint64_t registered_with_ = no_loop;
};

// The handle's half: moves, and ends what is in progress when it goes.
class SocketHandle {
 public:
  SocketHandle() = default;
  explicit SocketHandle(Socket socket)
      : state_(Counted<SocketState>(new SocketState(std::move(socket)))) {}

  bool closed() const noexcept { return !state_ || state_->closing; }
  const Counted<SocketState>& state() const noexcept { return state_; }
  // Throws UsageError when it is closed, Error when it was broken off.
  const Counted<SocketState>& to_use() const {
    if (closed()) [[unlikely]] SocketState::refuse(state_.get());
    return state_;
  }

 private:
  Handle<SocketState> state_;
};

// Uses a side of a socket for as long as it lives: for calls of several operations.
template <SocketState::Side side>
class SideInUse {
 public:
  explicit SideInUse(SocketState& state) : state_(state) { state.enter(side); }
  SideInUse(const SideInUse&) = delete;
  SideInUse& operator=(const SideInUse&) = delete;
  ~SideInUse() { state_.leave(side); }

 private:
  SocketState& state_;
};
using Reading = SideInUse<SocketState::Side::reading>;
using Writing = SideInUse<SocketState::Side::writing>;

}  // namespace eddy::internal
