// Ready: something to run in the next turn of the loop. A wake-up never runs anything by itself: it
// appends a Ready to the loop's FIFO queue, and that is all.
#pragma once

namespace eddy {

class Ready {
 public:
  using Run = void (*)(Ready&) noexcept;

  explicit Ready(Run run) noexcept : run_(run) {}
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;

  void run() noexcept { run_(*this); }
  bool runs(Run run) const noexcept { return run_ == run; }

  // A task that has begun: the common case, which the loop resumes without the pointer.
  bool is_task_step() const noexcept { return run_ == nullptr; }

  Ready* next_ = nullptr;  // for the queue alone

 protected:
  void set_run(Run run) noexcept { run_ = run; }

 private:
  Run run_;
};

}  // namespace eddy
