#include <eddy/core/loop.hpp>

#include <linux/io_uring.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace eddy {
namespace {

// The loops of this thread, so that a handle which outlives its loop finds out.
thread_local Loop* loops_of_thread = nullptr;

void print_report(const ExceptionReport& report) noexcept {
  std::fprintf(stderr, "eddy: %.*s", static_cast<int>(report.message.size()), report.message.data());
  if (!report.task.empty()) std::fprintf(stderr, " [%s]", report.task.c_str());
  if (report.where.line() != 0) {
    std::fprintf(stderr, " in %s (%s:%u)", report.where.function_name(), report.where.file_name(),
                 static_cast<unsigned>(report.where.line()));
  }
  if (report.took > Duration::zero()) {
    std::fprintf(stderr, " took %.3f seconds", std::chrono::duration<double>(report.took).count());
  }
  if (report.exception) {
    try {
      std::rethrow_exception(report.exception);
    } catch (const std::exception& exception) {
      std::fprintf(stderr, ": %s", exception.what());
    } catch (const Cancelled&) {
      std::fprintf(stderr, ": cancelled");
    } catch (...) {
      std::fprintf(stderr, ": an exception that is not a std::exception");
    }
  }
  std::fputc('\n', stderr);
}

RingOptions ring_options(const LoopOptions& options) noexcept {
  return {.submission_entries = options.submission_entries,
          .completion_entries = options.completion_entries,
          .bounded_workers = options.io_workers,
          .unbounded_workers = std::max(4 * options.io_workers, 4u),
          .without = options.without};
}

}  // namespace

// While alive, this loop is the current one. Restores what was, so that a loop can be turned inside
// a task of another.
class Loop::Running {
 public:
  explicit Running(Loop& loop) : loop_(loop), outer_(thread_state) {
    loop.check_thread();
    loop.check_open();
    if (loop.in_turn_) throw UsageError("the loop is running already");
    loop.in_turn_ = true;
    thread_state = {.loop = &loop};
  }
  ~Running() {
    thread_state = outer_;
    loop_.in_turn_ = false;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Loop& loop_;
  ThreadState outer_;
};

Loop::Loop(const LoopOptions& options)
    : ring_(ring_options(options)),
      in_flight_max_(ring_.completion_entries()),
      debug_(options.debug),
      options_(options),
      registered_(ring_, options.registered_files, options.registered_buffers),
      thread_(std::this_thread::get_id()),
      process_(::getpid()),
      posts_(*this) {
  if (options.virtual_time) virtual_now_ = std::chrono::steady_clock::now();
  next_on_thread_ = std::exchange(loops_of_thread, this);
  posts_.arm();
}

Loop::~Loop() {
  for (Loop** link = &loops_of_thread; *link; link = &(*link)->next_on_thread_) {
    if (*link != this) continue;
    *link = next_on_thread_;
    break;
  }
  if (process_ != ::getpid()) {  // a child: the queues are not mapped here, the tasks not ours
    ring_.abandon();
    while (tasks_.pop_front()) {
    }
    return;
  }
  close();
}

// -- a turn --

bool Loop::turn(Duration at_most) {
  Running running(*this);
  posts_.wake_up();
  if (signal_) {
    std::uint64_t count;
    static_cast<void>(!::read(signal_.get(), &count, sizeof count));
  }
  run_due();
  const bool forever = at_most == Duration::max();
  poll(forever ? std::nullopt : std::optional(later(now(), at_most)));
  if (!posts_.fall_asleep()) posts_.schedule();  // from now on the embedder sleeps, on fd()
  return task_count_ > 0 || !ready_.empty();
}

void Loop::run_until(TaskState& main) {
  if (thread_state.loop) throw UsageError("run() inside of a running loop");
  Running running(*this);
  posts_.wake_up();
  stopping_ = false;
  for (;;) {
    run_due();
    if (main.done() || stopping_) return;
    poll(std::nullopt);
  }
}

// Timers first, then what was ready when the turn began.
void Loop::run_due() {
  ++stats_.turns;
  now_valid_ = false;
  if (!timers_.empty()) timers_.fire_until(now());
  if (posts_.pending()) posts_.schedule();
  run_ready();
}

void Loop::run_ready() noexcept {
  Fifo<Ready> batch = ready_.take();
  while (Ready* ready = batch.pop_front()) {
    ++stats_.steps;
    if (debug_) [[unlikely]] {
      run_timed(*ready);
    } else {
      ready->run();
    }
  }
}

// B1: names the task whose step held the loop. Its state may be gone after the step.
void Loop::run_timed(Ready& ready) {
  const TaskState* task = TaskState::from(ready);
  const std::string name = task ? task->name() : "callback";
  const auto where = task ? task->where() : std::source_location();
  const Instant start = std::chrono::steady_clock::now();
  ready.run();
  const Duration took = std::chrono::steady_clock::now() - start;
  if (took < options_.slow_step) return;
  report({.message = "a step held the loop", .task = name, .where = where, .took = took});
}

// Enters the kernel at most once, and not at all where two loads show that there is no need.
void Loop::poll(std::optional<Instant> limit) {
  if (!waiting_.empty() || !cancels_.empty()) submit_waiting();
  const bool idle = ready_.empty() && !ring_.completions() && !stopping_;
  if (!idle) {
    if (ring_.unsubmitted() || ring_.work_pending()) enter(0, std::nullopt);
  } else if (options_.virtual_time) {
    enter(0, std::nullopt);
    if (!ring_.completions() && !posts_.pending()) {
      if (!timers_.empty()) {
        virtual_now_ = std::max(virtual_now_, limit ? std::min(*limit, timers_.next()) : timers_.next());
      } else if (limit) {
        virtual_now_ = std::max(virtual_now_, *limit);
      } else {
        enter(1, std::nullopt);
      }
    }
  } else {
    Instant until = limit.value_or(Instant::max());
    if (!timers_.empty()) until = std::min(until, later(timers_.next(), options_.timer_slack));
    wait(until, limit || !timers_.empty());
  }
  reap();
}

// Blocks until something completes. A deadline that has passed must not become a timeout of zero:
// an unmet wait goes through a timer and a context switch, 50 us on 6.18, where no wait costs 2.
void Loop::wait(Instant until, bool limited) {
  if (limited && until <= clock()) {
    enter(0, std::nullopt);
    return;
  }
  if (options_.spin > Duration::zero()) {
    enter(0, std::nullopt);
    spin(limited ? std::min(until, later(clock(), options_.spin)) : later(clock(), options_.spin));
    if (ring_.work_pending() || posts_.pending()) {
      enter(0, std::nullopt);
      return;
    }
  }
  if (!posts_.fall_asleep()) {
    enter(0, std::nullopt);
    return;
  }
  const auto batch = static_cast<unsigned>(std::min<std::size_t>(options_.batch, in_flight_));
  enter(std::max(batch, 1u), limited ? std::optional(until) : std::nullopt);
  posts_.wake_up();
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

void Loop::enter(unsigned wait, std::optional<Instant> deadline) {
  ++stats_.enters;
  const Instant from = deadline ? clock() : Instant();
  const auto entered = ring_.enter(wait, deadline, from, options_.batch_wait);
  if (entered != Ring::Entered::retry_after_reaping || ring_.completions()) return;
  // EAGAIN with nothing to reap: the kernel is out of memory for requests. Give it a moment.
  const timespec moment{0, 100'000};
  ::nanosleep(&moment, nullptr);
}

void Loop::reap() {
  const unsigned count = ring_.reap([this](std::uint64_t user_data, int result, std::uint32_t flags) {
    complete(user_data, result, flags);
  });
  stats_.completed += count;
}

void Loop::complete(std::uint64_t user_data, int result, std::uint32_t flags) noexcept {
  if (user_data & completion_tag) [[unlikely]] {
    if (!(flags & IORING_CQE_F_MORE)) --in_flight_;
    reinterpret_cast<Completion*>(user_data & ~completion_tag)->handle(result, flags);
    return;
  }
  --in_flight_;
  auto* operation = reinterpret_cast<Operation*>(user_data);
  if (!operation) [[unlikely]] return;  // the answer to a cancellation: the operation's own counts
  EDDY_ASSERT(operation->state_ == Operation::State::in_flight);
  operation->state_ = Operation::State::ended;
  operation->result_ = result;
  operation->flags_ = flags;
  if (operation->linked()) [[unlikely]] operation->unlink();  // ended before its cancel was sent
  operation->wake();
}

// -- submission beyond the fast path --

void Loop::queue(Operation& operation) noexcept {
  operation.state_ = Operation::State::queued;
  waiting_.push_back(operation);  // this turn's poll enters as often as it takes
}

// Moves what waits into the ring, cancellations first, for as long as there are places.
void Loop::submit_waiting() {
  const auto make_room = [this] {
    if (ring_.full()) enter(0, std::nullopt);
    return !ring_.full();
  };
  while (!cancels_.empty() && make_room()) {
    auto* operation = static_cast<Operation*>(cancels_.pop_front());
    push_cancel(address_of(operation));
  }
  while (!waiting_.empty() && in_flight_ < in_flight_max_ && make_room()) {
    start(static_cast<Operation&>(*waiting_.pop_front()));
  }
}

void Loop::push_cancel(std::uint64_t user_data) {
  Request request;
  request.opcode = IORING_OP_ASYNC_CANCEL;
  request.address = user_data;
  ring_.push(request, 0);
  ++in_flight_;
}

void Loop::submit_cancel(Operation& operation) {
  if (ring_.full()) {
    cancels_.push_back(operation);  // sent in this turn's poll, or never if it ends before
  } else {
    push_cancel(address_of(&operation));
  }
}

void Loop::push(const Request& request, std::uint64_t user_data) {
  for (int tries = 0; ring_.full() && tries < 3; ++tries) enter(0, std::nullopt);
  if (ring_.full()) throw Error(EBUSY, "submit to io_uring");
  ring_.push(request, user_data);
  ++in_flight_;
}

void Loop::submit(const Request& request, Completion& completion) {
  push(request, address_of(&completion) | completion_tag);
}

void Loop::cancel(Completion& completion) {
  Request request;
  request.opcode = IORING_OP_ASYNC_CANCEL;
  request.address = address_of(&completion) | completion_tag;
  push(request, 0);
}

// -- the end --

void Loop::close() {
  if (closed_) return;
  check_thread();
  if (in_turn_) throw UsageError("close() of a loop that is running");
  {
    Running running(*this);
    while (task_count_ > 0 || !ready_.empty()) {
      cancel_all();
      run_due();
      if (task_count_ > 0) poll(std::nullopt);
    }
    posts_.close();
    drain_kernel();
  }
  services_.clear();
  closed_ = true;
}

// Each task is asked once: one that cleans up slowly is waited for, and one that was started by such
// a cleanup is asked in the turn after.
void Loop::cancel_all() {
  for (TaskState* task = tasks_.front(); task; task = tasks_.after(*task)) {
    if (task->asked_by_close()) continue;
    task->report_at_close();
    task->cancel("the loop is closed");
  }
}

// The waker's poll is all that is left; its frame-less completion ends with a cancellation.
void Loop::drain_kernel() {
  posts_.stop_polling();
  while (in_flight_ > 0) {
    enter(1, std::nullopt);
    reap();
  }
}

// -- embedding --

int Loop::fd() {
  check_thread();
  check_open();
  if (!signal_) {
    UniqueFd signal(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));  // readable: turn once to begin with
    if (!signal) throw Error(errno, "create an eventfd");
    ring_.register_eventfd(signal.get());
    signal_ = std::move(signal);
  }
  return signal_.get();
}

std::optional<Instant> Loop::deadline() {
  if (!ready_.empty() || posts_.pending() || ring_.unsubmitted() || !waiting_.empty()) return clock();
  if (timers_.empty()) return std::nullopt;
  return timers_.next();
}

// -- tasks --

void Loop::task_started(TaskState& task) noexcept {
  tasks_.push_back(task);
  ++task_count_;
}

void Loop::task_ended(TaskState& task) noexcept {
  static_cast<Link<AllTasks>&>(task).unlink();
  --task_count_;
}

std::vector<TaskState*> Loop::tasks() {
  std::vector<TaskState*> all;
  all.reserve(task_count_);
  for (TaskState* task = tasks_.front(); task; task = tasks_.after(*task)) all.push_back(task);
  return all;
}

// -- time --

Instant Loop::clock() const noexcept {
  return options_.virtual_time ? virtual_now_ : std::chrono::steady_clock::now();
}

Instant Loop::refresh_now() noexcept {
  now_ = clock();
  now_valid_ = true;
  return now_;
}

Instant Loop::deadline_after(Duration length) noexcept {
  if (options_.virtual_time || length < std::chrono::seconds(1)) return later(clock(), length);
  timespec coarse;
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
  const Instant start(std::chrono::seconds(coarse.tv_sec) + Duration(coarse.tv_nsec));
  return later(now_valid_ ? std::max(start, now_) : start, length);
}

// -- diagnosis --

Stats Loop::stats() const {
  Stats stats = stats_;
  stats.tasks = task_count_;
  stats.in_flight = in_flight_;
  stats.queued = waiting_.count();
  stats.timers = timers_.size();
  stats.submitted = ring_.pushed();
  for (const auto& service : services_) service->add_to(stats);
  return stats;
}

void Loop::report(const ExceptionReport& report) noexcept {
  if (handler_) {
    try {
      handler_(report);
      return;
    } catch (...) {  // B8: a handler that throws is replaced, and never ends the loop
    }
  }
  print_report(report);
}

void Loop::report_to(Loop* loop, const ExceptionReport& report) noexcept {
  for (Loop* alive = loops_of_thread; alive; alive = alive->next_on_thread_) {
    if (alive == loop) {
      loop->report(report);
      return;
    }
  }
  print_report(report);
}

void Loop::check_thread() const {
  if (thread_ != std::this_thread::get_id()) {
    throw UsageError("a loop was used from another thread than its own: use post() or run_from_thread()");
  }
  if (process_ != ::getpid()) throw UsageError("a loop was used after fork(), in the child");
}

void Loop::check_open() const {
  if (closed_) throw UsageError("the loop is closed");
}

void Loop::throw_no_loop() { throw UsageError("no loop is running on this thread"); }

}  // namespace eddy
