#include <eddy/sql/internal/query.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>

#include <exception>
#include <utility>

namespace eddy::sql::internal {

namespace {

// To be sent without being prepared.
bool is_plain(const Query& query) noexcept {
  return !query.prepared && !query.connection->cache.enabled();
}

bool send_query(const Query& query) noexcept {
  pg_conn* conn = query.connection->conn();
  const Parameters& values = query.parameters;
  if (!query.prepared) {
    return ::PQsendQueryParams(conn, query.text.c_str(), values.count(), values.types(),
                               values.values(), values.lengths(), values.formats(), 0);
  }
  return ::PQsendQueryPrepared(conn, query.prepared->name.c_str(), values.count(), values.values(),
                               values.lengths(), values.formats(), 0);
}

Task<> prepare_now(Use& use, Query& query) {
  ConnectionState& state = *use.state();
  if (!state.cache.unused().empty()) EDDY_DO(forget_unused(use));
  if (!query.prepared) query.prepared = state.cache.make(query.text.view());
  if (!state.conn()) co_await fail(state.closed_failure());
  const auto send = [&query] {
    return ::PQsendPrepare(query.connection->conn(), query.prepared->name.c_str(),
                           query.text.c_str(), query.parameters.count(),
                           query.parameters.types());
  };
  EDDY_TRY([[maybe_unused]] const auto answer, run_command(use, query.verb, query.text, send));
  query.prepared->session = state.cache.session();
}

// Finds or makes what is to be run.
Task<> find_prepared(Use& use, Query& query) {
  EDDY_DO(prepare_now(use, query));
  use.state()->cache.add(query.prepared);  // a Statement's too, and what was set aside
}

bool needs_preparing(Query& query) {
  if (is_plain(query)) return false;
  if (!query.prepared) query.prepared = query.connection->cache.find(query.text.view());
  return !query.prepared || !query.prepared->is_ready();
}

Task<ResultPointer> run_query(Use& use, const Query& query) {
  return run_command(use, query.verb, query.text, [&query] { return send_query(query); });
}

Task<ResultPointer> run_prepared(Query query) {
  ConnectionState& state = *query.connection;
  if (state.must_wait()) EDDY_DO(state.until_free());
  Use use(query.connection);
  for (bool again = false;; again = true) {
    if (needs_preparing(query)) EDDY_DO(find_prepared(use, query));
    state.outdated = false;
    auto answer = co_await as_outcome(run_query(use, query));
    if (answer) co_return std::move(*answer);
    if (state.outdated && query.prepared && state.conn()) {
      set_aside(state, query.prepared);
      if (!again && is_idle(state)) continue;
    }
    co_await fail(std::move(answer.error()));
  }
}

}  // namespace

bool is_idle(const ConnectionState& state) noexcept {
  return state.conn() && ::PQtransactionStatus(state.conn()) == PQTRANS_IDLE;
}

// A name that is not known any more would end a transaction: they wait until there is none.
Task<> forget_unused(Use& use) {
  ConnectionState& state = *use.state();
  std::vector<std::string>& names = state.cache.unused();
  while (state.conn() && !names.empty() && is_idle(state)) {
    const Text command("DEALLOCATE " + names.back());
    names.pop_back();
    auto forgot = co_await as_outcome(run_script(use, "deallocate", command));
    if (!forgot && forgot.error().is_cancelled()) co_await fail(std::move(forgot.error()));
  }
}

void set_aside(ConnectionState& state, const Counted<PreparedStatement>& prepared) {
  state.cache.forget(*prepared);
  prepared->renew(state.cache.next_number());
}

Query Query::with(Parameters values) const {
  if (!connection) throw UsageError("a Statement that was not prepared");
  Query query(connection, verb, {}, std::move(values));
  query.text = text;
  query.prepared = prepared;
  return query;
}

Task<std::string> execute_script(Query query) {
  ConnectionState& state = *query.connection;
  if (state.must_wait()) EDDY_DO(state.until_free());
  Use use(query.connection);
  EDDY_TRY(const ResultPointer result, run_script(use, query.verb, query.text));
  co_return std::string(result ? result->status() : std::string_view());
}

Task<std::string> execute(Query query) {
  EDDY_TRY(const ResultPointer result, run_prepared(std::move(query)));
  co_return std::string(result->status());
}

Task<Rows> fetch(Query query) {
  EDDY_TRY(ResultPointer result, run_prepared(std::move(query)));
  co_return Rows(std::move(result));
}

Task<std::optional<Row>> fetch_row(Query query) {
  EDDY_TRY(ResultPointer result, run_prepared(std::move(query)));
  if (result->rows() == 0) co_return std::nullopt;
  co_return Row(std::move(result), 0);
}

Task<std::optional<Row>> fetch_one_or_none(Query query) {
  const char* verb = query.verb;
  const Text text = query.text;
  EDDY_TRY(ResultPointer result, run_prepared(std::move(query)));
  if (result->rows() > 1) {
    const std::string said = std::to_string(result->rows()) + " rows where one was to be";
    co_await fail(failure_by(ErrorKind::too_many_rows, verb, text.view(), said));
  }
  if (result->rows() == 0) co_return std::nullopt;
  co_return Row(std::move(result), 0);
}

namespace {

Failure no_row(const char* verb, const Text& text) {
  return failure_by(ErrorKind::no_rows, verb, text.view(), "no row where one was to be");
}

}  // namespace

Task<Row> fetch_first(Query query) {
  const char* verb = query.verb;
  const Text text = query.text;
  EDDY_TRY(ResultPointer result, run_prepared(std::move(query)));
  if (result->rows() == 0) co_await fail(no_row(verb, text));
  co_return Row(std::move(result), 0);
}

Task<Row> fetch_one(Query query) {
  const char* verb = query.verb;
  const Text text = query.text;
  EDDY_TRY(std::optional<Row> row, fetch_one_or_none(std::move(query)));
  if (!row) co_await fail(no_row(verb, text));
  co_return std::move(*row);
}

Task<Query> prepare(Query query) {
  ConnectionState& state = *query.connection;
  if (state.must_wait()) EDDY_DO(state.until_free());
  Use use(query.connection);
  if (!query.prepared) query.prepared = state.cache.find(query.text.view());
  if (!query.prepared || !query.prepared->is_ready()) EDDY_DO(find_prepared(use, query));
  query.verb = "execute";
  co_return std::move(query);
}

namespace {

// One answer of a stream.
Task<ResultPointer> next_of_stream(Use& use, const Query& query) {
  ConnectionState& state = *use.state();
  while (!is_ready(state)) EDDY_DO(wait_input(state));
  if (!state.conn()) co_await fail(state.closed_failure());
  ResultPointer result = take_result(state);
  if (!result) {
    state.end_command();
  } else if (is_copy(*result)) {
    co_await fail(misused("a COPY is done by copy_in() and copy_out()"));
  } else if (is_failure(*result)) {
    Failure failure = failure_of(state, *result, query.verb, query.text.view());
    EDDY_DO(drain(state));
    co_await fail(std::move(failure));
  }
  co_return result;
}

Task<> begin_stream(Use& use, Query& query) {
  ConnectionState& state = *use.state();
  if (needs_preparing(query)) EDDY_DO(find_prepared(use, query));
  state.outdated = false;
  state.set_subject(query.verb, query.text);
  if (!send_query(query)) co_await fail(state.lost());
  state.in_command = true;
  if (!::PQsetSingleRowMode(state.conn())) state.terminate("rows could not be had one by one");
}

// After a failure of a stream: it is over, and the connection free.
Task<> end_stream(Use& use, Query& query) {
  ConnectionState& state = *use.state();
  if (state.in_command) co_await stop_command(use);
  if (state.outdated && query.prepared && state.conn()) set_aside(state, query.prepared);
}

}  // namespace

Generator<Row> stream(Query query) {
  ConnectionState& state = *query.connection;
  if (state.must_wait()) EDDY_DO(state.until_free());
  Use use(query.connection);
  EDDY_DO(begin_stream(use, query));
  for (;;) {
    auto result = co_await as_outcome(next_of_stream(use, query));
    if (!result) {
      co_await end_stream(use, query);
      co_await fail(std::move(result.error()));
    }
    if (!*result) co_return;
    if (::PQresultStatus((*result)->get()) != PGRES_SINGLE_TUPLE) continue;
    Row row(std::move(*result), 0);
    std::exception_ptr thrown;
    state.held = true;
    try {
      co_yield std::move(row);
    } catch (...) {  // it is left
      thrown = std::current_exception();
    }
    state.held = false;
    if (thrown) {
      co_await end_stream(use, query);
      std::rethrow_exception(thrown);
    }
  }
}

}  // namespace eddy::sql::internal
