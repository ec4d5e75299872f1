#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/thread_state.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/move_on.hpp>
#include <eddy/flow/shield.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/sql/internal/wire.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace eddy::sql::internal {
using eddy::internal::BlockingCall;
using eddy::internal::WaitForCall;

namespace {

// COPY out: what is there of it. False: more is to come.
bool drop_copied_out(ConnectionState& state) noexcept {
  for (;;) {
    char* row = nullptr;
    const int size = ::PQgetCopyData(state.conn(), &row, 1);
    if (row) ::PQfreemem(row);
    if (size <= 0) return size < 0;
  }
}

// True: that was the last of the command.
bool drained_by(ConnectionState& state, pg_result* result) noexcept {
  // In a pipeline there is a null after each statement; after the last answer nothing is active.
  if (!result) {
    return !state.in_pipeline || ::PQtransactionStatus(state.conn()) != PQTRANS_ACTIVE;
  }
  const ExecStatusType status = ::PQresultStatus(result);
  ::PQclear(result);
  if (status == PGRES_COPY_IN && ::PQputCopyEnd(state.conn(), "called off") != 1) {
    state.terminate("a COPY could not be called off");
  }
  if (status == PGRES_COPY_BOTH) state.terminate("it is a connection for replication");
  return status == PGRES_PIPELINE_SYNC;
}

// Asks the server to stop the statement. libpq can only do it by a call that blocks, for as long as
// a server that is stopped or cut off lets it; so nobody else waits for the thread, nor the loop's
// end. It returns when the server has ended this connection, and so has sent the signal: it cannot
// reach a later statement. Whether it was of use shows at the connection itself.
class CancelCall final : public BlockingCall {
 public:
  explicit CancelCall(pg_conn* conn) : cancel_(::PQgetCancel(conn)) {
    if (!cancel_) throw std::bad_alloc();
    may_hang(true);
  }
  void run() noexcept override {
    std::array<char, 256> why{};
    ::PQcancel(cancel_.get(), why.data(), static_cast<int>(why.size()));
  }

 private:
  struct Free {
    void operator()(PGcancel* cancel) const noexcept { ::PQfreeCancel(cancel); }
  };
  std::unique_ptr<PGcancel, Free> cancel_;  // independent of its connection
};

Task<> cancel_until_stopped(ConnectionState& state) {
  // A request that arrives before the statement has begun is forgotten by the server.
  Duration patience = std::chrono::milliseconds(50);
  while (state.in_command && state.conn()) {
    EDDY_DO(WaitForCall(std::make_shared<CancelCall>(state.conn())));
    if (!state.conn()) co_return;
    EDDY_TRY(const bool drained, move_on_after(patience, drain(state)));
    if (drained) co_return;
    patience = std::min<Duration>(2 * patience, std::chrono::seconds(1));
  }
}

// A task of its own, which only the loop's end cancels.
Task<> stop_or_close(StatePointer state) {
  const AnyDuration grace = state->options.cancel_grace;
  auto stopped = co_await as_outcome(timeout(grace, cancel_until_stopped(*state)));
  if (!stopped) state->terminate("a statement did not stop when it was cancelled");
}

Task<> stop_and_release(Use use) { co_await stop_command(use); }

}  // namespace

Task<> drain(ConnectionState& state) {
  bool copying_out = false;
  if (state.in_pipeline) state.sync_pipeline();
  while (state.conn()) {
    while (!is_ready(state)) EDDY_DO(wait_input(state));
    if (copying_out && !drop_copied_out(state)) {
      EDDY_DO(wait_input(state));
      continue;
    }
    pg_result* result = ::PQgetResult(state.conn());
    copying_out = result && ::PQresultStatus(result) == PGRES_COPY_OUT;
    if (!drained_by(state, result)) continue;
    state.end_command();
    co_return;
  }
}

Task<> stop_command(Use& use) {
  ConnectionState& state = *use.state();
  if (!state.in_command || !state.conn()) co_return;
  use.mark_ending();
  std::optional<JoinHandle<>> stopping;
  try {
    stopping = spawn(stop_or_close(use.state()));
  } catch (...) {  // no memory for the task
  }
  bool asked = false;  // to stop, meanwhile: that is for the next wait
  while (stopping && !stopping->done()) {
    auto waited = co_await as_outcome(shield(*stopping));
    const bool ended_alone = stopping->done() && stopping->cancelled();
    asked |= !waited && waited.error().is_cancelled() && !ended_alone;
  }
  if (asked) eddy::internal::thread_state.task->keep_cancel_pending();
  if (state.in_command) state.terminate("a statement that was cancelled was not stopped");
}

void stop_in_background(Use use) noexcept {
  if (!use.state() || !use.state()->in_command) return;
  try {
    Loop* loop = Loop::open(use.state()->loop_id());
    if (!loop) return;  // and the use ends
    use.mark_ending();
    auto stopping = loop->spawn(stop_and_release(std::move(use)));
    stopping.state().report_at_close();
  } catch (...) {  // no memory: the use has ended, and the connection with it
  }
}

}  // namespace eddy::sql::internal
