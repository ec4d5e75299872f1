// What a loop tells about itself: when it is due, in numbers, and when something is wrong.
#include <eddy/base/description.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace eddy {
using namespace internal;
namespace {

void print_report(const ExceptionReport& report) noexcept {
  try {
    std::fprintf(stderr, "eddy: %s\n", to_text(report).c_str());
  } catch (...) {  // without memory, then
    std::fprintf(stderr, "eddy: %.*s [%s]\n", static_cast<int>(report.message.size()),
                 report.message.data(), report.task.c_str());
  }
}

}  // namespace

std::string to_text(const ExceptionReport& report) {
  std::string text(report.message);
  if (!report.task.empty()) text.append(" [").append(report.task).append("]");
  if (report.where.line() != 0) text.append(" in ").append(to_text(report.where));
  if (report.took > Duration::zero()) text.append(" for ").append(to_text(report.took));
  if (report.exception) text.append(": ").append(to_text(report.exception));
  return text;
}

int Loop::fd() {
  check_thread();
  check_open();
  if (!signal_) {
    // Readable: turn once to begin with.
    UniqueFd signal(sys::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!signal) throw Error(errno, "create an eventfd");
    const int result = ring_.kernel().register_eventfd(signal.get());
    if (result < 0) throw Error(-result, "register an eventfd with the ring");
    signal_ = std::move(signal);
    posts_.tell(signal_.get());
  }
  return signal_.get();
}

std::optional<Instant> Loop::deadline() {
  // One enter runs at most 20 deferred completions (6.13), and the rest is signalled no more.
  const bool kernel_has_more = ring_.unsubmitted() || backlog_ || ring_.work_pending();
  if (!ready_.empty() || posts_.pending() || kernel_has_more) return clock();
  if (timers_.empty() || timers_.next() == Instant::max()) return std::nullopt;
  return std::max(timers_.next(), Instant());  // so that nobody's `deadline - now` overflows
}

// The coarse clock is that of the last tick, and a tick may be late: where a hypervisor holds the
// processor that keeps time, by any length. So it is compared with what this turn knows.
Instant Loop::rough_deadline_after(AnyDuration length) noexcept {
  if (length < rough_from_) return deadline_after(length);
  timespec coarse;
  sys::clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
  const Instant tick(std::chrono::seconds(coarse.tv_sec) + Duration(coarse.tv_nsec));
  const Instant start = tick + coarse_lag_;
  if (start < now()) [[unlikely]] return deadline_after(length);
  return later(start, length);
}

// Two ticks, however long this kernel's are: 20 ms where HZ is 100.
Duration Loop::coarse_lag() noexcept {
  timespec tick{};
  sys::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return 2 * (std::chrono::seconds(tick.tv_sec) + Duration(tick.tv_nsec));
}

std::vector<TaskState*> Loop::tasks() {
  std::vector<TaskState*> all;
  all.reserve(task_count_);
  for (auto* list : {&asked_, &tasks_}) {
    for (TaskState* task = list->front(); task; task = list->after(*task)) all.push_back(task);
  }
  return all;
}

Stats Loop::stats() const {
  Stats stats = stats_;
  stats.tasks = task_count_;
  stats.in_flight = in_flight();
  stats.queued = waiting_.count();
  stats.timers = timers_.size();
  stats.submitted = ring_.pushed();  // more than have completed, or fewer: some complete often
  for (const auto& entry : services_) entry.service->add_to(stats);
  return stats;
}

// R5: for a program that nobody wants to build anew.
bool Loop::debug_by_environment() noexcept {
  const char* value = sys::secure_getenv("EDDY_DEBUG");
  return value && std::string_view(value) == "1";
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

void Loop::report_to(std::uint64_t id, const ExceptionReport& report) noexcept {
  if (Loop* loop = of_thread(id)) {
    loop->report(report);
  } else {
    print_report(report);
  }
}

void Loop::check_thread() const {
  if (thread_ != std::this_thread::get_id()) {
    throw UsageError(
        "a loop was used from another thread than its own: use post() or run_from_thread()");
  }
  if (process_ != sys::getpid()) throw UsageError("a loop was used after fork(), in the child");
}

void Loop::check_open() const {
  if (closed_) throw UsageError("the loop is closed");
}

void Loop::woken_by_another_thread(Ready& ready) noexcept {
  const TaskState* task = TaskState::from(ready);
  try {
    const std::string who = task ? name_and_place(*task) : "a callback";
    std::fprintf(stderr, "eddy: %s was woken from another thread than its loop's: use post()\n",
                 who.c_str());
  } catch (...) {  // without memory, then
    std::fprintf(stderr, "eddy: a loop's task was woken from another thread: use post()\n");
  }
  std::abort();
}

void Loop::throw_no_loop() {
  if (thread_state.task) throw UsageError("a loop was used after fork(), in the child");
  throw UsageError("no loop is running on this thread");
}

}  // namespace eddy
