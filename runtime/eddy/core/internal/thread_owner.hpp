// ThreadOwner: whose thread this is, where somebody has only so many of them. It hears when one
// waits for a loop, which may need another of them to go on.
#pragma once

#include <eddy/base/internal/standard.hpp>

namespace eddy::internal {

class ThreadOwner {
 public:
  // On its thread, around the wait.
  virtual void thread_waits() noexcept = 0;
  virtual void thread_goes_on() noexcept = 0;

 protected:
  ThreadOwner() = default;
  ~ThreadOwner() = default;
};

// Null for a thread of the program's own.
extern constinit thread_local ThreadOwner* thread_owner;

// While it lives this thread waits.
class ThreadWaits {
 public:
  ThreadWaits() noexcept : owner_(thread_owner) { if (owner_) owner_->thread_waits(); }
  ~ThreadWaits() { if (owner_) owner_->thread_goes_on(); }
  ThreadWaits(const ThreadWaits&) = delete;
  ThreadWaits& operator=(const ThreadWaits&) = delete;

 private:
  ThreadOwner* owner_;
};

}  // namespace eddy::internal
