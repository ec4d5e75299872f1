#include "support/run.hpp"
#include "support/watchdog.hpp"

#include <signal.h>

namespace {

using namespace eddy;
using namespace eddy::internal;

void hang_in_a_task() {
  test::allow(10ms);
  Loop loop;
  loop.run([]() -> Task<> {
    struct Never : Waiter {
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> frame) { park(frame); }
      void await_resume() const {}
    };
    auto other = spawn([]() -> Task<> { co_await Never(); }(), {.name = "the other"});
    co_await Never();
  }());
}

void hang_elsewhere() {
  test::allow(10ms);
  for (;;) ::pause();
}

TEST(WatchdogDeathTest, NamesTheTestThatHangsAndTheTasksThatAreLeft) {
  EXPECT_EXIT(hang_in_a_task(), testing::KilledBySignal(SIGABRT),
              "hangs: WatchdogDeathTest.NamesTheTestThatHangsAndTheTasksThatAreLeft\n"
              "  2 tasks, 0 timers, .*\n.*\"main\".*\n.*\"the other\"");
}

TEST(WatchdogDeathTest, EndsATestThatHangsOutsideOfALoop) {
  EXPECT_EXIT(hang_elsewhere(), testing::KilledBySignal(SIGABRT), "outside of any loop");
}

}  // namespace
