// LoopProbe: what a loop does right now, as another thread sees it, without a word or a lock of the
// loop's. All is read as by another process, so that it may be wrong in the moment in which it
// changes: who looks twice and sees the same knows that it was so all the time in between.
#pragma once

#include <eddy/core/loop.hpp>
#include <eddy/kit/internal/holds.hpp>
#include <eddy/base/internal/safe_memory.hpp>
#include <eddy/kit/internal/thread_activity.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace eddy::internal {

// Of a task, copied.
struct TaskSeen {
  std::uint64_t id = 0;
  std::string name;
  std::string where;     // its coroutine
  std::string function;  // that its step began with, or goes on with
};

class LoopProbe {
 public:
  // REQUIRES: on the loop's thread. Throws Error where this process may not read its own memory.
  explicit LoopProbe(Loop& loop);

  // Nothing when the loop is gone. A loop that waits for the kernel is not busy, nor is one between
  // two turns.
  std::optional<LoopLook> look();
  TaskSeen task(std::uint64_t address) const;
  std::optional<SystemCall> blocked_in() const noexcept { return activity_.blocked_in(); }

 private:
  bool waits(const ThreadState& thread) const noexcept;
  std::string place_of(std::uintptr_t at) const;

  SafeMemory memory_;
  ThreadActivity activity_;
  std::uintptr_t loop_;
  std::uintptr_t thread_state_;
  std::uintptr_t id_at_, turns_at_, in_turn_at_;
  std::uint64_t id_;
  bool by_io_uring_;
  std::uint64_t idle_turn_ = 0;  // in which it was seen waiting: then nothing more runs in it
};

}  // namespace eddy::internal
