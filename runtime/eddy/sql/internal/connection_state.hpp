// ConnectionState: libpq's connection and what eddy knows of it. It lives as long as the
// Connection, a call on it, a Statement or a stream.
//
// One call has it at a time, by a Use. Between the moment at which a statement is sent and the one
// at which its last answer was read it is in_command: a Use that ends in between closes the
// connection, for nobody knows what the server would say next. Whoever is cancelled there calls
// stop_command() before.
//
// Nothing of libpq's is called while the socket is polled, and it is closed only then.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/core/join_handle.hpp>
#include <eddy/core/poll_fd.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sql/connect_options.hpp>
#include <eddy/sql/error.hpp>
#include <eddy/sql/internal/prepared.hpp>
#include <eddy/sql/internal/result_data.hpp>
#include <eddy/sql/notification.hpp>
#include <eddy/sync/event.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

struct pg_conn;  // libpq's PGconn

namespace eddy::sql::internal {

class SocketWait;
class Use;

using ResultPointer = eddy::internal::Counted<ResultData>;

class ConnectionState : public eddy::internal::RefCounted<ConnectionState> {
 public:
  ConnectionState(std::string info, const ConnectOptions& how);
  ~ConnectionState();
  // The user's Connection is gone.
  void drop() noexcept;

  // Null when it is closed.
  pg_conn* conn() const noexcept { return conn_; }
  int socket() const noexcept;
  bool busy() const noexcept { return in_use_; }

  // Throws UsageError when a call is under way or it belongs to another loop; Error when it is
  // closed.
  void require_free() const;
  // A call that was cancelled, or a stream that was left, still ends: wait for that.
  bool must_wait() const noexcept { return in_use_ && ending_; }
  Task<> until_free();

  // It is closed: at once, or when the call that polls has ended, which is told to.
  void terminate(std::string_view why) noexcept;
  // Why it is closed.
  Failure closed_failure() const;
  // Of what libpq last complained about; the connection is closed.
  Failure lost(std::string_view verb, std::string_view sql);

  // After input was consumed: notifications and notices.
  void take_messages() noexcept;

  std::string conninfo;
  ConnectOptions options;
  PreparedCache cache;
  std::deque<Notification> notifications;
  std::function<void(const Notice&)> on_notice;
  std::vector<Notice> notices;
  unsigned savepoints = 0;
  bool in_command = false;
  bool in_pipeline = false;

 private:
  friend class SocketWait;
  friend class Use;
  friend Task<> open_connection(eddy::internal::Counted<ConnectionState>);
  void finish() noexcept;
  void adopt(pg_conn* conn) noexcept;

  pg_conn* conn_ = nullptr;
  SocketWait* wait_ = nullptr;  // the poll that is under way
  Event freed_;
  std::uint64_t loop_;
  pid_t process_;
  bool in_use_ = false;
  bool ending_ = false;
  bool closing_ = false;
  std::string why_closed_ = "it is not connected";
};

using StatePointer = eddy::internal::Counted<ConnectionState>;

// The right to a connection, while it lives.
class Use {
 public:
  // Throws as require_free().
  explicit Use(StatePointer state);
  Use(Use&&) noexcept = default;
  Use& operator=(Use&&) = delete;
  ~Use() { end(); }

  // From now on others wait for its end rather than being refused.
  void mark_ending() noexcept;
  void end() noexcept;
  const StatePointer& state() const noexcept { return state_; }

 private:
  StatePointer state_;
};

// Waits until the socket has one of `events`, or the connection is terminated.
class SocketWait : public PollFd {
 public:
  SocketWait(ConnectionState& state, short events) noexcept
      : PollFd(state.socket(), events), state_(&state) {}
  void await_suspend(std::coroutine_handle<> frame) {
    PollFd::await_suspend(frame);
    state_->wait_ = this;
  }
  short await_resume() { return eddy::internal::value_or_raise(await_outcome()); }
  Expected<short> await_outcome() {
    state_->wait_ = nullptr;
    return PollFd::await_outcome();
  }

 private:
  ConnectionState* state_;
};

// Connects, in place of what was there.
Task<> open_connection(StatePointer state);
// Sends what is queued, and reads until an answer is whole. Null: there is no more.
Task<ResultPointer> next_result(ConnectionState& state);
// All answers until there is no more: the last of them. Fails with the first error, after all.
Task<ResultPointer> collect(ConnectionState& state, const char* verb, Text sql);
// Stops what is under way on the server, and reads what still comes; or closes the connection. Not
// interrupted by a cancel, and ends without a failure.
Task<> stop_command(Use& use);
// The same in a task of its own, which ends the use.
void stop_in_background(Use use) noexcept;

// Of an answer of the server. `result` is not null.
Failure failure_of(const ResultData& result, const char* verb, std::string_view sql);
bool is_failure(const ResultData& result) noexcept;

}  // namespace eddy::sql::internal
