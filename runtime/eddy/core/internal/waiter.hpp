// Waiter: what a task is parked on. It lives in the awaiting frame and is the awaitable itself.
//
// Whoever wakes it calls wake() once; whoever cancels the task reaches it through request_cancel().
// When the frame resumes, interrupted() says whether the wait was cancelled: by a request that
// reached the waiter, or by one that came after it had been woken and before it ran (C4). A
// primitive that had given something to the waiter takes it back in that case and hands it on.
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/base/internal/intrusive.hpp>

#include <coroutine>

namespace eddy::internal {

class TaskState;

class Waiter : public Link<Waiter> {
 public:
  // Asks the wait to end. True: accepted, the waiter wakes its task sooner or later. False: too
  // late.
  bool request_cancel() { return cancel_(*this); }

  // The task runs in the next turn. REQUIRES: parked, and not woken since
  void wake() noexcept;

  TaskState* task() const noexcept { return task_; }

  // Which kind of waiter it is, to those that know the kind.
  bool is_cancelled_by(bool (*cancel)(Waiter&)) const noexcept { return cancel_ == cancel; }

  // The request is on its way through what this waits for: who meets it again goes in a circle.
  bool forwarding() const noexcept { return forwarding_; }

 protected:
  using Cancel = bool (*)(Waiter&);

  // Leaves the list it waits in, and wakes its task: right for everything that only queues.
  static bool leave(Waiter& waiter);

  explicit Waiter(Cancel cancel = &leave) noexcept : cancel_(cancel) {}

  // A waiter may be moved until it is parked: into a scope that awaits it.
  Waiter(const Waiter& other) noexcept : Link<Waiter>(other), cancel_(other.cancel_) {
    EDDY_ASSERT(!other.task_);
  }
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() = default;

  // Suspends the running task, in `frame`, on this. False: a request to stop was pending, and has
  // been delivered: was_cancelled() if it ended the wait at once. REQUIRES: called in a task
  bool park(std::coroutine_handle<> frame);

  // Throws UsageError when it waits, or has waited, already. For what links or starts something
  // when it is awaited: a second time would do that to what is in use.
  void require_first_await() const { if (task_) [[unlikely]] throw_awaited_twice(); }
  [[noreturn]] static void throw_awaited_twice();

  void mark_forwarding(bool on) noexcept { forwarding_ = on; }
  void mark_cancelled() noexcept { cancelled_ = true; }
  bool was_cancelled() const noexcept { return cancelled_; }

  // See above. Consumes a pending request.
  bool interrupted() noexcept;

  // REQUIRES: interrupted() was true
  Failure cancelled_failure() noexcept;

 private:
  [[noreturn]] static void throw_no_task();

  TaskState* task_ = nullptr;
  Cancel cancel_;
  bool cancelled_ = false;
  bool forwarding_ = false;
};

}  // namespace eddy::internal
