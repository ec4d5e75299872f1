#include <eddy/sql/internal/wire.hpp>

#include <eddy/core/try.hpp>

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace eddy::sql::internal {

Expected<short> SocketWait::await_outcome() {
  state_->wait_ = nullptr;
  if (state_->closing_) state_->finish();
  auto outcome = PollFd::await_outcome();
  if (state_->conn() || (!outcome && outcome.error().is_cancelled())) return outcome;
  return std::unexpected(state_->closed_failure());
}

bool is_ready(ConnectionState& state) noexcept {
  return !state.conn() || !::PQisBusy(state.conn());
}

Task<> wait_input(ConnectionState& state, Wanted wanted) {
  const int unsent = ::PQflush(state.conn());
  if (unsent < 0 || state.socket() < 0) co_await fail(state.lost());
  // The server may have made room since the caller found none, and has nothing to say.
  if (unsent == 0 && wanted == Wanted::room) co_return;
  const short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
  EDDY_TRY(const short got, SocketWait(state, events));
  const bool broken = (got & ~POLLOUT) && !::PQconsumeInput(state.conn());
  // What the server said before it went is an answer still.
  if (broken && ::PQisBusy(state.conn())) co_await fail(state.lost());
  state.take_messages();
  if (!state.conn()) co_await fail(state.closed_failure());
}

Task<> wait_to_take(ConnectionState& state) {
  EDDY_DO(wait_input(state));
  eddy::internal::TaskState& task = *eddy::internal::thread_state.task;
  if (task.take_pending_cancel()) co_await fail(task.cancelled_failure());
}

ResultPointer take_result(ConnectionState& state) {
  // Before anything is taken: where there is no memory, the answer is there still.
  ResultPointer data(new ResultData(nullptr));
  pg_result* result = ::PQgetResult(state.conn());
  if (!result) return {};
  data->adopt(result);
  return data;
}

Task<ResultPointer> collect(ConnectionState& state, const char* verb, Text sql) {
  ResultPointer last;
  std::optional<Failure> failure;
  state.set_subject(verb, sql);
  for (;;) {
    while (!is_ready(state)) {
      auto waited = co_await as_outcome(wait_input(state));
      if (waited) continue;
      if (failure && !waited.error().is_cancelled()) co_await fail(std::move(*failure));
      co_await fail(std::move(waited.error()));
    }
    if (!state.conn()) co_await fail(state.closed_failure());
    ResultPointer result = take_result(state);
    if (!result) break;
    if (is_copy(*result)) {
      co_await fail(misused("a COPY is done by copy_in() and copy_out()"));
    } else if (is_failure(*result)) {
      if (!failure) failure = failure_of(state, *result, verb, sql.view());
    } else {
      last = std::move(result);
    }
  }
  state.end_command();
  if (state.conn() && ::PQstatus(state.conn()) == CONNECTION_BAD) static_cast<void>(state.lost());
  if (failure) co_await fail(std::move(*failure));
  co_return last;
}

Task<ResultPointer> run_script(Use& use, const char* verb, Text sql) {
  const ConnectionState& state = *use.state();
  const auto send = [&state, text = sql.c_str()] { return ::PQsendQuery(state.conn(), text); };
  return run_command(use, verb, std::move(sql), send);
}

std::string one_line(const char* message) {
  std::string text = message ? message : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::erase(text, '\t');  // which begin libpq's further lines
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string result_field(const pg_result* result, int code) {
  const char* text = ::PQresultErrorField(result, code);
  return text ? text : "";
}

Failure failure_by(ErrorKind kind, std::string_view verb, std::string_view sql,
                   std::string_view message) {
  return Failure::holding(Error(kind, verb, sql, message));
}

bool is_failure(const ResultData& result) noexcept {
  const ExecStatusType status = ::PQresultStatus(result.get());
  return status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR ||
         status == PGRES_BAD_RESPONSE || status == PGRES_PIPELINE_ABORTED;
}

bool is_copy(const ResultData& result) noexcept {
  const ExecStatusType status = ::PQresultStatus(result.get());
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

Failure misused(const char* message) {
  return Failure::holding(UsageError(message));
}

Failure failure_of(ConnectionState& state, const ResultData& data, std::string_view verb,
                   std::string_view sql) {
  const pg_result* result = data.get();
  ErrorFields fields;
  fields.sqlstate = result_field(result, PG_DIAG_SQLSTATE);
  fields.message = result_field(result, PG_DIAG_MESSAGE_PRIMARY);
  fields.detail = result_field(result, PG_DIAG_MESSAGE_DETAIL);
  fields.hint = result_field(result, PG_DIAG_MESSAGE_HINT);
  fields.schema = result_field(result, PG_DIAG_SCHEMA_NAME);
  fields.table = result_field(result, PG_DIAG_TABLE_NAME);
  fields.column = result_field(result, PG_DIAG_COLUMN_NAME);
  fields.constraint = result_field(result, PG_DIAG_CONSTRAINT_NAME);
  const std::string position = result_field(result, PG_DIAG_STATEMENT_POSITION);
  fields.position = std::atoi(position.c_str());
  if (fields.message.empty()) fields.message = one_line(::PQresultErrorMessage(result));
  // The server holds another plan than we think, or none.
  state.outdated = fields.sqlstate == "26000" ||
                   (fields.sqlstate == "0A000" &&
                    result_field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery");
  ErrorKind kind = kind_of(fields.sqlstate);
  // libpq's own: the server has gone without a word.
  if (fields.sqlstate.empty() && state.conn() && ::PQstatus(state.conn()) == CONNECTION_BAD) {
    kind = ErrorKind::connection_lost;
  }
  return Failure::holding(Error(kind, verb, sql, std::move(fields)));
}

}  // namespace eddy::sql::internal
