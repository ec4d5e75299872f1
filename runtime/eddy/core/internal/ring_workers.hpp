// RingWorkers: how many threads the kernel may use for a ring. Its limits are those of the thread,
// whichever ring names them: a second one must not take away what the first needs.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

namespace eddy::internal {

class RingWorkers {
 public:
  struct Limits {  // 0: as it is
    unsigned bounded = 0;
    unsigned unbounded = 0;
  };

  explicit RingWorkers(Limits usual) noexcept : usual_(usual) {
    const std::lock_guard lock(mutex_);
    next_ = std::exchange(first_, this);
  }
  RingWorkers(const RingWorkers&) = delete;
  RingWorkers& operator=(const RingWorkers&) = delete;
  ~RingWorkers() {
    const std::lock_guard lock(mutex_);
    RingWorkers** link = &first_;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
  }

  // What fork() is to find, and to leave, unlocked: a child has not the thread that holds it.
  static void before_fork() noexcept { mutex_.lock(); }
  static void after_fork() noexcept { mutex_.unlock(); }

  // What all rings of the thread need together, when this one needs `change` bounded ones more.
  Limits add(int change) noexcept {
    const std::lock_guard lock(mutex_);
    more_ += change;
    Limits limits;
    int more = 0;
    for (const RingWorkers* each = first_; each; each = each->next_) {
      if (each->thread_ != thread_) continue;
      limits.bounded = std::max(limits.bounded, each->usual_.bounded);
      limits.unbounded = std::max(limits.unbounded, each->usual_.unbounded);
      more += each->more_;
    }
    if (limits.bounded > 0) limits.bounded += static_cast<unsigned>(more);
    return limits;
  }

 private:
  static inline constinit std::mutex mutex_;  // a ring may be gone on another thread than it was of
  static inline constinit RingWorkers* first_ = nullptr;

  const std::thread::id thread_ = std::this_thread::get_id();
  const Limits usual_;
  int more_ = 0;
  RingWorkers* next_ = nullptr;
};

}  // namespace eddy::internal
