#include <eddy/sql/transaction.hpp>

#include <eddy/core/internal/thread_state.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/shield.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>

#include <string>

namespace eddy::sql::internal {
namespace {

Text begin_command(const TransactionOptions& options) {
  std::string text = "BEGIN";
  switch (options.isolation) {
    case Isolation::standard: break;
    case Isolation::read_committed: text += " ISOLATION LEVEL READ COMMITTED"; break;
    case Isolation::repeatable_read: text += " ISOLATION LEVEL REPEATABLE READ"; break;
    case Isolation::serializable: text += " ISOLATION LEVEL SERIALIZABLE"; break;
  }
  if (options.read_only) text += " READ ONLY";
  if (options.deferrable) text += " DEFERRABLE";
  return Text(text);
}

bool is_standard(const TransactionOptions& options) noexcept {
  return options.isolation == Isolation::standard && !options.read_only && !options.deferrable;
}

std::string savepoint_name(unsigned number) { return "eddy_" + std::to_string(number); }

PGTransactionStatusType status_of(const ConnectionState& state) noexcept {
  return state.conn() ? ::PQtransactionStatus(state.conn()) : PQTRANS_UNKNOWN;
}

// Runs it to its end in a task that no cancel of this one reaches. One that comes stays pending;
// from then on the server has the time of cancel_grace, and then the connection is closed. Nothing
// is allocated once the task runs: it is never left alone.
Task<std::string> run_through(StatePointer state, const char* verb, std::string sql) {
  auto running = spawn(execute_script(Query(state, verb, sql, {})));
  std::optional<AnyInstant> limit;
  bool asked = false;
  while (!running.done()) {
    asked |= eddy::internal::thread_state.task->take_pending_cancel();
    if (asked && !limit) {
      limit = eddy::internal::later(Loop::current().now(), state->options.cancel_grace);
    }
    auto waited = co_await as_outcome(timeout_at(limit, shield(running)));
    if (!waited && waited.error().is_cancelled()) {
      asked |= !running.done() || !running.cancelled();  // of this task, also where both have ended
    } else if (!waited && !running.done()) {
      state->terminate("a transaction did not end when it was cancelled");
      limit = Instant::max();
    }
  }
  if (asked) eddy::internal::thread_state.task->keep_cancel_pending();
  auto status = co_await as_outcome(running);
  if (!status) co_await fail(std::move(status.error()));
  co_return std::move(*status);
}

Failure failed_transaction(std::string_view why) {
  return failure_by(ErrorKind::transaction_failed, "commit", {}, why);
}

Task<> commit_outermost(StatePointer state) {
  EDDY_TRY(const std::string status, run_through(state, "commit", "COMMIT"));
  if (status == "COMMIT") co_return;
  co_await fail(failed_transaction("an error had ended the transaction: it was rolled back"));
}

}  // namespace

Task<unsigned> begin_transaction(StatePointer state, TransactionOptions options) {
  if (state->must_wait()) EDDY_DO(state->until_free());
  const bool nested = state->conn() && !is_idle(*state);
  if (nested && !is_standard(options)) {
    co_await fail(misused("a transaction inside of another has no options of its own"));
  }
  const unsigned number = nested ? state->savepoints + 1 : 0;
  const Text command = nested ? Text("SAVEPOINT " + savepoint_name(number))
                              : begin_command(options);
  Query query(state, "begin", command.view(), {});
  auto begun = co_await as_outcome(execute_script(std::move(query)));
  if (begun) {
    state->savepoints = number;
    co_return number;
  }
  // It may have begun though the wait for it was cancelled.
  if (!nested && state->conn() && !is_idle(*state)) co_await roll_back_transaction(state, 0);
  co_await fail(std::move(begun.error()));
  co_return 0;  // never: clang does not know that fail() does not return
}

Task<> commit_transaction(StatePointer state, unsigned savepoint) {
  // A stream that the body left may still be ending.
  auto waited = co_await as_outcome(state->until_free());
  if (!waited) {
    co_await roll_back_transaction(state, savepoint);
    co_await fail(std::move(waited.error()));
  }
  const PGTransactionStatusType status = status_of(*state);
  if (status == PQTRANS_UNKNOWN) co_await fail(state->closed_failure());
  if (status == PQTRANS_IDLE) {
    co_await fail(misused("with_transaction(): the body has ended the transaction itself"));
  }
  if (status == PQTRANS_INERROR) {
    co_await roll_back_transaction(state, savepoint);
    co_await fail(failed_transaction("an error has ended the transaction: it was rolled back"));
  }
  std::optional<Failure> failure;
  if (savepoint == 0) {
    auto committed = co_await as_outcome(commit_outermost(state));
    if (!committed) failure = std::move(committed.error());
  } else {
    const std::string command = "RELEASE SAVEPOINT " + savepoint_name(savepoint);
    auto released = co_await as_outcome(run_through(state, "commit", command));
    if (!released) failure = std::move(released.error());
  }
  if (failure) {
    co_await roll_back_transaction(state, savepoint);
    co_await fail(std::move(*failure));
  }
  if (savepoint > 0) state->savepoints = savepoint - 1;
}

Task<> roll_back_transaction(StatePointer state, unsigned savepoint) {
  const PGTransactionStatusType status = status_of(*state);
  if (status == PQTRANS_UNKNOWN || (status == PQTRANS_IDLE && !state->busy())) co_return;
  std::string command = "ROLLBACK";
  if (savepoint > 0) {
    const std::string name = savepoint_name(savepoint);
    command += " TO SAVEPOINT " + name + ";RELEASE SAVEPOINT " + name;
  }
  auto rolled_back = co_await as_outcome(run_through(state, "rollback", std::move(command)));
  if (!rolled_back) state->terminate("a transaction could not be rolled back");
  state->savepoints = savepoint > 0 ? savepoint - 1 : 0;
}

}  // namespace eddy::sql::internal
