// Loop: one ring, one thread, one queue of what is ready.
//
// A turn: fire due timers, run what was ready when the turn began, enter the kernel once (submit
// and wait), reap every completion that is visible. Completions and wake-ups only append to the
// ready queue; nothing is resumed inside any of them. now() stands still during a turn.
//
// Not thread-safe, except post(). A loop belongs to the thread that made it.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/intrusive.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/internal/completion_handler.hpp>
#include <eddy/core/internal/foreign_awaitable.hpp>
#include <eddy/core/internal/loop_service.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/core/internal/post.hpp>
#include <eddy/core/internal/ready.hpp>
#include <eddy/core/internal/registered.hpp>
#include <eddy/core/internal/ring.hpp>
#include <eddy/core/internal/step_timing.hpp>
#include <eddy/core/internal/task_state.hpp>
#include <eddy/core/internal/timers.hpp>
#include <eddy/core/loop_options.hpp>
#include <eddy/core/spawn_options.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <sys/types.h>
#include <thread>
#include <type_traits>
#include <vector>

namespace eddy {

template <class T> class Task;
template <class T> class JoinHandle;

class Loop {
 public:
  // Throws Error that says what to do about it where the kernel refuses a ring.
  explicit Loop(const LoopOptions& options = {});
  // Over another kernel than io_uring. Of the options, those for the ring itself say nothing then.
  Loop(const LoopOptions& options, std::unique_ptr<internal::Kernel> kernel);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();  // close()

  // Runs until `main` is done, and returns its value or throws its exception. Other tasks stay and
  // go on in the next run(). Throws UsageError inside of another run, or when stop() came first.
  template <class T>
  T run(Task<T> main);
  template <class F>
    requires std::invocable<F&>
  auto run(F&& main);
  template <internal::BecomesSpawned A> auto run(A main);

  // Starts a task in the next turn, also from outside of run(); or what a callable returns, which
  // is kept, captures and all, until that is done.
  template <class T>
  JoinHandle<T> spawn(Task<T> task, const SpawnOptions& options = {});
  template <class F>
    requires std::invocable<std::decay_t<F>&>
  auto spawn(F&& callable, const SpawnOptions& options = {});
  // ... or, for any other awaitable, a task that awaits it.
  template <internal::BecomesSpawned A> auto spawn(A awaitable, const SpawnOptions& options = {});

  // run() returns after the turn in which this was called.
  void stop() noexcept { stopping_ = true; }

  // Cancels every task, waits until all have ended and the kernel has given everything back. What
  // failed meanwhile goes to the exception handler. Idempotent. Throws UsageError while running.
  void close();
  bool closed() const noexcept { return closed_; }

  // One turn for an embedder; blocks at most so long, and not at all if anything ran. False when
  // there is nothing left to do: no task, nothing ready. May be called inside of another loop, but
  // not inside of its own.
  bool turn(AnyDuration at_most = {});

  // Readable when turn() has something to do that deadline() does not know of. Costs a signal per
  // completion from the first call on. A task that waits for an eventfd of its own is an exception:
  // the kernel signals the first write from inside of another eventfd's wake-up, and no later one
  // (6.18).
  int fd();

  // When turn() must be called at the latest: at once if anything is ready, else at the next timer.
  // No value: not before fd() is readable. To be asked each time before the host sleeps: what that
  // did outside of a turn, such as spawn(), is due at once, and makes fd() readable only by post().
  std::optional<Instant> deadline();

  // From any thread: runs `callback` on the loop. No allocation for up to PostQueue::reserved small
  // callbacks per turn. What it throws goes to the exception handler. Throws UsageError after
  // close().
  void post(internal::PostQueue::Callback callback) { posts_.push(std::move(callback)); }

  Stats stats() const;
  TaskCounts count_tasks() noexcept;  // looks at each

  // The time at which this turn began. Frozen, so that what one turn starts ends together.
  Instant now() noexcept { return now_valid_ ? now_ : refresh_now(); }
  // The time at this very moment; on virtual time now().
  Instant clock() const noexcept;

  // Gets what nobody else handles: exceptions nobody retrieved, callbacks that throw, and in debug
  // mode slow steps and tasks never awaited. The default writes to stderr. If it throws, the
  // default is used.
  void on_exception(ExceptionHandler handler) { handler_ = std::move(handler); }
  void set_debug(bool on) noexcept;
  bool debug() const noexcept { return debug_; }

  // The loop whose turn it is on this thread. Throws UsageError outside of one.
  static Loop& current() {
    if (!internal::thread_state.loop) [[unlikely]] throw_no_loop();
    return *internal::thread_state.loop;
  }

  // -- for awaitables --

  // On its own thread: whoever does otherwise ends the process where there are assertions.
  void make_ready(internal::Ready& ready) noexcept {
#ifndef NDEBUG
    if (thread_ != std::this_thread::get_id()) [[unlikely]] woken_by_another_thread(ready);
#endif
    ready_.push_back(ready);
  }

  // True for the only task that is ready, once in a turn: a plain system call that never waits is
  // then cheaper than a request, which would have the enter to itself.
  bool take_plain_call() noexcept {
    const std::uint64_t turn = stats_.turns;  // read once: the acquire below would read it again
    if (more_ready_ || plain_call_turn_ == turn || !ready_.empty()) return false;
    if (backlog_ || ring_.unsubmitted() || ring_.completions()) return false;
    plain_call_turn_ = turn;
    ++stats_.plain_sends;
    return true;
  }

  void submit(internal::Operation& operation) noexcept {
    if (!ring_.full()) [[likely]] {
      start(operation);
    } else {
      queue(operation);
    }
  }
  void submit_cancel(internal::Operation& operation);

  // For what answers more than once. REQUIRES: `completion` lives until its last completion, and is
  // submitted again only after it.
  void submit(const internal::Request& request, internal::CompletionHandler& completion) noexcept;
  // Asks the kernel to end it; the last completion still comes, and not within this call.
  void cancel(internal::CompletionHandler& completion) noexcept;

  internal::TimerQueue& timers() noexcept { return timers_; }
  bool more_ready() const noexcept { return more_ready_; }  // in this turn, after the running step
  // `length` from this very moment, so that a step that computed for long does not make it early.
  Instant deadline_after(AnyDuration length) noexcept;
  // The same where it may be late by a hundredth: from a second up it reads a clock that is a
  // quarter as dear and lags by less than the two kernel ticks that are added.
  Instant rough_deadline_after(AnyDuration length) noexcept;

  internal::PostQueue& posts() noexcept { return posts_; }
  internal::Ring& ring() noexcept { return ring_; }
  internal::Registered& registered() noexcept { return registered_; }
  const LoopOptions& options() const noexcept { return options_; }
  // Never zero, and never that of another loop, unlike an address.
  std::uint64_t id() const noexcept { return id_; }
  std::uint64_t next_task_id() noexcept { return ++task_ids_; }
  void task_started(internal::TaskState& task) noexcept {
    EDDY_ASSERT(!closed_);
    tasks_.push_back(task);
    ++task_count_;
  }
  void task_ended(internal::TaskState& task) noexcept {
    internal::Link<internal::AllTasks>& link = task;
    EDDY_ASSERT(link.linked());
    EDDY_ASSERT(task_count_ > 0);
    link.unlink();
    --task_count_;
  }
  std::vector<internal::TaskState*> tasks();
  // True while a loop that closes asks its tasks to end, one after the other.
  bool asks_all() const noexcept { return asks_all_; }
  // `task` has failed after it was asked to: reported when close() ends unless somebody looks
  // before. Takes the reference.
  void report_by_close(internal::TaskState& task) noexcept;
  void count_post() noexcept { ++stats_.posts; }
  void check_thread() const;
  void check_open() const;
  void check_may_spawn() const {
    if (internal::thread_state.loop == this) [[likely]] return;
    check_thread();
    check_open();
  }
  void run_until(internal::TaskState& main);

  template <class Service>
  Service& service() {
    for (auto& entry : services_) {
      if (entry.key == &service_key<Service>) return static_cast<Service&>(*entry.service);
    }
    return add_service<Service>();
  }

  void report(const ExceptionReport& report) noexcept;
  // Null when the loop with that number was closed, when it is gone, on another thread than its
  // own, and after fork() in the child.
  static Loop* open(std::uint64_t id) noexcept;
  // True while the tasks of the loop with that number can run on: it is open, and the end of the
  // thread, which is how exit() begins, has not left it behind.
  static bool can_run(std::uint64_t id) noexcept;
  // report() when the loop may be gone: then the default handler is used.
  static void report_to(std::uint64_t id, const ExceptionReport& report) noexcept;

 private:
  friend class internal::LoopProbe;
  class Running;
  template <class Service> static inline const char service_key = 0;

  template <class Service> [[gnu::noinline]] Service& add_service() {
    services_.push_back({&service_key<Service>, std::make_unique<Service>(*this)});
    return static_cast<Service&>(*services_.back().service);
  }
  static constexpr std::uint64_t completion_tag = 1;

  void start(internal::Operation& operation) noexcept {
    EDDY_ASSERT(operation.state_ != internal::Operation::State::in_flight);
    EDDY_ASSERT(!operation.linked());
    ring_.push(operation.request_, internal::address_of(&operation));
    operation.state_ = internal::Operation::State::in_flight;
  }
  std::uint64_t in_flight() const noexcept { return ring_.pushed() - ended_; }
  void admit() noexcept;
  void queue(internal::Operation& operation) noexcept;
  void push_cancel(std::uint64_t user_data) noexcept;
  void send_cancel(internal::Operation& operation) noexcept;
  void cancel_again() noexcept;
  void queue(internal::CompletionHandler& completion) noexcept;
  void submit_waiting();
  void submit_late();
  bool make_room();

  void run_due();
  void run_ready() noexcept;
  void run_timed(internal::Ready& ready);
  void run_debugged(internal::Ready& ready);
  static void run(internal::Ready& ready) noexcept;
  bool may_skip_poll() const noexcept;
  void poll(Instant limit);
  void poll_virtually(Instant limit);
  void wait(Instant until);
  void spin(Instant until);
  void enter(unsigned wait);
  void enter_until(unsigned wait, Instant deadline);
  void out_of_memory();
  void reap();
  void complete(std::uint64_t user_data, int result, std::uint32_t flags) noexcept;
  void drain_kernel();
  void cancel_all() noexcept;
  void report_failed() noexcept;
  static void forget(internal::TaskState& task) noexcept;
  void forget_all() noexcept;
  void join_thread();
  void leave_thread() noexcept;
  static Loop* of_thread(std::uint64_t id) noexcept;
  static void enter_child() noexcept;

  static bool debug_by_environment() noexcept;
  static Duration coarse_lag() noexcept;
  Instant refresh_now() noexcept;
  [[noreturn]] static void throw_no_loop();
  [[noreturn]] static void woken_by_another_thread(internal::Ready& ready) noexcept;

  // hot
  internal::Fifo<internal::Ready> ready_;
  internal::Ring ring_;
  std::uint64_t ended_;  // requests that had their last completion
  std::uint64_t in_flight_max_;
  std::uint64_t ended_at_limit_ = 0;  // what ended_ was when so many were in flight
  internal::List<internal::Waiter> waiting_;  // operations without a place in the ring, in order
  // Operations in flight whose cancellation has no place yet, and those that the kernel was asked
  // to cancel.
  internal::List<internal::Waiter> cancels_;
  internal::List<internal::Waiter> asked_to_end_;
  internal::TimerQueue timers_;
  Instant now_{};
  bool now_valid_ = false;
  bool debug_;
  bool timed_;  // debug mode, or histograms: run_timed() in place of a plain step
  bool stopping_ = false;
  bool in_turn_ = false;
  bool closed_ = false;
  bool plain_wait_;       // neither virtual time nor spinning nor batching
  bool backlog_ = false;  // waiting_, cancels_ or late_ may have something
  bool more_ready_ = false;  // after the step that runs, others do in this turn
  bool asks_all_ = false;
  std::uint64_t plain_call_turn_ = 0;
  std::uint64_t task_ids_ = 0;
  std::size_t task_count_ = 0;
  internal::List<internal::TaskState, internal::AllTasks> tasks_;
  Stats stats_;  // hot down to its histograms

  // cold
  std::uint64_t id_;
  LoopOptions options_;
  Duration rough_from_;  // shorter timeouts are exact; on virtual time all are
  Duration coarse_lag_ = coarse_lag();
  // With a request or a cancellation that has no place in the ring yet.
  internal::List<internal::CompletionHandler> late_;
  internal::Registered registered_;
  std::thread::id thread_;
  pid_t process_;
  Instant virtual_now_{};
  internal::StepTiming timing_;
  ExceptionHandler handler_;
  UniqueFd signal_;  // what fd() returns
  struct ServiceEntry {
    const void* key;
    std::unique_ptr<internal::LoopService> service;
  };
  std::vector<ServiceEntry> services_;
  Loop* next_on_thread_ = nullptr;
  // Of a loop that closes: what was asked to end, and what has failed since.
  internal::List<internal::TaskState, internal::AllTasks> asked_;
  internal::List<internal::TaskState, internal::AllTasks> failed_;
  internal::PostQueue posts_;
};

}  // namespace eddy

namespace eddy::internal {

inline TaskState::TaskState(Loop& loop, std::coroutine_handle<> root,
                            std::source_location where, const Context& context) noexcept
    : TaskStep(loop, root),
      context_(context),
      loop_id_(loop.id()),
      id_(loop.next_task_id()),
      where_(where) {}

// One step: from the innermost frame outwards, as long as frames end. A frame that ends names its
// parent in thread_state.next instead of resuming it, so that the stack stays flat on every
// compiler.
inline void TaskState::resume() noexcept {
  EDDY_ASSERT(!done());
  EDDY_ASSERT(!waiter_);
  EDDY_ASSERT(point_);
  if (must_cancel_ && state_ == State::unstarted) [[unlikely]] return cancel_unstarted();
  state_ = State::running;
  thread_state.task = this;
  resume_point();
  while (thread_state.next) std::exchange(thread_state.next, nullptr).resume();
  if (root_ended_) [[unlikely]] return end();
  check_suspended();
  thread_state.task = nullptr;
}

inline void TaskState::wake() noexcept {
  EDDY_ASSERT(waiter_);
  waiter_ = nullptr;
  loop_->make_ready(*this);
}

inline void TaskState::reschedule(std::coroutine_handle<> frame) noexcept {
  EDDY_ASSERT(running());
  EDDY_ASSERT(!waiter_);
  point_ = frame;
  loop_->make_ready(*this);
}

inline void Waiter::wake() noexcept { task_->wake(); }

inline bool Waiter::park(std::coroutine_handle<> frame) {
  EDDY_ASSERT(!task_);
  task_ = thread_state.task;
  if (!task_) [[unlikely]] throw_no_task();
  return task_->park(*this, frame);
}

inline bool Waiter::interrupted() noexcept {
  if (!task_) return false;  // never suspended: no delivery (L5)
  EDDY_ASSERT(task_->running());
  EDDY_ASSERT(!linked());
  return task_->take_pending_cancel() | cancelled_;
}

inline void Operation::await_suspend(std::coroutine_handle<> frame) {
  require_first_await();
  EDDY_ASSERT(state_ == State::idle);
  if (!park(frame) && was_cancelled()) [[unlikely]] return;
  task()->loop().submit(*this);
}

}  // namespace eddy::internal
