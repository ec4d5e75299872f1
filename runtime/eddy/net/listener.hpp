// Listener: connections as they come. TcpListener and UnixListener are its names.
//
// One accept stays with the kernel for all connections (multishot, 5.19). What it accepted and
// nobody took waits here, at most `most_waiting`; then the kernel's backlog fills. When a task that
// was given a connection is cancelled, the next one gets it; what is left when the listener is
// closed is closed too. No descriptor left (EMFILE) is thrown to whoever accepts,
// and accepting goes on with the next call. A listener belongs to the loop that it was made on.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/core/internal/completion_handler.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <string>
#include <vector>

namespace eddy {

// Trivially copyable.
struct ListenOptions {
  int backlog = 4096;  // the kernel caps it at net.core.somaxconn
  bool reuse_address = true;
  bool reuse_port = false;  // several listeners, one per loop, share the connections
  bool only_v6 = false;     // an IPv6 address takes IPv4 too otherwise
  bool no_delay = true;     // TCP_NODELAY for what is accepted
};

class Accept;

namespace internal {

class Listeners;

// What is behind a Listener: lives until the handle, every accept() and the kernel let go of it.
class ListenerState : public RefCounted<ListenerState>,
                      public Link<ListenerState>,
                      private CompletionHandler {
 public:
  static constexpr std::size_t most_waiting = 64;

  ListenerState(Loop& loop, Socket socket, bool no_delay);
  ~ListenerState();

  // Has the kernel accept until it is told otherwise.
  void arm() noexcept;
  void disarm();
  // The handle is closed, or gone. Idempotent.
  void drop() noexcept;

  Socket socket;

 private:
  friend class eddy::Accept;
  friend class Listeners;

  static void on_accept(CompletionHandler& completion, int result, std::uint32_t flags) noexcept;
  void deliver(int result) noexcept;
  void let_go_at_once() noexcept;

  Loop& loop_;  // may be gone when nothing is armed: asked for by its id
  std::uint64_t loop_id_;
  WaitList<Accept> waiters_;
  std::vector<UniqueFd> waiting_;  // accepted and not taken, the oldest first
  Text name_;
  bool no_delay_;
  bool armed_ = false;
};

}  // namespace internal

// The next connection.
class [[nodiscard]] Accept : public internal::Waiter, public internal::Raises<Accept, Stream> {
 public:
  static constexpr const char* died_early = "a Listener died while a task waited for it";
  // What a Failure has for its operation when the connection was accepted, and is lost.
  static constexpr std::string_view setting_no_delay = "set TCP_NODELAY of";
  explicit Accept(internal::Counted<internal::ListenerState> listener) noexcept
      : Waiter(kind<&Accept::describe>), listener_(std::move(listener)) {}

  // For messages.
  internal::AwaitedName awaited() const noexcept { return {"accept", listener_->name_}; }

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);
  Expected<Stream> await_outcome();

 private:
  friend class internal::ListenerState;
  void describe(internal::WaitNote& note) const {
    note.what = "accept " + std::string(listener_->name_.view());
  }
  static Failure no_delay_refused(int code, const Socket& connection) noexcept;
  internal::Counted<internal::ListenerState> listener_;
  UniqueFd given_;
  int error_ = 0;
};

class Listener {
 public:
  Listener() = default;

  // Resumes with a connection. Cancelled: none is lost. Throws Error: EMFILE, ENFILE, ENOMEM when
  // there is no room for one more, ECANCELED when the listener is closed or dropped meanwhile, what
  // setsockopt(2) says when it refuses TCP_NODELAY: that connection is closed.
  // Throws UsageError on another loop than its own.
  Accept accept();

  Address local() const;
  // Ends accept() in other tasks, and closes what was accepted and not taken. Its address is free
  // when this returns. Idempotent.
  void close() noexcept {
    if (state_) state_->drop();
  }
  bool closed() const noexcept { return !state_ || state_->socket.closed(); }
  Socket& socket() const;

 private:
  friend Listener listen(const Address& address, ListenOptions options);
  internal::Handle<internal::ListenerState> state_;
};

using TcpListener = Listener;
using UnixListener = Listener;

// Binds and listens. A port of 0 lets the kernel choose: local() tells. A UNIX path that is there
// already is refused with EADDRINUSE. Throws Error with the address.
Listener listen(const Address& address, ListenOptions options = {});

}  // namespace eddy
