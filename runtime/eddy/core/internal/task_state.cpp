#include <eddy/core/internal/task_state.hpp>

#include <eddy/core/loop.hpp>

#include <cstdio>
#include <cstdlib>

namespace eddy::internal {

constinit thread_local ThreadState thread_state;

bool TaskState::cancel(const Text& reason) {
  if (done()) {
    retrieved_ = true;  // B6: of what somebody tried to stop in vain, nothing is reported
    return false;
  }
  if (Waiter* waiter = count_cancel(reason)) deliver_to(*waiter);
  return true;
}

// While a loop that closes asks all its tasks, each is asked once, whichever way the request comes:
// so a chain of waiting tasks ends in time that grows with its length. Only in a circle of tasks
// that wait for each other must the one that began hear of it again.
Waiter* TaskState::count_cancel(Text reason) noexcept {
  EDDY_ASSERT(!done());
  if (loop_->asks_all()) [[unlikely]] {
    if (report_at_close_) return waiter_ && waiter_->forwarding() ? waiter_ : nullptr;
    report_at_close_ = true;
  }
  ++cancelling_;
  if (reason_.empty()) reason_ = std::move(reason);
  if (!waiter_) must_cancel_ = true;
  return waiter_;
}

unsigned TaskState::uncancel() noexcept {
  if (cancelling_ > 0 && --cancelling_ == 0 && take_pending_cancel()) reason_ = Text();
  return cancelling_;
}

bool TaskState::take_back_cancel(unsigned before) noexcept {
  EDDY_ASSERT(running());
  if (uncancel() > before) return false;
  if (take_pending_cancel()) reason_ = Text();  // C13: not delivered, and nobody else's
  return true;
}

void TaskState::deliver_pending() noexcept {
  EDDY_ASSERT(waiter_);
  EDDY_ASSERT(must_cancel_);
  if (waiter_->request_cancel()) must_cancel_ = false;
}

// C2: a request that was never delivered takes the place of the value.
[[gnu::cold]] void TaskState::drop_for_cancel() noexcept {
  EDDY_ASSERT(must_cancel_);
  EDDY_ASSERT(!exception_);
  must_cancel_ = false;
  drop_value();
  exception_ = cancelled_failure().exception();
}

inline void TaskState::conclude(State state) noexcept {
  EDDY_ASSERT(!done());
  EDDY_ASSERT(!waiter_);
  EDDY_ASSERT(state >= State::value);
  EDDY_ASSERT((state == State::value) == (exception_ == nullptr));
  state_ = state;
  loop_->task_ended(*this);
  while (DoneHook* hook = hooks_.pop_front()) hook->notify(*this);
  release();
}

// C3: the body never runs.
void TaskState::cancel_unstarted() noexcept {
  EDDY_ASSERT(state_ == State::unstarted);
  must_cancel_ = false;
  exception_ = cancelled_failure().exception();
  thread_state.task = this;  // arguments die in the task's own context
  abandon();
  thread_state.task = nullptr;
  conclude(State::cancelled);
}

void TaskState::end() noexcept {
  EDDY_ASSERT(running());
  EDDY_ASSERT(root_ended_);
  const State state = take_result();  // still the running task: arguments die in its own context
  thread_state.task = nullptr;
  if (must_cancel_ || report_at_close_) [[unlikely]] return end_slowly(state);
  conclude(state);
}

[[gnu::cold]] void TaskState::end_slowly(State state) noexcept {
  if (must_cancel_ && state == State::value) {
    drop_for_cancel();
    state = State::cancelled;
  }
  const bool reported = report_at_close_ && state == State::exception;
  if (reported) retain();
  conclude(state);
  if (reported) loop_->report_by_close(*this);
}

// E1: runs the first step at once, inside the step of the task that spawns.
void TaskState::start_eagerly() noexcept {
  EDDY_ASSERT(state_ == State::unstarted);
  const Interrupted outer;
  TaskState* const starting = thread_state.task;
  thread_state.next = nullptr;
  if (starting) starting->starts_another_ = true;
  resume();
  outer.go_on();
  if (starting) starting->starts_another_ = false;
}

void TaskState::store_failure(const Failure& failure) noexcept { exception_ = failure.exception(); }

// It waits, and not for what is eddy's: whoever resumed its frame would do so outside of a step.
void TaskState::end_lost_step() noexcept {
  std::fprintf(stderr, "eddy: %s in %s (%s:%u) awaits what is not eddy's: co_await foreign(...)\n",
               name_or_nothing().c_str(), where_.function_name(), where_.file_name(),
               static_cast<unsigned>(where_.line()));
  std::abort();
}

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
  EDDY_ASSERT(done());
  EDDY_ASSERT(exception_);
  retrieved_ = true;
  return Failure::from(exception_);
}

void TaskState::set_name(std::string_view name) { name_ = Text(name); }

void TaskState::name_or_drop(std::string_view name) {
  try {
    set_name(name);
  } catch (...) {
    abandon();
    release();
    throw;
  }
}

std::string TaskState::name_or_nothing() const noexcept {
  try {
    return name();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::string TaskState::name() const {
  return name_.empty() ? "Task-" + std::to_string(id_) : std::string(name_.view());
}

// B6: once, and not when anybody looked. One that was asked to stop, and failed after that, is
// reported as well.
void TaskState::report_unseen() noexcept {
  EDDY_ASSERT(exception_);
  retrieved_ = true;
  Loop::report_to(loop_id_,
                  {.message = report_at_close_ ? "task failed while its loop was closed"
                                               : "task exception was never retrieved",
                   .exception = exception_,
                   .task = name_or_nothing(),
                   .where = where_});
}

}  // namespace eddy::internal
