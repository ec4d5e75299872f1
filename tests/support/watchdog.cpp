#include "support/watchdog.hpp"

#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/loop.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long usual_seconds = 180;
#elif defined(__has_feature)
constexpr long usual_seconds =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ? 180 : 60;
#else
constexpr long usual_seconds = 60;
#endif

// Seldom blocked and used by no test. The clock's time, not the processor's: who hangs may sleep.
const int alarm_signal = SIGRTMAX - 3;

char test_name[256];  // written before, for the handler

// One write(): what the handler says must come out whatever held the thread.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...) noexcept {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (size > 0) {
    static_cast<void>(!::write(2, line, std::min<std::size_t>(size, sizeof line - 1)));
  }
}

void say_what(const eddy::internal::Waiter* waiter) {
  if (!waiter) return say("    is ready, or runs\n");
  eddy::internal::WaitNote note;
  waiter->describe(note);
  say("    waits for %s\n", note.what.c_str());
}

void say_tasks(eddy::Loop& loop) {
  for (eddy::internal::TaskState* task : loop.tasks()) {
    const auto where = task->where();
    say("  task %llu \"%s\" of %s (%s:%u)%s\n", static_cast<unsigned long long>(task->id()),
        task->name().c_str(), where.function_name(), where.file_name(),
        static_cast<unsigned>(where.line()), task->running() ? ", which runs" : "");
    say_what(task->waiter());
  }
}

// The names of tasks may be in memory that the thread was about to allocate: if asking for them
// hangs as well, the second alarm ends the program.
void on_alarm(int) {
  say("\nhangs: %s\n", test_name);
  ::signal(SIGALRM, SIG_DFL);
  ::alarm(5);
  if (eddy::Loop* loop = eddy::internal::thread_state.loop) {
    const eddy::Stats stats = loop->stats();
    say("  %llu tasks, %llu timers, %llu operations in flight\n",
        static_cast<unsigned long long>(stats.tasks), static_cast<unsigned long long>(stats.timers),
        static_cast<unsigned long long>(stats.in_flight));
    say_tasks(*loop);
  } else {
    say("  outside of any loop\n");
  }
  std::abort();
}

// The alarm of the thread that runs the tests. A child of fork() has none.
class Watchdog : public testing::EmptyTestEventListener {
 public:
  static Watchdog& instance() {
    static Watchdog* const only = new Watchdog;  // gtest owns it once it listens
    return *only;
  }

  void allow(std::chrono::milliseconds time) {
    if (owner_ != ::getpid()) make_timer();
    itimerspec when{};
    when.it_value.tv_sec = time.count() / 1000;
    when.it_value.tv_nsec = time.count() % 1000 * 1'000'000;
    ::timer_settime(timer_, 0, &when, nullptr);
  }

 private:
  void OnTestStart(const testing::TestInfo& test) override {
    std::snprintf(test_name, sizeof test_name, "%s.%s", test.test_suite_name(), test.name());
    static const char* const seconds = std::getenv("EDDY_TEST_SECONDS");
    allow(std::chrono::seconds(seconds ? std::atol(seconds) : usual_seconds));
  }
  void OnTestEnd(const testing::TestInfo&) override { allow(std::chrono::seconds(0)); }

  void make_timer() {
    owner_ = ::getpid();
    struct sigaction action{};
    action.sa_handler = on_alarm;
    ::sigaction(alarm_signal, &action, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = alarm_signal;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) std::perror("timer_create");
  }

  pid_t owner_ = 0;
  timer_t timer_{};
};

[[maybe_unused]] const bool listening = [] {
  testing::UnitTest::GetInstance()->listeners().Append(&Watchdog::instance());
  return true;
}();

}  // namespace

void test::allow(std::chrono::milliseconds time) { Watchdog::instance().allow(time); }
