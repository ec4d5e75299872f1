// TaskState: one running task, apart from its frame: who waits for it, who asked it to stop.
//
// A task has exactly one innermost suspended frame and, while it waits, one Waiter. The rules of
// cancellation (C1 to C13, runtime/rules.md) live here:
//   - cancel() counts; it reaches the Waiter the task is parked on, or stays pending until the next
//     time the task would wait, and ends there (C1, C2);
//   - a request that comes when the waiter was already woken stays pending as well, and the waiter
//     sees it before it returns (C4); what the kernel did is returned all the same (C13);
//   - uncancel() to zero withdraws a pending request (C7).
#pragma once

#include <eddy/base/failure.hpp>
#include <eddy/base/internal/intrusive.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/context.hpp>
#include <eddy/core/internal/ready.hpp>
#include <eddy/core/internal/thread_state.hpp>
#include <eddy/core/internal/waiter.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace eddy {
class Loop;
}

namespace eddy::internal {

class LoopProbe;

// Told when a task is done: a joiner, a group, a callback. In the order of registration (L3).
class DoneHook : public Link<DoneHook> {
 public:
  using Notify = void (*)(DoneHook&, TaskState&) noexcept;
  explicit DoneHook(Notify function) noexcept : notify_(function) {}
  void notify(TaskState& task) noexcept { notify_(*this, task); }
  // Which kind it is, to those that know the kind.
  bool is_told_by(Notify function) const noexcept { return notify_ == function; }

 private:
  Notify notify_;
};

// Where a task stands: all that a step reads and writes, in one cache line with the pointer to the
// virtual functions.
class TaskStep : public Ready {
 protected:
  enum class State : std::uint8_t { unstarted, running, value, exception, cancelled };

  TaskStep(Loop& loop, std::coroutine_handle<> root) noexcept
      : Ready(task_step), loop_(&loop), point_(root) {}

  Loop* loop_;
  std::coroutine_handle<> point_;  // the innermost suspended frame
  Waiter* waiter_ = nullptr;       // what the task is parked on; null when running or ready
  State state_ = State::unstarted;
  bool must_cancel_ = false;
  bool report_at_close_ = false;
  bool root_ended_ = false;
  bool retrieved_ = false;
  bool awaits_foreign_ = false;
  bool starts_another_ = false;  // eagerly, in its own step
  unsigned cancelling_ = 0;
  unsigned references_ = 1;
};

struct AllTasks;  // the tag of the loop's list of tasks

class TaskState : public TaskStep, public Link<AllTasks>, public Pooled {
 public:
  virtual ~TaskState() {
    EDDY_ASSERT(references_ == 0);
    if (state_ == State::exception && !retrieved_) [[unlikely]] report_unseen();
  }

  // -- what a handle offers; join_handle.hpp has the contracts --

  bool done() const noexcept { return state_ >= State::value; }
  bool cancelled() const noexcept { return state_ == State::cancelled; }
  bool failed() const noexcept { return state_ == State::exception; }
  bool cancel(const Text& reason);
  unsigned cancelling() const noexcept { return cancelling_; }
  unsigned uncancel() noexcept;
  std::exception_ptr exception() const;
  std::string name() const;
  // What it is parked on; null while it is ready, or runs.
  const Waiter* waiter() const noexcept { return waiter_; }
  // For who looks in.
  bool unstarted() const noexcept { return state_ == State::unstarted; }
  List<DoneHook>& done_hooks() noexcept { return hooks_; }
  // Empty unless it was given one.
  const Text& given_name() const noexcept { return name_; }
  // The name where there is memory for it: for reports, which must not fail.
  std::string name_or_nothing() const noexcept;
  void set_name(std::string_view name);
  std::uint64_t id() const noexcept { return id_; }
  std::source_location where() const noexcept { return where_; }

  // Rethrows how the task ended unless it ended with a value. Marks its exception as seen.
  void rethrow() { if (state_ != State::value) [[unlikely]] throw_outcome(); }
  // The same for who called run(): where nobody catches it, the loop's exception handler hears of
  // it before the process ends.
  void rethrow_from_run();
  Failure failure();  // REQUIRES: done() and not a value
  void mark_retrieved() noexcept { retrieved_ = true; }
  void add_done_hook(DoneHook& hook) noexcept {
    EDDY_ASSERT(!done());
    hooks_.push_back(hook);
  }

  // -- what awaitables use --

  // One more request to stop, with its reason; not delivered yet. The waiter to deliver it to, or
  // null when there is none to be asked: then it stays pending. REQUIRES: !done()
  Waiter* count_cancel(Text reason) noexcept;
  // Asks `waiter`, which is this task's; where it is too late, the request stays pending.
  void deliver_to(Waiter& waiter) {
    EDDY_ASSERT(&waiter == waiter_);
    if (!waiter.request_cancel()) must_cancel_ = true;
  }

  Loop& loop() const noexcept { return *loop_; }  // which may be gone when the task is done
  std::uint64_t loop_id() const noexcept { return loop_id_; }
  Context& context() noexcept { return context_; }

  // The running task suspends in `frame` until `waiter` wakes it. A pending request is delivered to
  // the waiter at once, which then wakes the task in the next turn (C2).
  bool park(Waiter& waiter, std::coroutine_handle<> frame) {
    EDDY_ASSERT(running());
    EDDY_ASSERT(state_ == State::running);
    EDDY_ASSERT(!waiter_);
    EDDY_ASSERT(frame);
    point_ = frame;
    waiter_ = &waiter;
    if (!must_cancel_) [[likely]] return true;
    deliver_pending();
    return false;
  }

  // Where the task goes on, or went on in this step. What runs code that may suspend it takes that
  // away meanwhile, to find out.
  std::coroutine_handle<> point() const noexcept { return point_; }
  std::coroutine_handle<> exchange_point(std::coroutine_handle<> point) noexcept {
    return std::exchange(point_, point);
  }
  // What it waits for may be no waiter of eddy's: then its step ends without one.
  bool exchange_awaits_foreign(bool awaits) noexcept {
    return std::exchange(awaits_foreign_, awaits);
  }

  // The running task suspends in `frame` and is ready again in the next turn.
  void reschedule(std::coroutine_handle<> frame) noexcept;

  // The waiter that the task is parked on has what it waited for: runs in the next turn.
  void wake() noexcept;

  // True if a request was pending; it counts as delivered now.
  bool cancel_pending() const noexcept { return must_cancel_; }
  bool take_pending_cancel() noexcept {
    if (!must_cancel_) [[likely]] return false;  // without a store: this is asked at every wait
    must_cancel_ = false;
    return true;
  }

  // T6: what a scope, which may make a request of its own, finds where it begins. A request that is
  // pending ends what is inside, and is not the scope's.
  unsigned delivered_cancels() const noexcept {
    EDDY_ASSERT(!must_cancel_ || cancelling_ > 0);
    return cancelling_ - (must_cancel_ ? 1 : 0);
  }
  // T3: the scope ends, and takes its request back. True: none but `before` is left.
  bool take_back_cancel(unsigned before) noexcept;

  // C13: the kernel did what it was asked although it was being cancelled. The request waits.
  void keep_cancel_pending() noexcept { if (cancelling_ > 0) must_cancel_ = true; }

  // The first reason given since the last delivery (C9): whoever delivers the request takes it.
  Text take_cancel_reason() noexcept { return std::exchange(reason_, Text()); }
  // The Cancelled to throw.
  Failure cancelled_failure() noexcept { return Failure::cancelled(take_cancel_reason()); }

  bool running() const noexcept { return thread_state.task == this; }
  // Running, or in the middle of a step in which it starts another task: where it stands is not
  // written down, before it has parked.
  bool in_step() const noexcept { return !waiter_ && (running() || starts_another_); }

  // The task that `ready` is; null when it is a callback.
  static TaskState* from(Ready& ready) noexcept {
    return ready.is_task_step() ? static_cast<TaskState*>(&ready) : nullptr;
  }

  // -- lifetime, counted; the loop holds one reference until the task is done --

  void retain() noexcept {
    EDDY_ASSERT(references_ > 0);
    ++references_;
  }
  void release() noexcept {
    EDDY_ASSERT(references_ > 0);
    if (--references_ == 0) delete this;
  }

  // -- what the root frame and the loop use --

  void root_ended() noexcept {
    EDDY_ASSERT(!root_ended_);
    root_ended_ = true;
  }
  void start_eagerly() noexcept;
  // Before the loop has heard of the task. What throws drops it, unrun.
  void name_or_drop(std::string_view name);
  void report_at_close() noexcept { report_at_close_ = true; }
  bool asked_by_close() const noexcept { return report_at_close_; }

 protected:
  using State = TaskStep::State;

  // The context is looked up before anything is built: a call in the middle would keep the compiler
  // from leaving out what is stored twice.
  TaskState(Loop& loop, std::coroutine_handle<> root, std::source_location where,
            const Context& context = inherited_context()) noexcept;

  // Takes the result out of the root frame and destroys the frame. Returns how it ended, with
  // exception_ set unless it ended with a value.
  virtual State take_result() noexcept = 0;
  // Destroys what take_result() stored: a cancelled task's value is dropped.
  virtual void drop_value() noexcept = 0;
  // Destroys the frame without running it (C3).
  virtual void abandon() noexcept = 0;

  void store_failure(const Failure& failure) noexcept;

  std::exception_ptr exception_;

 private:
  friend class eddy::Loop;
  friend class LoopProbe;

  static const Context& inherited_context() noexcept {
    return thread_state.task ? thread_state.task->context_ : Context::current();
  }
  void resume() noexcept;
  void end() noexcept;
  void deliver_pending() noexcept;
  void conclude(State state) noexcept;
  void end_slowly(State state) noexcept;
  void cancel_unstarted() noexcept;
  void drop_for_cancel() noexcept;
  void report_unseen() noexcept;
  void throw_outcome();

#ifdef NDEBUG
  void resume_point() { point_.resume(); }
  void check_suspended() const noexcept {}
#else
  // A step that ends without a place to go on at has suspended in what is not eddy's.
  // The frame stays known to who looks in meanwhile, marked.
  static constexpr std::uintptr_t resumed = 1;
  void resume_point() {
    const std::coroutine_handle<> frame = point_;
    point_ = frame.from_address(static_cast<char*>(frame.address()) + resumed);
    frame.resume();
  }
  void check_suspended() noexcept {
    const auto point = reinterpret_cast<std::uintptr_t>(point_.address());
    if ((point == 0 || point & resumed) && !awaits_foreign_) end_lost_step();
  }
#endif
  [[noreturn]] void end_lost_step() noexcept;

  Context context_;
  List<DoneHook> hooks_;
  Text reason_;
  Text name_;
  std::uint64_t loop_id_;
  std::uint64_t id_;
  std::source_location where_;
};

}  // namespace eddy::internal
