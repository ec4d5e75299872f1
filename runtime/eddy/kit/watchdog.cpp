#include <eddy/kit/watchdog.hpp>

#include <eddy/base/description.hpp>
#include <eddy/base/error.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/kit/internal/loop_probe.hpp>
#include <eddy/work/internal/signals_blocked.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace eddy {
using namespace internal;
namespace {

constexpr Duration longest_rest = std::chrono::hours(1);

// Twice in each limit, in milliseconds, as poll(2) has it.
int rest_between_looks(Duration limit) noexcept {
  EDDY_ASSERT(limit > Duration::zero());
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(std::min(limit / 2, longest_rest));
  return std::max(static_cast<int>(rest.count()), 1);
}

void print(const HoldReport& report) noexcept {
  try {
    std::fprintf(stderr, "eddy: %s\n", to_text(report).c_str());
  } catch (...) {  // without memory, then
    std::fprintf(stderr, "eddy: a step holds the loop [%s]\n", report.name.c_str());
  }
}

}  // namespace

std::string to_text(const HoldReport& report) {
  std::string text(report.several ? "a turn of many steps" : report.task != 0 ? "a step"
                                                                              : "a callback");
  text += report.over ? " held the loop" : " holds the loop";
  if (!report.name.empty()) text += " [" + report.name + "]";
  if (report.task != 0) text += " (task " + std::to_string(report.task) + ")";
  if (!report.where.empty()) text += " of " + report.where;
  text += " for " + to_text(report.took);
  const bool on = !report.over;
  if (on && !report.system_call.empty()) text += ", in " + report.system_call;
  if (on && !report.function.empty()) text += ", on with " + report.function;
  return harmless(std::move(text));
}

// Of the thread. It has nothing in common with the loop but memory that it reads, and with whoever
// ends it an eventfd: a lock would be there for a child after fork() to hang on.
class internal::Watch {
 public:
  Watch(Loop& loop, Duration limit, Watchdog::Report report)
      : probe_(loop),
        holds_(limit),
        report_(std::move(report)),
        spin_(std::max(Duration(loop.options().spin), Duration::zero())),
        rest_(rest_between_looks(limit)),
        end_(sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!end_) throw Error(errno, "create an eventfd");
    const SignalsBlocked blocked;
    const int error = sys::pthread_create(&thread_, &run, this);
    if (error != 0) throw Error(error, "start the thread of a watchdog");
  }
  ~Watch() {
    if (process_ != process_mark) return;  // a child, without the thread
    EDDY_VERIFY(thread_ != ::pthread_self());  // a report destroys its own watchdog
    const std::uint64_t one = 1;
    static_cast<void>(!sys::write(end_.get(), &one, sizeof one));
    static_cast<void>(sys::pthread_join(thread_));
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  static void* run(void* watch) noexcept {
    sys::pthread_setname_np(::pthread_self(), "eddy-watchdog");
    static_cast<Watch*>(watch)->watch();
    return nullptr;
  }

  void watch() noexcept {
    pollfd end{.fd = end_.get(), .events = POLLIN, .revents = 0};
    bool there = true;
    for (;;) {
      if (sys::poll(&end, 1, there ? rest_ : -1) > 0) return;
      there = look();
    }
  }

  // False when there is no loop any more.
  bool look() noexcept {
    const auto seen = probe_.look();
    const LoopLook now = seen.value_or(LoopLook{});
    const auto ended = holds_.see(now, sys::now());
    if (ended) tell_end(*ended);
    const Duration grace = now.task == 0 ? spin_ : Duration::zero();
    if (const auto hold = holds_.due(sys::now(), grace)) tell(*hold, now);
    return seen.has_value();
  }

  // Only if all that was asked of the task is of one step.
  void tell(const Holds::Hold& hold, const LoopLook& look) noexcept {
    EDDY_ASSERT(look.busy);
    HoldReport report{.took = hold.took, .several = hold.several};
    try {
      describe(look, report);
    } catch (const std::bad_alloc&) {  // as much as there is memory for
    }
    if (probe_.look() != look) return;
    holds_.reported(hold);
    last_ = std::move(report);
    call_report();
  }

  void describe(const LoopLook& look, HoldReport& report) const {
    const auto call = probe_.blocked_in();  // first: what follows takes longer
    TaskSeen task = probe_.task(look.task);
    report.task = task.id;
    report.name = std::move(task.name);
    report.where = std::move(task.where);
    report.function = std::move(task.function);
    if (call) report.system_call = call->to_text();
  }

  void tell_end(const Holds::Hold& hold) noexcept {
    EDDY_ASSERT(!last_.over);
    EDDY_ASSERT(hold.took >= last_.took);
    last_.took = hold.took;
    last_.over = true;
    call_report();
  }

  void call_report() noexcept {
    if (report_) {
      try {
        report_(last_);
        return;
      } catch (...) {  // as a loop's handler that throws
      }
    }
    print(last_);
  }

  LoopProbe probe_;
  Holds holds_;
  Watchdog::Report report_;
  Duration spin_;  // so long a loop may be busy without a step
  int rest_;
  UniqueFd end_;
  HoldReport last_;
  std::uint32_t process_ = process_mark;
  pthread_t thread_;
};

Watchdog::Watchdog(Loop& loop, WatchdogOptions options, Report report) {
  const Duration limit = options.limit;
  if (limit <= Duration::zero()) throw UsageError("a watchdog needs a limit longer than nothing");
  watch_ = std::make_unique<Watch>(loop, limit, std::move(report));
}

Watchdog::~Watchdog() = default;

}  // namespace eddy
