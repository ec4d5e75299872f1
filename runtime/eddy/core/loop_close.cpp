// What a loop that closes asks of its tasks, and what it tells of those that fail by it.
#include <eddy/core/loop.hpp>

#include <new>

namespace eddy {

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

}  // namespace eddy
