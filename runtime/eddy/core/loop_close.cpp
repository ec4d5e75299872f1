// What a loop that closes asks of its tasks, what it tells of those that fail by it, and how it
// ends where it cannot be closed.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/loop.hpp>

#include <new>
#include <utility>

namespace eddy {
using namespace internal;

// Each is asked once: who cleans up is waited for, what a cleanup started is asked a turn later.
void Loop::cancel_all() noexcept {
  if (tasks_.empty()) return;
  Text reason;
  try {
    reason = Text("the loop is closed");
  } catch (const std::bad_alloc&) {  // without a reason, then
  }
  asks_all_ = true;
  while (TaskState* task = tasks_.pop_front()) {
    asked_.push_back(*task);
    if (!task->asked_by_close()) task->cancel(reason);
  }
  asks_all_ = false;
}

void Loop::report_by_close(TaskState& task) noexcept {
  EDDY_ASSERT(task.failed());
  if (task.references_ == 1) return task.release();  // nobody can look any more: it reports
  failed_.push_back(task);
}

// R4
void Loop::report_failed() noexcept {
  while (TaskState* task = failed_.pop_front()) {
    if (!task->retrieved_) task->report_unseen();
    task->release();
  }
}

// What cannot be closed is left alone: in a child all of it is the parent's, and where the kernel
// refuses to be entered it may still write to frames. The ring ends with its descriptor.
Loop::~Loop() {
  if (process_ != sys::getpid()) {
    ring_.abandon();
    forget_all();
  } else {
    try {
      close();
    } catch (...) {
      EDDY_VERIFY(thread_ == std::this_thread::get_id());  // a loop dies on its own thread,
      EDDY_VERIFY(!in_turn_);                              // and not while it runs
      report({.message = "a loop could not be closed", .exception = std::current_exception()});
      posts_.close();
      for (auto& entry : services_) entry.service->stop();
      forget_all();
    }
  }
  leave_thread();
}

// Whoever holds a handle finds a cancelled task, and whoever wakes what it waits for finds nobody.
void Loop::forget(TaskState& task) noexcept {
  if (task.done()) return;
  if (task.waiter_) std::exchange(task.waiter_, nullptr)->unlink();
  task.exception_ = Failure::cancelled().exception();
  task.state_ = TaskState::State::cancelled;
}

void Loop::forget_all() noexcept {
  for (auto* list : {&tasks_, &asked_, &failed_}) {
    while (TaskState* task = list->pop_front()) forget(*task);
  }
  while (waiting_.pop_front()) {
  }
  while (asked_to_end_.pop_front()) {
  }
  while (cancels_.pop_front()) {
  }
  while (late_.pop_front()) {
  }
  for (auto& entry : services_) static_cast<void>(entry.service.release());
}

}  // namespace eddy
