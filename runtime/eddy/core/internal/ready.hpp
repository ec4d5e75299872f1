// Ready: something to run in the next turn of the loop. A wake-up never runs anything by itself: it
// appends a Ready to the loop's FIFO queue, and that is all.
#pragma once

#include <eddy/base/internal/standard.hpp>

namespace eddy::internal {

class Ready {
 public:
  using Run = void (*)(Ready&) noexcept;

  explicit Ready(Run function) noexcept : run_(function) {}
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;

  void run() noexcept { run_(*this); }

  // A task: the common case, which the loop resumes without the pointer.
  bool is_task_step() const noexcept { return run_ == task_step; }

  Ready* next_ = nullptr;  // for the queue alone

 protected:
  static constexpr Run task_step = nullptr;

 private:
  Run run_;
};

}  // namespace eddy::internal
