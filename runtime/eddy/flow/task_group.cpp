#include <eddy/flow/task_group.hpp>

namespace eddy {

// A running child; gone as soon as it has ended (G13).
class TaskGroup::Child : public DoneHook, public Link<Child> {
 public:
  static void* operator new(std::size_t size) { return Pool::allocate(size); }
  static void operator delete(void* memory, std::size_t size) { Pool::release(memory, size); }

  Child(TaskGroup& group, TaskState& task) noexcept
      : DoneHook(&ended), group_(group), task_(task) {}
  TaskState& task() const noexcept { return task_; }

 private:
  static void ended(DoneHook& hook, TaskState& task) noexcept {
    auto& child = static_cast<Child&>(hook);
    TaskGroup& group = child.group_;
    delete &child;
    group.child_ended(task);
  }
  TaskGroup& group_;
  TaskState& task_;  // alive while it runs
};

TaskGroup::~TaskGroup() { EDDY_VERIFY(quiet()); }

void TaskGroup::throw_refused() {
  throw UsageError("spawn into a task group that is over or being cancelled");
}

void TaskGroup::adopt(TaskState& child) {
  if (child.done()) {  // eager: it is over already (G10)
    child_ended(child);
    return;
  }
  auto* node = new Child(*this, child);
  child.add_done_hook(*node);
  children_.push_back(*node);
  if (aborting_) child.cancel(Text());  // it aborted its own group before its first suspension
}

// G3, G4, G10: in the step of the child that ended.
void TaskGroup::child_ended(TaskState& child) noexcept {
  if (child.failed()) {
    errors_.push_back(child.exception());
    if (!aborting_ && !std::exchange(abort_.scheduled, true)) child.loop().make_ready(abort_);
  }
  wake_if_quiet();
}

void TaskGroup::wake_if_quiet() noexcept {
  if (quiet() && waiter_) std::exchange(waiter_, nullptr)->wake();
}

void TaskGroup::Abort::run(Ready& ready) noexcept {
  auto& abort = static_cast<Abort&>(ready);
  abort.scheduled = false;
  abort.group_.cancel();
  abort.group_.wake_if_quiet();
}

void TaskGroup::abort() {
  aborting_ = true;
  for (Child* child = children_.front(); child;) {
    Child* next = children_.after(*child);
    child->task().cancel(Text());
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
  cancelled_ = std::move(failure);
  if (!aborting_) abort();
}

// G5, G6
std::optional<Failure> TaskGroup::finish() {
  over_ = true;
  if (cancelled_parent_ && parent_.uncancel() == 0) cancelled_.reset();
  if (cancelled_ && errors_.empty() && !body_error_) return std::move(cancelled_);
  if (body_error_) errors_.push_back(std::move(body_error_));
  if (errors_.empty()) return std::nullopt;
  if (parent_.cancelling() > 0) {  // the outer request is delivered at the next wait, once
    parent_.uncancel();
    parent_.cancel();
  }
  return Failure::from(std::make_exception_ptr(
      ExceptionGroup("unhandled errors in a TaskGroup", std::move(errors_))));
}

}  // namespace eddy
