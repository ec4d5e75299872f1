// What a loop tells about itself: in numbers, and when something is wrong.
#include <eddy/base/description.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>

#include <cstdio>
#include <cstdlib>

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

std::vector<TaskState*> Loop::tasks() {
  std::vector<TaskState*> all;
  all.reserve(task_count_);
  for (auto* list : {&asked_, &tasks_}) {
    for (TaskState* task = list->front(); task; task = list->after(*task)) all.push_back(task);
  }
  EDDY_ASSERT(all.size() == task_count_);
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

TaskCounts Loop::count_tasks() noexcept {
  TaskCounts counts;
  for (auto* list : {&asked_, &tasks_}) {
    for (TaskState* task = list->front(); task; task = list->after(*task)) {
      ++(task->waiter() ? counts.waiting : task->in_step() ? counts.running : counts.ready);
    }
  }
  EDDY_ASSERT(counts.waiting + counts.running + counts.ready == task_count_);
  return counts;
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
