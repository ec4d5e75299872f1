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

TaskState::TaskState(Loop& loop, std::coroutine_handle<> root, std::source_location where)
    : Ready(&first_step),
      loop_(&loop),
      point_(root),
      context_(Context::current()),
      id_(loop.next_task_id()),
      where_(where) {}

TaskState::~TaskState() { report_if_unseen(); }

bool TaskState::cancel(const Text& reason) {
  if (done()) return false;
  ++cancelling_;
  if (reason_.empty()) reason_ = reason;
  if (waiter_ && waiter_->request_cancel()) return true;
  must_cancel_ = true;
  return true;
}

unsigned TaskState::uncancel() noexcept {
  if (cancelling_ > 0 && --cancelling_ == 0) must_cancel_ = false;
  return cancelling_;
}

Failure TaskState::cancelled_failure() noexcept {
  return Failure::cancelled(std::exchange(reason_, Text()));
}

void TaskState::deliver_pending() noexcept {
  if (waiter_->request_cancel()) must_cancel_ = false;
}

void TaskState::begin() noexcept {
  EDDY_ASSERT(state_ == State::unstarted);
  state_ = State::running;
  set_run(nullptr);  // from now on its steps are Ready::is_task_step()
}

void TaskState::first_step(Ready& ready) noexcept {
  auto& task = static_cast<TaskState&>(ready);
  task.begin();
  if (task.take_pending_cancel()) {  // C3: the body never runs
    task.exception_ = task.cancelled_failure().exception();
    thread_state.task = &task;  // arguments die in the task's own context
    task.abandon();
    thread_state.task = nullptr;
    task.conclude(State::cancelled);
    return;
  }
  task.resume();
}

void TaskState::end() noexcept {
  thread_state.task = this;  // arguments die in the task's own context
  const State state = take_result();
  thread_state.task = nullptr;
  conclude(state);
}

// E1: runs the first step at once, inside the step of the task that spawns.
void TaskState::start_eagerly() noexcept {
  const ThreadState outer = thread_state;
  thread_state.next = nullptr;
  begin();
  resume();
  thread_state = outer;
}

void TaskState::store_failure(const Failure& failure) noexcept { exception_ = failure.exception(); }

void TaskState::conclude(State state) noexcept {
  if (must_cancel_ && state == State::value) {  // C2: a request that was never delivered
    must_cancel_ = false;
    drop_value();
    exception_ = cancelled_failure().exception();
    state = State::cancelled;
  }
  state_ = state;
  loop_->task_ended(*this);
  while (DoneHook* hook = hooks_.pop_front()) hook->notify(*this);
  release();
}

std::exception_ptr TaskState::exception() const {
  if (!done()) throw InvalidState("exception() of a task that is not done");
  if (cancelled()) std::rethrow_exception(exception_);
  const_cast<TaskState*>(this)->retrieved_ = true;
  return exception_;
}

void TaskState::rethrow() {
  if (!done()) throw InvalidState("result() of a task that is not done");
  if (!exception_) return;
  retrieved_ = true;
  std::rethrow_exception(exception_);
}

Failure TaskState::failure() {
  retrieved_ = true;
  return Failure::from(exception_);
}

std::string TaskState::name() const {
  return name_.empty() ? "Task-" + std::to_string(id_) : std::string(name_.view());
}

// B6: once, and neither after cancel() nor when anybody looked.
void TaskState::report_if_unseen() noexcept {
  if (state_ != State::exception || retrieved_) return;
  if (cancelling_ > 0 && !report_at_close_) return;
  retrieved_ = true;
  Loop::report_to(loop_, {.message = report_at_close_ ? "task failed while its loop was closed"
                                                      : "task exception was never retrieved",
                          .exception = exception_,
                          .task = name(),
                          .where = where_});
}

}  // namespace eddy
