// Operation: one request to the kernel as an awaitable. No allocation: it lives in the awaiting
// frame.
//
// Resumes in the turn after its completion was reaped. It belongs to the kernel until then: when
// the task is cancelled the kernel is asked to cancel, and the frame still waits for the
// completion, so that no buffer dies early. If the operation succeeded all the same, its result is
// returned and the request stays pending for the next wait (C13). A request that is pending when
// the operation would start keeps it from starting.
//
// One that takes the kernel several steps has a Proceed: all of a buffer, a second completion. It
// goes on while completions are reaped, without waking its task in between.
#pragma once

#include <eddy/core/internal/request.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/internal/waiter.hpp>

#include <cstdint>
#include <string_view>

namespace eddy {
class Loop;
}

namespace eddy::internal {

class Operation : public Waiter {
 public:
  using value_type = int;

  // `name` appears in errors: "read". The subject is the caller's to add.
  Operation(const Request& request, std::string_view name) noexcept
      : Waiter(kind<&Operation::describe, &cancel>), request_(request), name_(name) {}
  Operation(const Operation&) = default;
  ~Operation() {
    EDDY_VERIFY(state_ != State::in_flight);
  }  // the kernel would write to a dead frame

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);

  // What the kernel returned; at least 0. Throws Error, or Cancelled.
  int await_resume() {
    if (result_ >= 0) [[likely]] return accept();
    settle().error().raise();
  }
  Expected<int> await_outcome() {
    if (result_ >= 0) [[likely]] return accept();
    return settle();
  }

  std::string_view name() const noexcept { return name_; }
  // For messages: a name is a literal.
  AwaitedName awaited() const noexcept { return {name_.data()}; }

  // What it works on goes away: it ends with ECANCELED as an Error, unless it has a result before.
  // Nothing in a child after fork(), where the operation goes on as the parent's.
  void stop() noexcept;

  // As the kernel returned it, negative errno included; the flags of the completion.
  int result() const noexcept { return result_; }
  std::uint32_t flags() const noexcept { return flags_; }

 protected:
  // For one that often is done without the kernel's queue: prepare() before it suspends.
  explicit Operation(std::string_view name) noexcept
      : Waiter(kind<&Operation::describe, &cancel>), name_(name) {}
  void prepare(const Request& request) noexcept {
    EDDY_ASSERT(state_ != State::queued);
    request_ = PackedRequest(request);
  }

  // The operation was done without the kernel's queue: `result` as the kernel would return it.
  void finish(int result) noexcept {
    EDDY_ASSERT(!in_flight());
    result_ = result;
  }

  // Called with each completion while they are reaped: it may queue, and resumes nothing. True: the
  // operation goes on, by submit_again() or because more completions come. False: it has ended, and
  // its task is woken.
  using Proceed = bool (*)(Operation&) noexcept;
  Operation(std::string_view name, Proceed proceed,
            const WaitKind& own = kind<&Operation::describe, &cancel>) noexcept
      : Waiter(own), proceed_(proceed), name_(name) {}

  // For a Proceed: submits what prepare() was given. False, with nothing done, when the task was
  // asked to stop.
  bool submit_again() noexcept;
  // For a Proceed: more completions come.
  bool stay() noexcept {
    EDDY_ASSERT(state_ == State::ended);
    state_ = State::in_flight;
    return true;
  }
  bool in_flight() const noexcept { return state_ == State::in_flight; }
  // The kernel was asked to cancel it.
  bool cancel_requested() const noexcept { return cancel_requested_; }

  static bool cancel(Waiter& waiter);
  void describe(WaitNote& note) const;

  // For one that did what it should: a request to cancel that came meanwhile stays pending (C13).
  void keep_late_cancel() noexcept { if (cancel_requested_) [[unlikely]] keep_pending(); }

  // For one that was done in a part when it was cancelled: the request counts as delivered.
  Failure cancelled_midway() noexcept;

 private:
  friend class eddy::Loop;
  enum class State : std::uint8_t { idle, queued, in_flight, ended };

  int accept() noexcept {
    keep_late_cancel();
    return result_;
  }
  void keep_pending() noexcept;
  void ask_kernel_to_cancel() noexcept;
  Expected<int> settle() noexcept;

  Proceed proceed_ = nullptr;
  PackedRequest request_;
  std::string_view name_;
  int result_ = 0;
  std::uint32_t flags_ = 0;
  State state_ = State::idle;
  bool cancel_requested_ = false;
};

}  // namespace eddy::internal
