// BlockingCalls: a loop's threads for calls that block and that the kernel's ring does not know.
//
// Started when there is something to call, at most `most_threads`; more calls queue. While calls
// are there that may hang, on a remote mount whose server may be dead, there is one thread more for
// each, so that none of the others waits for them. They end with their loop: one that is in a call
// is left to it, keeps nothing of the loop's, and ends after it. All signals are blocked in them.
#pragma once

#include <eddy/core/internal/plain_wait.hpp>
#include <eddy/core/loop.hpp>

#include <memory>

namespace eddy::internal {

class WaitForCall;

// What to call, and what comes of it. Belongs to the waiting task and to the thread in common: it
// lives until both have let go.
class BlockingCall {
 public:
  BlockingCall() = default;
  BlockingCall(const BlockingCall&) = delete;
  BlockingCall& operator=(const BlockingCall&) = delete;
  virtual ~BlockingCall() = default;

  // While its server is dead it does not end: nobody else counts on the thread that it has.
  // REQUIRES: before it is submitted
  void may_hang(bool on) noexcept { may_hang_ = on; }

  // On a thread, where no loop and no task is. The task looks at the results only afterwards.
  virtual void run() noexcept = 0;

 private:
  friend class BlockingCalls;
  friend class WaitForCall;
  bool may_hang_ = false;
  WaitForCall* waiter_ = nullptr;  // the loop's; null when nobody waits any more
};

class BlockingCalls : public LoopService {
 public:
  static constexpr unsigned most_threads = 4;
  static constexpr unsigned most_hanging = 64;  // what hangs beyond has one of the others' threads

  explicit BlockingCalls(Loop& loop);

  // Throws Error when no thread can be started and there is none.
  void submit(std::shared_ptr<BlockingCall> call);
  // It is not called any more if it was not yet: then true.
  bool withdraw(const BlockingCall& call) noexcept;
  void stop() noexcept override;

 private:
  class Threads;
  std::shared_ptr<Threads> threads_;  // theirs as well
};

// co_await WaitForCall(call): has a thread run it, and resumes when it has. Cancelled: only the
// wait ends; a call that has begun goes on, and nobody hears of its end. Throws Error when no
// thread can be started.
//
// `to_its_end`: a call that has begun is waited for, and the request to cancel stays pending (C13).
class [[nodiscard]] WaitForCall : public PlainWait {
 public:
  explicit WaitForCall(std::shared_ptr<BlockingCall> call, bool to_its_end = false) noexcept
      : PlainWait(kind<&WaitForCall::describe, &end_early>),
        call_(std::move(call)),
        to_its_end_(to_its_end) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);
  void await_resume() { value_or_raise(await_outcome()); }
  Expected<void> await_outcome() {
    // It ended all the same: what is pending waits.
    if (to_its_end_ && !was_cancelled()) return {};
    return PlainWait::await_outcome();
  }

 private:
  static bool end_early(Waiter& waiter);
  void describe(WaitNote& note) const { note.what = "a system call on a thread"; }

  std::shared_ptr<BlockingCall> call_;
  bool to_its_end_;
};

}  // namespace eddy::internal
