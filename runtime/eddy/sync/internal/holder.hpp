// Holder: which task has taken a lock: to tell one that waits for itself, and for who looks in.
//
// A lock may be given back by another task than took it. So that task may be gone while the lock is
// held, and another at its address: who compares looks at its number as well. Waiting for oneself
// throws in debug mode where there are assertions (no NDEBUG).
#pragma once

#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/loop.hpp>

#include <cstdint>
#include <string>

namespace eddy::internal {

class Holder {
 public:
  void is_running_task() noexcept { note(thread_state.task); }
  void is_nobody() noexcept { task_ = nullptr; }

  void describe(WaitNote& note) const noexcept {
    note.holder = task_;
    note.holder_number = number_;
  }
  // The ids of a task count from one in each loop.
  static std::uint64_t number_of(const TaskState& task) noexcept {
    return task.loop_id() << 40 ^ task.id();
  }

  // Throws UsageError when the task that is about to wait holds it.
  void require_other([[maybe_unused]] const char* what) const {
#ifndef NDEBUG
    const TaskState* running = thread_state.task;
    if (!running || running != task_ || number_of(*running) != number_) return;
    if (thread_state.loop && thread_state.loop->debug()) {
      throw_misuse(std::string(what) + " is taken a second time by the task that holds it");
    }
#endif
  }

 private:
  void note(const TaskState* task) noexcept {
    task_ = task;
    if (task) number_ = number_of(*task);
  }

  const TaskState* task_ = nullptr;
  std::uint64_t number_ = 0;
};

}  // namespace eddy::internal
