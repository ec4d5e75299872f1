// WaitList: the tasks that wait for one primitive, first come first served, and the loop they are
// on.
//
// A primitive can be made before any loop exists. It belongs to the first loop that waits on it;
// waiting from another one throws UsageError (K8).
#pragma once

#include <eddy/core/loop.hpp>
#include <eddy/core/waiter.hpp>

namespace eddy {

// REQUIRES: no waiter is left when it is destroyed.
template <class W>
class WaitList {
 public:
  bool empty() const noexcept { return waiters_.empty(); }
  std::size_t count() const noexcept { return waiters_.count(); }
  W* front() noexcept { return static_cast<W*>(waiters_.front()); }

  // Belongs to the running loop from now on. Throws UsageError when it is another's.
  void bind() {
    const std::uint64_t loop = Loop::current().id();
    if (loop_ != loop && loop_) throw UsageError("a primitive is used from two loops");
    loop_ = loop;
  }

  // The waiter leaves by itself when its task is cancelled.
  void push_back(W& waiter) {
    bind();
    waiters_.push_back(waiter);
  }

  // Takes the oldest waiter out, or null. The caller gives it what it waits for and wakes it.
  W* pop() noexcept { return static_cast<W*>(waiters_.pop_front()); }

 private:
  List<Waiter> waiters_;
  std::uint64_t loop_ = 0;  // none yet
};

}  // namespace eddy
