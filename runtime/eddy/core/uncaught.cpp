// What run() throws, and nobody catches.
#include <eddy/core/internal/loop_signals.hpp>
#include <eddy/core/loop.hpp>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>

namespace eddy {
using namespace internal;
namespace {

// Of this thread: the report of what run() is throwing.
constinit thread_local const ExceptionReport* thrown = nullptr;
constinit thread_local std::uint64_t thrown_by = 0;  // 0: by Ctrl-C, of which nothing is told
constinit std::atomic<std::terminate_handler> others = nullptr;  // the program's own

// The stack is still there: nothing was unwound.
[[noreturn]] void tell_and_terminate() {
  if (thrown && thrown_by == 0) SignalRegistry::act_by_default(SIGINT);
  if (thrown) Loop::report_to(thrown_by, *std::exchange(thrown, nullptr));
  if (const auto other = others.load()) other();
  std::abort();
}

// Alive for as long as nobody was found who catches. Threads may do this at once: then one of them
// may end without its report.
class Telling {
 public:
  Telling(std::uint64_t loop, const ExceptionReport& report) noexcept {
    thrown = &report;
    thrown_by = loop;
    const auto before = std::get_terminate();
    if (before != &tell_and_terminate) others = before;  // first: another thread puts it back
    std::set_terminate(&tell_and_terminate);
  }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;
  ~Telling() {
    thrown = nullptr;
    if (std::get_terminate() == &tell_and_terminate) std::set_terminate(others);
  }
};

}  // namespace

void TaskState::rethrow_from_run() {
  if (state_ == State::value) return;
  const ExceptionReport report{.message = "nobody caught what the main task ended with",
                               .exception = exception_,
                               .task = name_or_nothing(),
                               .where = where_};
  const Telling telling(loop_id_, report);
  throw_outcome();
}

void internal::throw_keyboard_interrupt() {
  const ExceptionReport report{.message = "interrupted by SIGINT"};
  const Telling telling(0, report);
  throw KeyboardInterrupt("SIGINT");
}

}  // namespace eddy
