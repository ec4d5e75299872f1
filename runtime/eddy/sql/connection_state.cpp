#include <eddy/sql/internal/connection_state.hpp>

#include <eddy/base/internal/process.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>

#include <utility>

namespace eddy::sql::internal {
namespace {

Notice notice_of(const pg_result* result) {
  return {.severity = result_field(result, PG_DIAG_SEVERITY_NONLOCALIZED),
          .sqlstate = result_field(result, PG_DIAG_SQLSTATE),
          .message = result_field(result, PG_DIAG_MESSAGE_PRIMARY),
          .detail = result_field(result, PG_DIAG_MESSAGE_DETAIL),
          .hint = result_field(result, PG_DIAG_MESSAGE_HINT)};
}

// Runs inside of PQconsumeInput(): what the handler does must wait.
void keep_notice(void* of, const PGresult* result) noexcept {
  auto& state = *static_cast<ConnectionState*>(of);
  if (!state.on_notice) return;
  try {
    state.notices.push_back(notice_of(result));
  } catch (...) {  // no memory: it is only a notice
  }
}

}  // namespace

Text text_of(std::string_view statement) {
  if (statement.find('\0') != statement.npos) throw UsageError("a statement with a zero byte");
  return Text(statement);
}

ConnectionState::ConnectionState(std::string info, const ConnectOptions& how)
    : conninfo(std::move(info)),
      options(how),
      cache(how.statement_cache.value()),
      loop_(Loop::current().id()),
      process_(eddy::internal::process_mark) {}

ConnectionState::~ConnectionState() { finish(); }

void ConnectionState::drop() noexcept { terminate("its Connection is gone"); }

int ConnectionState::socket() const noexcept { return conn_ ? ::PQsocket(conn_) : -1; }

void ConnectionState::require_own_loop() const {
  if (Loop::current().id() != loop_) {
    eddy::internal::throw_misuse("a connection to PostgreSQL is used from two loops");
  }
}

void ConnectionState::require_free() const {
  require_own_loop();
  if (in_use_) {
    eddy::internal::throw_misuse("a connection to PostgreSQL is used while another call on it is "
                                 "under way");
  }
}

Task<> ConnectionState::until_free(bool ends) {
  while (must_wait() || (in_use_ && ends && !held)) {
    freed_.clear();
    EDDY_DO(freed_.wait());
  }
}

void ConnectionState::adopt(pg_conn* conn) noexcept {
  EDDY_ASSERT(!conn_);
  conn_ = conn;
  process_ = eddy::internal::process_mark;
  closing_ = false;
  in_command = false;
  in_pipeline = false;
  is_synced = false;
  outdated = false;
  savepoints = 0;
  why_closed_ = nullptr;
  why_lost_.clear();
  ::PQsetNoticeReceiver(conn_, &keep_notice, this);
}

void ConnectionState::finish() noexcept {
  pg_conn* conn = std::exchange(conn_, nullptr);
  in_command = false;
  in_pipeline = false;
  is_synced = false;
  // The child of a fork() would say goodbye in the parent's name.
  if (conn && process_ == eddy::internal::process_mark) ::PQfinish(conn);
}

void ConnectionState::terminate(const char* why) noexcept {
  if (!conn_ || closing_) return;
  why_closed_ = why;
  closing_ = true;
  if (wait_) {
    wait_->stop();
  } else {
    finish();
  }
}

Failure ConnectionState::closed_failure() const {
  std::string_view why = why_lost_;
  if (why.empty()) why = why_closed_ ? why_closed_ : "it is not connected";
  return failure_by(ErrorKind::connection_lost, verb_, statement_.view(), why);
}

Failure ConnectionState::lost() {
  if (conn_) {
    why_closed_ = "the connection is lost";
    why_lost_ = one_line(::PQerrorMessage(conn_));
    EDDY_ASSERT(!wait_);
    finish();
  }
  return closed_failure();
}

void ConnectionState::sync_pipeline() noexcept {
  EDDY_ASSERT(in_pipeline);
  if (std::exchange(is_synced, true)) return;
  // Without it the server would wait for more, and we for its answers.
  if (!::PQpipelineSync(conn_)) terminate("the end of a batch could not be sent");
}

void ConnectionState::end_command() noexcept {
  in_command = false;
  is_synced = false;
  if (std::exchange(in_pipeline, false) && conn_ && !::PQexitPipelineMode(conn_)) {
    terminate("a batch did not end");
  }
  // Those that came behind the first answer, with the same bytes.
  if (!notices.empty()) [[unlikely]] tell_notices();
}

void ConnectionState::take_messages() noexcept {
  while (PGnotify* notify = conn_ ? ::PQnotifies(conn_) : nullptr) {
    try {
      notifications.push_back({notify->relname, notify->extra, notify->be_pid});
    } catch (...) {  // no memory for it: who waits for it should hear of that
      terminate("there was no memory for a notification");
    }
    ::PQfreemem(notify);
  }
  if (!notices.empty()) [[unlikely]] tell_notices();
}

void ConnectionState::tell_notices() noexcept {
  const std::vector<Notice> told = std::exchange(notices, {});
  const StatePointer alive(this);
  for (const Notice& notice : told) {
    try {
      const std::function<void(const Notice&)> handler = on_notice;  // it may be replaced by itself
      if (handler) handler(notice);
    } catch (...) {
      Loop::report_to(loop_, {.message = "a handler of notices of PostgreSQL failed",
                              .exception = std::current_exception()});
    }
  }
}

Use::Use(StatePointer state, bool must_be_open) : state_(std::move(state)) {
  state_->require_free();
  state_->set_subject("use", {});
  if (must_be_open && !state_->conn()) state_->closed_failure().raise();
  state_->in_use_ = true;
}

void Use::mark_ending() noexcept { state_->ending_ = true; }

void Use::end() noexcept {
  if (!state_) return;
  if (state_->in_command) state_->terminate("a call on it was left in the middle");
  state_->in_use_ = false;
  state_->held = false;
  state_->ending_ = false;
  state_->freed_.set();
  state_ = StatePointer();
}

}  // namespace eddy::sql::internal
