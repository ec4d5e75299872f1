#include <eddy/core/task_state.hpp>

#include <eddy/core/loop.hpp>

namespace eddy {

constinit thread_local ThreadState thread_state;

void Waiter::throw_no_task() {
  throw UsageError("co_await outside of a task: use run() or spawn()");
}

bool Waiter::leave(Waiter& waiter) {
  waiter.unlink();
  waiter.mark_cancelled();
  waiter.wake();
  return true;
}

Failure Waiter::cancelled_failure() noexcept { return task_->cancelled_failure(); }

bool TaskState::cancel(const Text& reason) {
  if (done()) return false;
  ++cancelling_;
  if (reason_.empty()) reason_ = reason;
  if (waiter_ && waiter_->request_cancel()) return true;
  must_cancel_ = true;
  return true;
}

unsigned TaskState::uncancel() noexcept {
  if (cancelling_ > 0 && --cancelling_ == 0 && take_pending_cancel()) reason_ = Text();
  return cancelling_;
}

void TaskState::deliver_pending() noexcept {
  if (waiter_->request_cancel()) must_cancel_ = false;
}

// C2: a request that was never delivered takes the place of the value.
[[gnu::cold]] void TaskState::drop_for_cancel() noexcept {
  must_cancel_ = false;
  drop_value();
  exception_ = cancelled_failure().exception();
}

inline void TaskState::conclude(State state) noexcept {
  state_ = state;
  loop_->task_ended(*this);
  while (DoneHook* hook = hooks_.pop_front()) hook->notify(*this);
  release();
}

// C3: the body never runs.
void TaskState::cancel_unstarted() noexcept {
  must_cancel_ = false;
  exception_ = cancelled_failure().exception();
  thread_state.task = this;  // arguments die in the task's own context
  abandon();
  thread_state.task = nullptr;
  conclude(State::cancelled);
}

void TaskState::end() noexcept {
  State state = take_result();  // still the running task: arguments die in its own context
  thread_state.task = nullptr;
  if (must_cancel_ && state == State::value) [[unlikely]] {
    drop_for_cancel();
    state = State::cancelled;
  }
  conclude(state);
}

// E1: runs the first step at once, inside the step of the task that spawns.
void TaskState::start_eagerly() noexcept {
  const ThreadState outer = thread_state;
  thread_state.next = nullptr;
  resume();
  thread_state = outer;
}

void TaskState::store_failure(const Failure& failure) noexcept { exception_ = failure.exception(); }

std::exception_ptr TaskState::exception() const {
  if (!done()) throw InvalidState("exception() of a task that is not done");
  if (cancelled()) std::rethrow_exception(exception_);
  const_cast<TaskState*>(this)->retrieved_ = true;
  return exception_;
}

void TaskState::throw_outcome() {
  if (!done()) throw InvalidState("result() of a task that is not done");
  retrieved_ = true;
  std::rethrow_exception(exception_);
}

Failure TaskState::failure() {
  retrieved_ = true;
  return Failure::from(exception_);
}

void TaskState::set_name(std::string_view name) { name_ = Text(name); }

std::string TaskState::name() const {
  return name_.empty() ? "Task-" + std::to_string(id_) : std::string(name_.view());
}

// B6: once, and neither after cancel() nor when anybody looked.
void TaskState::report_unseen() noexcept {
  if (cancelling_ > 0 && !report_at_close_) return;
  retrieved_ = true;
  Loop::report_to(loop_, {.message = report_at_close_ ? "task failed while its loop was closed"
                                                      : "task exception was never retrieved",
                          .exception = exception_,
                          .task = name(),
                          .where = where_});
}

}  // namespace eddy
