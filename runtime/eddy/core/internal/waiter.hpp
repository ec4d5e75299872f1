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
class Waiter;
struct WaitNote;

// What there is to ask of a class of waiters: one constant for all of them, so that a waiter costs
// no more than a pointer to it.
struct WaitKind {
  // Asks the wait to end. True: accepted, the waiter wakes its task sooner or later. False: too
  // late.
  bool (*cancel)(Waiter&);
  // Says what it waits for. Null: nobody knows.
  void (*describe)(const Waiter&, WaitNote&) = nullptr;
};

class Waiter : public Link<Waiter> {
 public:
  // See WaitKind.
  bool request_cancel() { return kind_->cancel(*this); }
  void describe(WaitNote& note) const { if (kind_->describe) kind_->describe(*this, note); }

  // The task runs in the next turn. REQUIRES: parked, and not woken since
  void wake() noexcept;

  TaskState* task() const noexcept { return task_; }

  // The request is on its way through what this waits for: who meets it again goes in a circle.
  bool forwarding() const noexcept { return forwarding_; }

 protected:
  using Cancel = bool (*)(Waiter&);

  template <auto describe>
  static void describe_by(const Waiter& waiter, WaitNote& note) {
    describe_in(describe, waiter, note);
  }
  template <class W>
  static void describe_in(void (W::*describe)(WaitNote&) const, const Waiter& waiter,
                          WaitNote& note) {
    (static_cast<const W&>(waiter).*describe)(note);
  }

  // Leaves the list it waits in, and wakes its task: right for everything that only queues.
  static bool leave(Waiter& waiter);

  // The kind of a class: its member `void describe(WaitNote&) const`, and how its waits end.
  template <auto describe, Cancel cancel = &leave>
  static constexpr WaitKind kind{cancel, &describe_by<describe>};

  explicit Waiter(const WaitKind& own) noexcept : kind_(&own) {}

  // A waiter may be moved until it is parked: into a scope that awaits it.
  Waiter(const Waiter& other) noexcept : Link<Waiter>(other), kind_(other.kind_) {
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
  const WaitKind* kind_;
  bool cancelled_ = false;
  bool forwarding_ = false;
};

}  // namespace eddy::internal
