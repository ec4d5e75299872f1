#include <eddy/core/loop.hpp>

#include <eddy/base/internal/sys.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace eddy {
using namespace internal;
namespace {

std::atomic<std::uint64_t> next_loop_id = 1;

RingOptions ring_options(const LoopOptions& options) noexcept {
  return {.submission_entries = options.submission_entries,
          .completion_entries = options.completion_entries,
          .bounded_workers = options.io_workers,
          .unbounded_workers = std::max(4 * options.io_workers, 4u),
          .without = options.without};
}

LoopOptions in_range(LoopOptions options) noexcept {
  options.timer_slack = std::max(Duration(options.timer_slack), Duration::zero());
  return options;
}

}  // namespace

// While alive, this loop is the current one. Restores what was, so that a loop can be turned inside
// a task of another.
class Loop::Running {
 public:
  explicit Running(Loop& loop) : loop_(loop) {
    loop.check_thread();
    loop.check_open();
    if (loop.in_turn_) throw UsageError("the loop is running already");
    loop.in_turn_ = true;
    thread_state = {.loop = &loop, .loop_id = loop.id_};
    thread_state.begin_stack();
  }
  ~Running() {
    EDDY_ASSERT(loop_.in_turn_);
    outer_.go_on();
    loop_.in_turn_ = false;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Loop& loop_;
  Interrupted outer_;
};

Loop::Loop(const LoopOptions& options) : Loop(options, open_io_uring(ring_options(options))) {}

Loop::Loop(const LoopOptions& options, std::unique_ptr<Kernel> kernel)
    : ring_(std::move(kernel)),
      ended_(ring_.pushed()),
      in_flight_max_(ring_.completion_entries()),
      debug_(options.debug || debug_by_environment()),
      timed_(debug_ || options.histograms),
      plain_wait_(!options.virtual_time && options.spin <= Duration::zero() && options.batch <= 1),
      id_(next_loop_id.fetch_add(1, std::memory_order_relaxed)),
      options_(in_range(options)),
      rough_from_(options.virtual_time ? Duration::max() : std::chrono::seconds(1)),
      registered_(id_, ring_.kernel(), options.registered_files, options.registered_buffers),
      thread_(std::this_thread::get_id()),
      process_(sys::getpid()),
      posts_(*this) {
  if (options.virtual_time) virtual_now_ = sys::now();
  posts_.arm();
  join_thread();
}

// -- a turn --

bool Loop::turn(AnyDuration at_most) {
  Running running(*this);
  if (signal_) {
    std::uint64_t count;
    static_cast<void>(!sys::read(signal_.get(), &count, sizeof count));
  }
  const std::uint64_t before = stats_.steps;
  run_due();
  // Whoever drives the loop until something happened must hear of it before it blocks again.
  const bool may_block = Duration(at_most) > Duration::zero() && stats_.steps == before;
  poll(may_block ? later(clock(), at_most) : Instant::min());
  return task_count_ > 0 || !ready_.empty();
}

void Loop::run_until(TaskState& main) {
  if (thread_state.loop) throw UsageError("run() inside of a running loop");
  Running running(*this);
  stopping_ = false;
  for (;;) {
    run_due();
    if (main.done() || stopping_) return;
    if (!may_skip_poll()) poll(Instant::max());
  }
}

inline void Loop::run_ready() noexcept {
  EDDY_ASSERT(in_turn_);
  Ready* next = ready_.take();
  std::uint64_t steps = 0;
  while (Ready* ready = next) {
    next = ready->next_;  // a step may end with its task being gone, or being ready again
    ++steps;
    more_ready_ = next != nullptr;
    if (timed_) [[unlikely]] {
      run_timed(*ready);
    } else if (ready->is_task_step()) [[likely]] {
      static_cast<TaskState*>(ready)->resume();
    } else {
      ready->run();
    }
  }
  stats_.steps += steps;
}

// Timers first, then what was ready when the turn began.
void Loop::run_due() {
  ++stats_.turns;
  now_valid_ = false;
  if (!timers_.empty()) timers_.fire_until(now());
  if (posts_.pending()) posts_.schedule();
  run_ready();
}

// Tasks are ready, and the kernel has nothing for us nor we for it: the common case of tasks that
// wake each other, without a call.
inline bool Loop::may_skip_poll() const noexcept {
  return !ready_.empty() && !backlog_ && !ring_.unsubmitted() && !ring_.work_pending();
}

// Enters the kernel at most once, and not at all where two loads show that there is no need.
void Loop::poll(Instant limit) {
  if (backlog_) [[unlikely]] submit_waiting();
  const bool idle = ready_.empty() && !ring_.completions() && !stopping_ && !posts_.pending() &&
                    !backlog_;
  if (!idle) {
    if (!ring_.unsubmitted() && !ring_.work_pending()) return;
    enter(0);
  } else if (plain_wait_ && timers_.empty() && limit == Instant::max()) [[likely]] {
    enter(1);
  } else if (options_.virtual_time) {
    poll_virtually(limit);
  } else {
    if (!timers_.empty()) limit = std::min(limit, later(timers_.next(), options_.timer_slack));
    wait(limit);
  }
  reap();
}

// Blocks until something completes. A deadline that has passed must not become a timeout of zero:
// an unmet wait goes through a timer and a context switch, 50 us on 6.18, where no wait costs 2.
void Loop::wait(Instant until) {
  if (until != Instant::max() && until <= clock()) {
    enter(0);
    return;
  }
  if (options_.spin > Duration::zero()) {
    enter(0);
    spin(std::min(until, later(clock(), options_.spin)));
    if (ring_.work_pending() || posts_.pending()) {
      enter(0);
      return;
    }
  }
  if (!ring_.has(feature_minimum_wait) || options_.batch_wait <= Duration::zero()) {
    enter_until(1, until);
    return;
  }
  // With no other limit the kernel would end the minimum wait with nothing, over and over (6.18).
  if (until == Instant::max()) until = later(clock(), std::chrono::hours(1));
  const auto wanted = std::min<std::uint64_t>(options_.batch, in_flight());
  enter_until(std::max(static_cast<unsigned>(wanted), 1u), until);
}

// Where nothing completes by itself, the clock jumps to the next deadline. Only without any does it
// wait for real.
void Loop::poll_virtually(Instant limit) {
  enter(0);
  if (ring_.completions() || posts_.pending()) return;
  if (!timers_.empty()) limit = std::min(limit, timers_.next());
  if (limit == Instant::max()) {
    enter(1);
  } else {
    virtual_now_ = std::max(virtual_now_, limit);
  }
}

void Loop::spin(Instant until) {
  do {
    for (int i = 0; i < 32; ++i) {
      if (ring_.work_pending() || posts_.pending()) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (clock() < until);
}

[[gnu::always_inline]] inline void Loop::enter(unsigned wait) {
  ++stats_.enters;
  if (ring_.enter_now(wait) == Ring::Entered::retry_after_reaping) [[unlikely]] out_of_memory();
}

void Loop::enter_until(unsigned wait, Instant deadline) {
  ++stats_.enters;
  const auto entered = ring_.enter(wait, deadline, options_.batch_wait);
  if (entered == Ring::Entered::retry_after_reaping) out_of_memory();
}

// EAGAIN with nothing to reap: the kernel has no memory for requests. Give it a moment.
void Loop::out_of_memory() {
  if (ring_.completions()) return;
  const timespec moment{0, 100'000};
  sys::nanosleep(&moment, nullptr);
}

inline void Loop::reap() {
  const unsigned count =
      ring_.reap([this](std::uint64_t user_data, int result, std::uint32_t flags) {
        complete(user_data, result, flags);
      });
  ended_ += count;
  EDDY_ASSERT(ended_ <= ring_.pushed());
  stats_.completed += count;
  admit();
}

// What the completion queue has places for; nothing while operations queue: none may overtake.
inline void Loop::admit() noexcept {
  const std::uint64_t now = in_flight();
  ring_.admit(waiting_.empty() && now < in_flight_max_ ? in_flight_max_ - now : 0);
}

[[gnu::always_inline]] inline void Loop::complete(std::uint64_t user_data, int result,
                                                  std::uint32_t flags) noexcept {
  if (user_data & completion_tag) [[unlikely]] {
    auto& completion = *reinterpret_cast<CompletionHandler*>(user_data & ~completion_tag);
    if (flags & IORING_CQE_F_MORE) {
      --ended_;  // not its last: reap() counts it as if it were
    } else if (completion.cancel_waits_) {  // ended before its cancellation was sent
      completion.cancel_waits_ = false;
      completion.unlink();
    }
    completion.handle(result, flags);
    return;
  }
  auto* operation = reinterpret_cast<Operation*>(user_data);
  if (!operation) [[unlikely]] {  // the answer to a cancellation: the operation's own counts
    if (result == -ENOENT) cancel_again();
    return;
  }
  EDDY_ASSERT(operation->state_ == Operation::State::in_flight);
  operation->state_ = Operation::State::ended;
  operation->result_ = result;
  operation->flags_ = flags;
  if (operation->proceed_) {
    if (flags & IORING_CQE_F_MORE) {
      --ended_;
    } else if (operation->linked()) [[unlikely]] {
      operation->unlink();  // it may queue again
    }
    if (operation->proceed_(*operation)) return;
  }
  if (operation->linked()) [[unlikely]] operation->unlink();  // ended before its cancel was sent
  TaskState& task = *operation->task();
  EDDY_ASSERT(!task.done());
  EDDY_ASSERT(task.waiter_ == operation);
  task.waiter_ = nullptr;
  ready_.push_back(task);
}

// -- submission beyond the fast path --

void Loop::queue(Operation& operation) noexcept {
  EDDY_ASSERT(operation.task());
  operation.state_ = Operation::State::queued;
  waiting_.push_back(operation);  // this turn's poll enters as often as it takes
  admit();
  backlog_ = true;
}

// Moves what waits into the ring, cancellations first, for as long as there are places. Where all
// that is in flight waits for somebody else there are more: the kernel keeps what is too much.
void Loop::submit_waiting() {
  if (in_flight() >= in_flight_max_) {
    if (ended_ == ended_at_limit_) in_flight_max_ *= 2;
    ended_at_limit_ = ended_;
  }
  submit_late();
  while (!cancels_.empty() && make_room()) {
    send_cancel(static_cast<Operation&>(*cancels_.pop_front()));
  }
  while (!waiting_.empty() && in_flight() < in_flight_max_ && make_room()) {
    auto& operation = static_cast<Operation&>(*waiting_.pop_front());
    ring_.push_unadmitted(operation.request_, address_of(&operation));
    operation.state_ = Operation::State::in_flight;
  }
  backlog_ = !waiting_.empty() || !cancels_.empty() || !late_.empty();
  admit();
}

bool Loop::make_room() {
  if (!ring_.has_place()) enter(0);
  return ring_.has_place();
}

// -- the end --

void Loop::close() {
  if (closed_) return;
  check_thread();
  if (in_turn_) throw UsageError("close() of a loop that is running");
  {
    Running running(*this);
    do {
      while (task_count_ > 0 || !ready_.empty()) {
        cancel_all();
        run_due();
        if (task_count_ > 0) poll(Instant::max());
      }
      report_failed();
      posts_.close();
    } while (task_count_ > 0 || !ready_.empty());  // a handler, or what a callback held, spawned
    EDDY_ASSERT(tasks_.empty());
    EDDY_ASSERT(asked_.empty());
    for (auto& entry : services_) entry.service->stop();
    drain_kernel();
    EDDY_ASSERT(in_flight() == 0);
  }
  services_.clear();
  closed_ = true;
}

// The waker's poll is all that is left; its frame-less completion ends with a cancellation.
void Loop::drain_kernel() {
  posts_.stop_polling();
  for (;;) {
    if (backlog_) submit_waiting();
    if (in_flight() == 0 && !backlog_) return;
    enter(in_flight() > 0 ? 1 : 0);
    reap();
  }
}

// -- time --

Instant Loop::clock() const noexcept {
  return options_.virtual_time ? virtual_now_ : sys::now();
}

Instant Loop::refresh_now() noexcept {
  now_ = clock();
  now_valid_ = true;
  return now_;
}

Instant Loop::deadline_after(AnyDuration length) noexcept { return later(clock(), length); }

}  // namespace eddy
