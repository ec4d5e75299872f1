#include <eddy/sql/connection.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>

#include <source_location>
#include <string>
#include <utility>

namespace eddy::sql {
namespace internal {
namespace {

Task<CopyIn> open_copy_in(StatePointer state, Text sql) {
  EDDY_TRY(CopyPointer copy, copy_begin(std::move(state), std::move(sql), true));
  co_return CopyIn(CopyLease(std::move(copy)));
}
Task<CopyOut> open_copy_out(StatePointer state, Text sql) {
  EDDY_TRY(CopyPointer copy, copy_begin(std::move(state), std::move(sql), false));
  co_return CopyOut(CopyLease(std::move(copy)));
}

Task<Statement> open_statement(Query query) {
  EDDY_TRY(Query prepared, prepare(std::move(query)));
  co_return Statement(std::move(prepared));
}

Task<> run_plainly(StatePointer state, const char* verb, Text sql) {
  if (state->must_wait()) EDDY_DO(state->until_free());
  Use use(state);
  EDDY_TRY(const ResultPointer result, run_script(use, verb, sql));
}

Text channel_command(std::string_view command, std::string_view channel) {
  if (channel.empty()) throw UsageError("a channel has a name");
  if (channel.find('\0') != channel.npos) throw UsageError("a channel's name with a zero byte");
  std::string text(command);
  text += " \"";
  for (const char c : channel) text.append(c == '"' ? 2 : 1, c);
  return Text(text += '"');
}

Task<> execute_quietly(Query query) {
  EDDY_TRY(const std::string status, execute(std::move(query)));
}

Task<Notification> wait_notification(StatePointer state) {
  if (state->must_wait()) EDDY_DO(state->until_free());
  Use use(state);
  state->take_messages();
  while (state->notifications.empty()) EDDY_DO(wait_to_take(*state));
  Notification next = std::move(state->notifications.front());
  state->notifications.pop_front();
  co_return next;
}

Generator<Notification> all_notifications(StatePointer state) {
  for (;;) {
    EDDY_TRY(Notification next, wait_notification(state));
    co_yield std::move(next);
  }
}

// RESET ALL leaves the role as it is, with whose rights the next borrower would work.
constexpr const char* reset_script =
    "SET SESSION AUTHORIZATION DEFAULT;RESET ALL;SELECT pg_advisory_unlock_all();CLOSE ALL;"
    "UNLISTEN *;DISCARD TEMP";

Task<> reset_connection(StatePointer state) {
  if (state->must_wait()) EDDY_DO(state->until_free());
  Use use(state);
  state->on_notice = nullptr;
  std::string script = is_idle(*state) ? "" : "ROLLBACK;";
  script += reset_script;
  const Text sql(script);
  EDDY_TRY(const ResultPointer result, run_script(use, "reset", sql));
  state->savepoints = 0;
  state->notifications.clear();
}

Task<bool> check_connection(StatePointer state) {
  if (!state->conn()) co_return false;
  auto said = co_await as_outcome(run_plainly(state, "check", Text(" ")));
  if (!said && said.error().is_cancelled()) co_await fail(std::move(said.error()));
  co_return said && state->conn();
}

Task<> connect_again(StatePointer state) {
  state->require_own_loop();
  if (state->held) co_await fail(misused("reconnect() while a stream or a COPY is there"));
  state->terminate("it is connected anew");
  EDDY_DO(state->until_free(true));
  Use use(state, false);
  state->notifications.clear();
  EDDY_DO(open_connection(use));
}

Task<> close_connection(StatePointer state) {
  state->require_own_loop();
  state->terminate("it was closed");
  EDDY_DO(state->until_free(true));
}

Task<Connection> open(std::string conninfo, ConnectOptions options) {
  StatePointer state(new ConnectionState(std::move(conninfo), options));
  {
    Use use(state, false);
    EDDY_DO(open_connection(use));
  }
  co_return Connection(std::move(state));
}

template <class T>
T of_verb(T task, std::source_location where) noexcept {
  task.set_where(where);
  return task;
}

}  // namespace
}  // namespace internal

using here = std::source_location;

const eddy::internal::Counted<internal::ConnectionState>& Connection::state() const {
  if (!state_) throw UsageError("a Connection without a connection, or moved from");
  return state_;
}

Task<Statement> Connection::prepare(std::string_view sql) {
  return internal::of_verb(
      internal::open_statement(internal::Query(state(), "prepare", sql, {})), here::current());
}

Task<std::vector<Rows>> Connection::run(Batch batch) {
  return internal::of_verb(internal::run_batch(state(), batch.take()), here::current());
}

Task<CopyIn> Connection::copy_in(std::string_view sql) {
  return internal::of_verb(internal::open_copy_in(state(), internal::text_of(sql)),
                           here::current());
}
Task<CopyOut> Connection::copy_out(std::string_view sql) {
  return internal::of_verb(internal::open_copy_out(state(), internal::text_of(sql)),
                           here::current());
}

Task<> Connection::listen(std::string_view channel) {
  return internal::run_plainly(state(), "listen", internal::channel_command("LISTEN", channel));
}
Task<> Connection::unlisten(std::string_view channel) {
  return internal::run_plainly(state(), "unlisten",
                               internal::channel_command("UNLISTEN", channel));
}
Task<> Connection::notify(std::string_view channel, std::string_view payload) {
  return internal::execute_quietly(
      query("notify", "select pg_notify($1, $2)", channel, payload));
}
Task<Notification> Connection::next_notification() {
  return internal::of_verb(internal::wait_notification(state()), here::current());
}
Generator<Notification> Connection::notifications() {
  return internal::all_notifications(state());
}

void Connection::on_notice(std::function<void(const Notice&)> handler) {
  state()->on_notice = std::move(handler);
}

Task<> Connection::reset() { return internal::reset_connection(state()); }
Task<bool> Connection::check() { return internal::check_connection(state()); }
Task<> Connection::reconnect() {
  return internal::of_verb(internal::connect_again(state()), here::current());
}
Task<> Connection::close() { return internal::close_connection(state()); }
void Connection::terminate() noexcept { if (state_) state_->terminate("it was closed"); }

bool Connection::is_open() const noexcept {
  return state_ && state_->is_open() && ::PQstatus(state_->conn()) == CONNECTION_OK;
}
bool Connection::busy() const noexcept { return state_ && state_->busy(); }

TransactionStatus Connection::transaction_status() const noexcept {
  if (!state_ || !state_->conn()) return TransactionStatus::unknown;
  switch (::PQtransactionStatus(state_->conn())) {
    case PQTRANS_IDLE: return TransactionStatus::idle;
    case PQTRANS_ACTIVE: return TransactionStatus::active;
    case PQTRANS_INTRANS: return TransactionStatus::in_transaction;
    case PQTRANS_INERROR: return TransactionStatus::failed;
    case PQTRANS_UNKNOWN: break;
  }
  return TransactionStatus::unknown;
}

int Connection::server_version() const noexcept {
  return is_open() ? ::PQserverVersion(state_->conn()) : 0;
}
int Connection::backend_pid() const noexcept {
  return is_open() ? ::PQbackendPID(state_->conn()) : 0;
}
std::string Connection::parameter(std::string_view name) const {
  if (!is_open()) return {};
  const char* value = ::PQparameterStatus(state_->conn(), std::string(name).c_str());
  return value ? value : "";
}
std::size_t Connection::prepared_statements() const noexcept {
  return state_ ? state_->cache.size() : 0;
}

Task<Connection> connect(std::string conninfo, ConnectOptions options) {
  return internal::of_verb(internal::open(std::move(conninfo), options), here::current());
}

}  // namespace eddy::sql
