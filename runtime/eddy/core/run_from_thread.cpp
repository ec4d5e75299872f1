#include <eddy/core/run_from_thread.hpp>

#include <eddy/base/internal/process.hpp>

namespace eddy::internal {

constinit thread_local ThreadOwner* thread_owner = nullptr;

RemoteTask::RemoteTask(Loop& loop) noexcept : process_(process_mark), loop_(&loop) {}

void RemoteTask::begins(TaskState& task) noexcept {
  EDDY_ASSERT(!task_);
  task_ = &task;
}

void RemoteTask::ends() noexcept {
  task_ = nullptr;
  std::lock_guard lock(mutex_);
  loop_ = nullptr;
}

// Under the lock, so that the loop is there until it was told. What begins the task was posted
// before, and runs before.
bool RemoteTask::cancel(const std::shared_ptr<RemoteTask>& remote, std::string_view reason) {
  if (remote->process_ != process_mark) {  // perhaps without who holds the lock
    throw UsageError("cancel() of a task of another process: it was begun before fork()");
  }
  auto ask = [remote, text = Text(reason)] {
    if (remote->task_) remote->task_->cancel(text);
  };
  std::lock_guard lock(remote->mutex_);
  if (!remote->loop_) return false;
  try {
    remote->loop_->post(std::move(ask));
  } catch (const UsageError&) {  // it closes, and ends its tasks by itself
    return false;
  }
  return true;
}

}  // namespace eddy::internal
