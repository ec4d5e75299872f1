// WaitList: the tasks that wait for one primitive, first come first served, and the loop they are
// on.
//
// A primitive can be made before any loop exists. It belongs to the first loop that waits on it;
// waiting from another one throws UsageError (K8).
//
// A primitive that dies while a task waits for it, or before a task that it woke has run, is a
// mistake that would leave that task waiting for ever, or using what is gone: the process ends with
// a message. Not where no task can run any more: after fork() in the child, and in exit().
#pragma once

#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/internal/waiter.hpp>
#include <eddy/core/loop.hpp>

namespace eddy::internal {

// W::died_early is what is said when the primitive dies while it is used.
template <class W>
class WaitList {
 public:
  WaitList() = default;
  ~WaitList() {
    if (!empty()) [[unlikely]] owner_dies_in_use();
  }

  bool empty() const noexcept { return waiters_.empty(); }
  W* front() noexcept { return static_cast<W*>(waiters_.front()); }

  // Belongs to the running loop from now on. Throws UsageError when it is another's.
  void bind() {
    const std::uint64_t loop = Loop::current().id();
    if (loop_ != loop && loop_) [[unlikely]] throw_misuse("a primitive is used from two loops");
    loop_ = loop;
  }

  // The waiter leaves by itself when its task is cancelled. Throws UsageError when it waits, or has
  // waited, already.
  void push_back(W& waiter) {
    bind();
    if (waiter.task()) [[unlikely]] throw_awaited_twice();
    EDDY_ASSERT(!waiter.linked());
    waiters_.push_back(waiter);
  }

  // Takes the oldest waiter out, or null. The caller gives it what it waits for and wakes it.
  W* pop() noexcept {
    auto* waiter = static_cast<W*>(waiters_.pop_front());
    EDDY_ASSERT(!waiter || waiter->task());
    return waiter;
  }

  // For the destructor of a primitive that some task still uses.
  [[gnu::cold]] void owner_dies_in_use() noexcept {
    while (pop()) {
    }
    if (loop_ == 0 && thread_state.loop) bind();  // it was held, and nobody had to wait
    if (Loop::can_run(loop_)) assertion_failed(W::died_early, __FILE__, __LINE__);
  }

 private:
  [[noreturn]] static void throw_awaited_twice() {
    throw_misuse("what waits for a primitive can be awaited once: ask the primitive again");
  }

  List<Waiter> waiters_;
  std::uint64_t loop_ = 0;  // none yet
};

}  // namespace eddy::internal
