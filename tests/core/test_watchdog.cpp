#include "core/kernel.hpp"
#include "support/run.hpp"
#include "support/watchdog.hpp"

#include <signal.h>

namespace {

using namespace eddy;
using namespace eddy::internal;

Task<> only(Operation operation) { co_await operation; }

void hang_in_a_task() {
  test::allow(10ms);
  Loop loop;
  loop.run([]() -> Task<> {
    struct Never : Waiter {
      Never() : Waiter(kind<&Never::describe>) {}
      void describe(WaitNote& note) const { note.what = "nothing"; }
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> frame) { park(frame); }
      void await_resume() const {}
    };
    auto other = spawn([]() -> Task<> { co_await Never(); }(), {.name = "the other"});
    test::Pipe pipe;
    char byte;
    auto reader = spawn(only(test::read(pipe.out.get(), &byte, 1)), {.name = "reader"});
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
              "  3 tasks, 0 timers, .*\n.*\"main\".*\n.*waits for nothing\n"
              ".*\"the other\".*\n.*waits for nothing\n"
              ".*\"reader\".*\n    waits for read of descriptor ");
}

TEST(WatchdogDeathTest, EndsATestThatHangsOutsideOfALoop) {
  EXPECT_EXIT(hang_elsewhere(), testing::KilledBySignal(SIGABRT), "outside of any loop");
}

}  // namespace
