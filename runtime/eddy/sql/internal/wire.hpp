// What the calls on a connection are made of: waiting for its socket, sending, reading answers,
// stopping what is under way.
//
// Whoever has sent a command sets in_command, and waits for what makes its answer by as_outcome():
// if in_command is still set then, it calls stop_command() before it goes on.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/poll_fd.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sql/internal/connection_state.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace eddy::sql::internal {

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
  Expected<short> await_outcome();

 private:
  ConnectionState* state_;
};

// An answer can be taken without a wait; or the connection is closed.
bool is_ready(ConnectionState& state) noexcept;
// Until the socket has something to read, or room for what is to be sent; reads that, sends this.
// Who has more to send wants room, and does not wait where all was sent. Fails when the connection
// is lost. REQUIRES: it is open
enum class Wanted : bool { input, room };
Task<> wait_input(ConnectionState& state, Wanted wanted = Wanted::input);
// The same for what is only looked at so far: where a cancel came in the same turn it is delivered,
// rather than that what was taken is dropped with the task (C2).
Task<> wait_to_take(ConnectionState& state);
// REQUIRES: is_ready(). Null: there is no more, of this statement where it is a pipeline.
ResultPointer take_result(ConnectionState& state);
// All answers until there is no more: the last of them. Fails with the first error, after all.
Task<ResultPointer> collect(ConnectionState& state, const char* verb, Text sql);
// Stops what is under way on the server, and reads what still comes; or closes the connection. Not
// interrupted by a cancel, and ends without a failure.
Task<> stop_command(Use& use);
// Sends a command by `send()`, a call of libpq's that gives 0 where it fails, and collects. What
// that needs is there before it is sent.
template <class F>
Task<ResultPointer> run_command(Use& use, const char* verb, Text sql, F send) {
  ConnectionState& state = *use.state();
  auto collecting = collect(state, verb, sql);
  state.set_subject(verb, sql);
  if (!send()) {
    collecting.discard();
    co_await fail(state.lost());
  }
  state.in_command = true;
  auto answer = co_await as_outcome(std::move(collecting));
  if (state.in_command) [[unlikely]] co_await stop_command(use);
  if (!answer) co_await fail(std::move(answer.error()));
  co_return std::move(*answer);
}
// Sends what PQsendQuery() takes: one statement or several, without values, and collects.
Task<ResultPointer> run_script(Use& use, const char* verb, Text sql);

// Reads and drops what the command that is under way still brings.
Task<> drain(ConnectionState& state);
// stop_command() in a task of its own, which then ends the use.
void stop_in_background(Use use) noexcept;

// No transaction is open, and no statement under way.
bool is_idle(const ConnectionState& state) noexcept;
// Tells the server which statements nobody holds any more.
Task<> forget_unused(Use& use);
// The server has another plan for it, or none: it is to be prepared anew.
void set_aside(ConnectionState& state,
               const eddy::internal::Counted<PreparedStatement>& prepared);
// Whether a statement is a COPY, by its first word.
bool begins_a_copy(std::string_view sql) noexcept;

// Connects, in place of none.
Task<> open_connection(Use& use);

// Of an answer.
bool is_failure(const ResultData& result) noexcept;
bool is_copy(const ResultData& result) noexcept;
Failure failure_of(ConnectionState& state, const ResultData& result, std::string_view verb,
                   std::string_view sql);
Failure failure_by(ErrorKind kind, std::string_view verb, std::string_view sql,
                   std::string_view message);
Failure misused(const char* message);
// A PG_DIAG_ of an answer, or nothing.
std::string result_field(const pg_result* result, int code);
// Of libpq, in one line.
std::string one_line(const char* message);

}  // namespace eddy::sql::internal
