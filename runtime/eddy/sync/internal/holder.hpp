// Holder: which task has taken a lock: to tell one that waits for itself, and for who looks in.
//
// A lock may be given back by another task than took it. So that task may be gone while the lock is
// held, and another at its address: what is about to be thrown compares its number as well. That is
// in debug mode, and where there are assertions (no NDEBUG): only there waiting for oneself throws.
#pragma once

#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>

#include <cstdint>
#include <string>

namespace eddy::internal {

class Holder {
 public:
  void is_running_task() noexcept { note(thread_state.task); }
  void is_nobody() noexcept { note(nullptr); }

  // Only to be compared.
  const TaskState* task() const noexcept { return task_; }

  // Throws UsageError when the task that is about to wait holds it.
  void require_other([[maybe_unused]] const char* what) const {
#ifndef NDEBUG
    const TaskState* running = thread_state.task;
    if (!running || running != task_ || number_of(running) != number_) return;
    if (thread_state.loop && thread_state.loop->debug()) {
      throw_misuse(std::string(what) + " is taken a second time by the task that holds it");
    }
#endif
  }

 private:
  void note(const TaskState* task) noexcept {
    task_ = task;
#ifndef NDEBUG
    number_ = number_of(task);
#endif
  }

  // The ids of a task count from one in each loop.
  static std::uint64_t number_of(const TaskState* task) noexcept {
    return task ? task->loop_id() << 40 ^ task->id() : 0;
  }

  const TaskState* task_ = nullptr;
  [[maybe_unused]] std::uint64_t number_ = 0;  // in every build, so that a lock is of one size
};

}  // namespace eddy::internal
