// JoinHandle<T>: a running task, to wait for, to ask and to stop. Copyable; copies are the same
// task.
//
// Dropping every handle changes nothing: the loop owns the task until it is done. An exception that
// no handle ever asked for is reported once, to the loop's exception handler.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/core/internal/forwarder.hpp>
#include <eddy/core/task.hpp>

#include <functional>
#include <optional>
#include <variant>
#include <vector>

namespace eddy {

namespace internal {

// The task's outcome, kept after its frame is gone.
template <class T>
class TaskResult : public TaskState {
 public:
  using Stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*,
                                    std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

  TaskResult(Loop& loop, Task<T>&& task)
      : TaskResult(loop, task.release()) {}

  Stored& value() noexcept {
    EDDY_ASSERT(value_.has_value());
    return *value_;
  }

 protected:
  // For those that have to exist before their frame does.
  TaskResult(Loop& loop, typename Task<T>::Handle frame) noexcept
      : TaskState(loop, frame, frame.promise().where()), frame_(frame) {
    frame_.promise().start();
    frame_.promise().set_root(*this);
  }

  State take_result() noexcept override {
    EDDY_ASSERT(frame_);
    EDDY_ASSERT(!value_);
    auto& promise = frame_.promise();
    State state = State::value;
    if (promise.has_value()) {
      if constexpr (std::is_void_v<T>) {
        value_.emplace();
      } else {
        try {
          if constexpr (std::is_reference_v<T>) {
            value_.emplace(std::addressof(promise.take()));
          } else {
            value_.emplace(promise.take());
          }
        } catch (...) {  // a move constructor that throws
          store_failure(Failure::current());
          state = State::exception;
        }
      }
    } else {
      store_failure(promise.failure());
      state = promise.failure().is_cancelled() ? State::cancelled : State::exception;
    }
    frame_.destroy();
    return state;
  }
  void drop_value() noexcept override { value_.reset(); }
  void abandon() noexcept override { frame_.destroy(); }

 private:
  typename Task<T>::Handle frame_;
  std::optional<Stored> value_;
};

// Waits for a task. Cancelling the wait cancels the task, and goes on waiting until it has ended.
class JoinWaiter : public Forwarder, public DoneHook {
 public:
  explicit JoinWaiter(TaskState& target) noexcept
      : JoinWaiter(target, kind<&JoinWaiter::describe, &forward>) {}
  JoinWaiter(const JoinWaiter& other) noexcept
      : Forwarder(other), DoneHook(other), target_(other.target_) {
    target_->retain();
  }
  ~JoinWaiter() { target_->release(); }

  bool await_ready() const {
    if (target_->running()) [[unlikely]] throw_misuse("a task cannot wait for itself");
    return target_->done();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    if (target_->loop_id() != thread_state.loop_id) [[unlikely]] throw_other_loop();
    require_first_await();
    if (park(frame) || !was_cancelled()) target_->add_done_hook(*this);
  }
  // The task that waits there, if the hook is of one that does.
  static const TaskState* waiting_at(const DoneHook& hook) noexcept {
    return hook.is_told_by(&notify) ? static_cast<const JoinWaiter&>(hook).task() : nullptr;
  }
  // For messages.
  AwaitedName awaited() const noexcept {
    return {target_->where().function_name(), target_->given_name()};
  }

 protected:
  JoinWaiter(TaskState& target, const WaitKind& own) noexcept
      : Forwarder(own), DoneHook(&notify), target_(&target) {
    target.retain();
  }

  // Throws what the wait or the task ended with, unless that is a value.
  void rethrow() {
    if (interrupted()) [[unlikely]] cancelled_failure().raise();
    EDDY_ASSERT(target_->done());
    target_->rethrow();
  }
  // The same without a throw: no value means that the task has one.
  std::optional<Failure> failure() {
    if (interrupted()) return cancelled_failure();
    EDDY_ASSERT(target_->done());
    if (target_->failed() || target_->cancelled()) return target_->failure();
    return std::nullopt;
  }
  TaskState& target() const noexcept { return *target_; }
  void describe(WaitNote& note) const;

 private:
  static bool forward(Waiter& waiter);
  static bool ask_target(Forwarder& join) noexcept;
  [[noreturn]] void throw_other_loop() const;
  static void notify(DoneHook& hook, TaskState&) noexcept { static_cast<JoinWaiter&>(hook).wake(); }

  TaskState* target_;
};

template <class T>
class [[nodiscard]] Join : public JoinWaiter {
 public:
  using value_type = T;
  explicit Join(TaskState& target) noexcept : JoinWaiter(target) {}

  // A copy of the value: a handle can be awaited again. Move-only values are moved out by the
  // first.
  T await_resume() {
    rethrow();
    return value();
  }
  Expected<Held<T>> await_outcome() {
    if (auto failed = failure()) return std::unexpected(std::move(*failed));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return value();
    }
  }

 protected:
  using JoinWaiter::JoinWaiter;

 private:
  T value() {
    if constexpr (!std::is_void_v<T>) {
      auto& stored = static_cast<TaskResult<T>&>(target()).value();
      if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(*stored);
      } else if constexpr (std::is_copy_constructible_v<T>) {
        return stored;
      } else {
        return std::move(stored);
      }
    }
  }
};

}  // namespace internal

namespace internal {
class DoneCall;
}
class DoneCallback;

// What a handle can do whatever the task returns. JoinHandle<> is one for any task.
class TaskHandle {
 public:
  TaskHandle() = default;
  explicit TaskHandle(internal::TaskState& state) noexcept : state_(&state) { state.retain(); }
  TaskHandle(const TaskHandle& other) noexcept : state_(other.state_) {
    if (state_) state_->retain();
  }
  TaskHandle(TaskHandle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  TaskHandle& operator=(TaskHandle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~TaskHandle() { if (state_) state_->release(); }

  bool valid() const noexcept { return state_ != nullptr; }
  bool done() const { return state().done(); }

  // True when the body ended by a Cancelled, also one that it threw by itself.
  bool cancelled() const { return state().cancelled(); }

  // The stored exception; null if there is a value. Throws InvalidState before the task is done,
  // and the Cancelled if it was cancelled.
  std::exception_ptr exception() const { return state().exception(); }

  // Asks the task to stop: what it waits for ends with Cancelled, inside it, in a later turn.
  // Counts every request. False when the task is done already. `reason` is the message of the
  // Cancelled.
  bool cancel(std::string_view reason = {}) const { return state().cancel(Text(reason)); }
  // Requests so far, minus those that were taken back.
  unsigned cancelling() const { return state().cancelling(); }
  // Takes one request back; at zero, one that was not delivered yet is not delivered any more.
  unsigned uncancel() const { return state().uncancel(); }

  // Of no other task of its loop: what inspect shows.
  std::uint64_t id() const { return state().id(); }
  // "Task-7" unless named.
  std::string name() const { return state().name(); }
  void set_name(std::string_view name) const { state().set_name(name); }
  std::source_location where() const { return state().where(); }

  // Runs `callback(handle)` in the turn after the task ended, or in the next one if it has; in the
  // order of registration, and in the context of whoever registered it. What is returned can take
  // it back, and may be dropped. Throws UsageError when the task's loop is closed.
  template <class F>
  DoneCallback on_done(F callback) const;

  internal::TaskState& state() const {
    if (!state_) [[unlikely]] {
      internal::throw_misuse("a handle without a task, or moved from, was used");
    }
    return *state_;
  }

  friend bool operator==(const TaskHandle& a, const TaskHandle& b) noexcept {
    return a.state_ == b.state_;
  }

 private:
  internal::TaskState* state_ = nullptr;
};

namespace internal {

// A callback of on_done(): waits in the task's list of hooks, then in the ready queue, which hold a
// reference.
class DoneCall : public DoneHook, public Ready, public Pooled, public RefCounted<DoneCall> {
 public:
  explicit DoneCall(const TaskHandle& task)
      : DoneHook(&notify), Ready(&run), task_(task), context_(Context::current()) {}
  virtual ~DoneCall() = default;

  void begin() noexcept;
  bool pending() const noexcept { return pending_; }
  bool remove() noexcept;

 private:
  virtual void call(const TaskHandle& task) = 0;
  virtual void drop() noexcept = 0;  // destroys the callback
  void schedule() noexcept { task_.state().loop().make_ready(*this); }
  static void notify(DoneHook& hook, TaskState& task) noexcept;
  static void run(Ready& ready) noexcept;

  TaskHandle task_;
  Context context_;
  bool pending_ = true;
};

}  // namespace internal

// A callback that on_done() has taken. Copyable; dropping every copy changes nothing.
class DoneCallback {
 public:
  DoneCallback() noexcept = default;  // of no callback

  // asyncio's remove_done_callback: it does not run any more, also where its task has ended and its
  // turn has not come; what it holds dies now. False when it has run, is running, or was removed.
  bool remove() noexcept { return call_ && call_->remove(); }
  // It has not run yet, and will.
  bool pending() const noexcept { return call_ && call_->pending(); }

 private:
  friend class TaskHandle;
  explicit DoneCallback(internal::Counted<internal::DoneCall> call) noexcept
      : call_(std::move(call)) {}

  internal::Counted<internal::DoneCall> call_;
};

template <class T = void>
class JoinHandle : public TaskHandle {
 public:
  using value_type = T;

  JoinHandle() = default;
  explicit JoinHandle(internal::TaskResult<T>& state) noexcept
    requires(!std::is_void_v<T>)
      : TaskHandle(state) {}
  explicit JoinHandle(internal::TaskState& state) noexcept
    requires std::is_void_v<T>
      : TaskHandle(state) {}
  // Any handle is a JoinHandle<>, for lists of tasks of several kinds.
  JoinHandle(const TaskHandle& other) noexcept
    requires std::is_void_v<T>
      : TaskHandle(other) {}

  // The value; rethrows the stored exception each time. Throws InvalidState before the task is
  // done.
  decltype(auto) result() const {
    state().rethrow();
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*static_cast<internal::TaskResult<T>&>(state()).value());
    } else if constexpr (!std::is_void_v<T>) {
      return static_cast<T&>(static_cast<internal::TaskResult<T>&>(state()).value());
    }
  }

  // Resumes in the turn after the task ended; does not suspend if it has. Throws what the task
  // threw, the Cancelled of a cancelled task included. Cancelling the wait cancels the task.
  internal::Join<T> operator co_await() const { return internal::Join<T>(state()); }
};

namespace internal {

template <class F>
class DoneCallOf final : public DoneCall {
 public:
  DoneCallOf(const TaskHandle& task, F callback)
      : DoneCall(task), callback_(std::move(callback)) {}

 private:
  void call(const TaskHandle& task) override { std::invoke(*callback_, task); }
  void drop() noexcept override { callback_.reset(); }

  std::optional<F> callback_;
};

}  // namespace internal

template <class F>
DoneCallback TaskHandle::on_done(F callback) const {
  if (done() && !Loop::open(state().loop_id())) throw UsageError("on_done() of a closed loop");
  internal::Counted<internal::DoneCall> call(
      new internal::DoneCallOf<F>(*this, std::move(callback)));
  call->begin();
  return DoneCallback(std::move(call));
}

}  // namespace eddy
