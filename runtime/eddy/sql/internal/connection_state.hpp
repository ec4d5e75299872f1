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
#include <eddy/base/text.hpp>
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

struct pg_conn;  // libpq's PGconn

namespace eddy::sql::internal {

using eddy::internal::Counted;

class SocketWait;
class Use;

using ResultPointer = Counted<ResultData>;

// A statement as libpq takes it. Throws UsageError for a zero byte in it, which would be its end.
Text text_of(std::string_view statement);

class ConnectionState : public eddy::internal::RefCounted<ConnectionState> {
 public:
  ConnectionState(std::string info, const ConnectOptions& how);
  ~ConnectionState();
  // The user's Connection is gone.
  void drop() noexcept;

  // Null when it is closed.
  pg_conn* conn() const noexcept { return conn_; }
  int socket() const noexcept;
  std::uint64_t loop_id() const noexcept { return loop_; }
  bool busy() const noexcept { return in_use_; }

  // Throw UsageError where it belongs to another loop, or when a call is under way.
  void require_own_loop() const;
  void require_free() const;
  // A call that was cancelled, or a stream that was left, still ends: wait for that.
  bool must_wait() const noexcept { return in_use_ && (ending_ || (closing_ && !held)); }
  bool is_open() const noexcept { return conn_ && !closing_; }
  // Until that has ended; with `ends` whatever call it is.
  Task<> until_free(bool ends = false);

  // A new connection of libpq's, in place of none.
  void adopt(pg_conn* conn) noexcept;
  // It is closed: at once, or when the call that polls has ended, which is told to.
  void terminate(const char* why) noexcept;
  // Why it is closed, for the call that it was begun for.
  Failure closed_failure() const;
  // libpq found it broken: it is closed, and this is why. REQUIRES: nobody polls
  Failure lost();
  // For messages: what is done now.
  void set_subject(const char* name, Text sql) noexcept {
    verb_ = name;
    statement_ = std::move(sql);
  }

  // The pipeline has no more statements. Closes the connection where that cannot be told.
  void sync_pipeline() noexcept;
  // Its last answer was read.
  void end_command() noexcept;

  // After input was consumed: notifications and notices.
  void take_messages() noexcept;

  std::string conninfo;
  ConnectOptions options;
  PreparedCache cache;
  std::deque<Notification> notifications;
  std::function<void(const Notice&)> on_notice;
  std::vector<Notice> notices;  // that nobody was told of yet
  unsigned savepoints = 0;      // of the transaction, one in the other
  bool in_command = false;
  bool in_pipeline = false;
  bool held = false;       // in use by a stream or a COPY of which nobody waits for anything now
  bool is_synced = false;  // the end of the pipeline was sent
  bool outdated = false;  // the last error: the server has another plan for it, or none

 private:
  friend class SocketWait;
  friend class Use;
  void finish() noexcept;
  void tell_notices() noexcept;

  pg_conn* conn_ = nullptr;
  SocketWait* wait_ = nullptr;  // the poll that is under way
  Event freed_;
  std::uint64_t loop_;
  std::uint32_t process_;
  bool in_use_ = false;
  bool ending_ = false;
  bool closing_ = false;
  const char* verb_ = "use";
  Text statement_;
  const char* why_closed_ = nullptr;
  std::string why_lost_;
};

using StatePointer = Counted<ConnectionState>;

// The right to a connection, while it lives.
class Use {
 public:
  // Throws as require_free(), and Error when it is closed and must not be.
  explicit Use(StatePointer state, bool must_be_open = true);
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

}  // namespace eddy::sql::internal
