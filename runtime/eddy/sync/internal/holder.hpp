// Holder: which task has taken a lock, to tell one that waits for itself.
//
// In debug mode, and where there are assertions (no NDEBUG): elsewhere nothing is noted. A lock may
// be given back by another task than took it, so without debug mode waiting for oneself is allowed.
#pragma once

#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>

#include <cstdint>
#include <string>

namespace eddy::internal {

class Holder {
 public:
  // The running task has it, or nobody in particular has.
  void is_running_task() noexcept { note(running()); }
  void is_nobody() noexcept { note(0); }

  // Throws UsageError when the task that is about to wait holds it.
  void require_other([[maybe_unused]] const char* what) const {
#ifndef NDEBUG
    if (task_ == 0 || running() != task_) return;
    if (thread_state.loop && thread_state.loop->debug()) {
      throw_misuse(std::string(what) + " is taken a second time by the task that holds it");
    }
#endif
  }

 private:
  void note([[maybe_unused]] std::uint64_t task) noexcept {
#ifndef NDEBUG
    task_ = task;
#endif
  }

  // The ids of a task count from one in each loop.
  static std::uint64_t running() noexcept {
    const TaskState* task = thread_state.task;
    return task ? task->loop_id() << 40 ^ task->id() : 0;
  }

  // running() of then; in every build, so that a lock is of one size.
  [[maybe_unused]] std::uint64_t task_ = 0;
};

}  // namespace eddy::internal
