// How long the steps of a loop take: for debug mode and for the histograms of Stats. With neither
// of them, nothing here runs.
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/loop.hpp>

namespace eddy {
using namespace internal;
namespace {

std::uint64_t nanoseconds(Duration length) noexcept {
  EDDY_ASSERT(length >= Duration::zero());
  return static_cast<std::uint64_t>(length.count());
}

}  // namespace

void Loop::set_debug(bool on) noexcept {
  debug_ = on;
  timed_ = debug_ || options_.histograms;
}

void Loop::run(Ready& ready) noexcept {
  if (ready.is_task_step()) {
    static_cast<TaskState&>(ready).resume();
  } else {
    ready.run();
  }
}

// One reading of the clock a step: where one ends the next begins.
void Loop::run_timed(Ready& ready) {
  if (!options_.histograms) return run_debugged(ready);
  if (timing_.turn != stats_.turns) {
    const Instant now = sys::now();
    timing_ = {.turn = stats_.turns, .turn_began = now, .step_began = now};
  }
  const bool last = !more_ready_;
  ++timing_.steps;
  if (debug_) {
    run_debugged(ready);
  } else {
    run(ready);
  }
  const Instant end = sys::now();
  stats_.step_ns.add(nanoseconds(end - timing_.step_began));
  timing_.step_began = end;
  if (!last) return;
  stats_.turn_ns.add(nanoseconds(end - timing_.turn_began));
  stats_.queue_length.add(timing_.steps);
}

// B1: names the task whose step held the loop. Its state may be gone after the step.
void Loop::run_debugged(Ready& ready) {
  const TaskState* task = TaskState::from(ready);
  const std::string name = task ? task->name_or_nothing() : "callback";
  const auto where = task ? task->where() : std::source_location();
  const Instant start = sys::now();
  run(ready);
  const Duration took = sys::now() - start;
  if (took < Duration(options_.slow_step)) return;
  report({.message = "a step held the loop", .task = name, .where = where, .took = took});
}

}  // namespace eddy
