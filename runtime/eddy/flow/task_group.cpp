#include <eddy/flow/internal/end_task.hpp>
#include <eddy/flow/task_group.hpp>

namespace eddy {
using namespace internal;

// A running child; gone as soon as it has ended (G13), unless it failed: that is kept in the memory
// that is there already.
class TaskGroup::Child : public DoneHook, public Link<Child>, public Pooled {
 public:
  explicit Child(TaskGroup& group) noexcept : DoneHook(&ended), group_(group) {}
  TaskHandle task;
  TaskGroup& group() const noexcept { return group_; }

  static void ended(DoneHook& hook, TaskState&) noexcept {
    auto& child = static_cast<Child&>(hook);
    child.group_.child_ended(child);
  }

 private:
  TaskGroup& group_;
};

const TaskState* internal::group_above(const DoneHook& hook) noexcept {
  if (!hook.is_told_by(&TaskGroup::Child::ended)) return nullptr;
  return &static_cast<const TaskGroup::Child&>(hook).group().parent_.state();
}

void TaskGroup::AllEnded::describe(WaitNote& note) const {
  note.what = "a TaskGroup of " + std::to_string(group_.children_.count());
  note.for_tasks = true;
}

void TaskGroup::DeleteChild::operator()(Child* child) const noexcept { delete child; }

TaskGroup::~TaskGroup() {
  EDDY_VERIFY(quiet() && "a TaskGroup died before its children");
  EDDY_ASSERT(!waiter_);
  while (Child* child = failed_.pop_front()) delete child;
}

void TaskGroup::throw_refused() const {
  if (of_other_loop()) throw UsageError("spawn into a task group of another loop");
  throw UsageError("spawn into a task group that is over or being cancelled");
}

TaskGroup::NewChild TaskGroup::new_child() { return NewChild(new Child(*this)); }

void TaskGroup::adopt(NewChild added, TaskState& task) {
  EDDY_ASSERT(!over_);
  Child& child = *added.release();
  child.task = TaskHandle(task);
  if (task.done()) {  // eager: it is over already (G10)
    child_ended(child);
    return;
  }
  task.add_done_hook(child);
  children_.push_back(child);
  if (aborting_) task.cancel(Text());  // it aborted its own group before its first suspension
}

// G3, G4, G10: in the step of the child that ended.
void TaskGroup::child_ended(Child& child) noexcept {
  TaskState& task = child.task.state();
  EDDY_ASSERT(task.done());
  EDDY_ASSERT(!over_);
  static_cast<Link<Child>&>(child).unlink();
  if (task.failed() && on_failure_.call) {
    on_failure_.call(on_failure_.to, child.task);
    delete &child;
  } else if (task.failed()) {
    failed_.push_back(child);
    const bool aborts = on_failure_.cancels_others && !aborting_;
    if (aborts && !std::exchange(abort_.scheduled, true)) task.loop().make_ready(abort_);
  } else {
    delete &child;
  }
  wake_if_quiet();
}

// Of a child that is not to be one: a request to cancel is not heard before it has ended. Throws
// what it failed with.
Task<> TaskGroup::end_child(JoinHandle<> child) {
  auto cancelled = co_await end_task(child);
  if (!child.cancelled() && child.exception()) {
    co_await fail(Failure::from(child.exception()));
  }
  if (cancelled) co_await fail(std::move(*cancelled));
}

void TaskGroup::wake_if_quiet() noexcept {
  EDDY_ASSERT(!waiter_ || body_over_);
  if (quiet() && waiter_) std::exchange(waiter_, nullptr)->wake();
}

void TaskGroup::Abort::run(Ready& ready) noexcept {
  auto& abort = static_cast<Abort&>(ready);
  EDDY_ASSERT(abort.scheduled);
  abort.scheduled = false;
  abort.group_.cancel();
  abort.group_.wake_if_quiet();
}

void TaskGroup::abort() {
  EDDY_ASSERT(!aborting_);
  EDDY_ASSERT(!over_);
  aborting_ = true;
  for (Child* child = children_.front(); child;) {
    Child* next = children_.after(*child);
    child->task.state().cancel(Text());
    child = next;
  }
}

// G11
void TaskGroup::cancel() {
  if (over_ || aborting_) return;
  abort();
  if (body_over_) return;
  cancelled_parent_ = true;
  parent_.cancel();
}

void TaskGroup::body_ended(const Failure* failure) {
  EDDY_ASSERT(!body_over_);
  body_over_ = true;
  if (!failure) return;
  if (failure->is_cancelled()) {
    cancelled_ = *failure;
  } else {
    body_error_ = failure->exception();
  }
  if (!aborting_) abort();
}

// G7: a cancellation while only the children are waited for; repeated ones are absorbed.
void TaskGroup::interrupted(Failure failure) {
  EDDY_ASSERT(body_over_);
  EDDY_ASSERT(failure.is_cancelled());
  cancelled_ = std::move(failure);
  if (!aborting_) abort();
}

// G5, G6
std::optional<Failure> TaskGroup::finish() {
  EDDY_ASSERT(body_over_);
  EDDY_ASSERT(quiet());
  EDDY_ASSERT(!over_);
  over_ = true;
  if (cancelled_parent_ && parent_.uncancel() == 0) cancelled_.reset();
  if (failed_.empty() && !body_error_) return std::move(cancelled_);
  if (parent_.cancelling() > 0) {  // the outer request is delivered at the next wait, once
    parent_.uncancel();
    parent_.cancel();
  }
  return Failure::holding(ExceptionGroup("unhandled errors in a TaskGroup", errors()));
}

// All or, without memory, none: what nobody has seen is reported.
ExceptionGroup::List TaskGroup::errors() {
  ExceptionGroup::List errors;
  errors.reserve(failed_.count() + 1);
  for (Child* child = failed_.front(); child; child = failed_.after(*child)) {
    errors.push_back(child->task.exception());
  }
  if (body_error_) errors.push_back(std::move(body_error_));
  EDDY_ASSERT(!errors.empty());
  return errors;
}

}  // namespace eddy
