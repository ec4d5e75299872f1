// The k-th allocation fails, for every k: std::bad_alloc comes out of the call, nothing is lost or
// leaked, the loop goes on, and nobody waits for ever.
#include "support/failing_memory.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <array>
#include <new>
#include <thread>

namespace {

using namespace eddy;

constexpr const char* long_name = "a name that is too long to be kept in the object itself";

// A loop whose reports are counted, not printed: they may be what has no memory.
class Memory : public ::testing::Test {
 protected:
  // Calls `body(loop, memory)` for every allocation that can fail in it; what is left must end.
  template <class F>
  void sweep(F&& body) {
    const int alive = test::Tracker::alive;
    const auto failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
      {
        Loop loop(test::options());
        loop.on_exception([this](const ExceptionReport&) { ++reports; });
        body(loop, memory);
        memory.disarm();
        for (int i = 0; i < 5; ++i) loop.turn();
        int more = 0;
        loop.run([&more]() -> Task<> {
          co_await spawn(test::settle(2));
          ++more;
        }());
        EXPECT_EQ(more, 1) << "the loop goes on";
        loop.close();
      }
      EXPECT_EQ(test::Tracker::alive, alive);
    });
    EXPECT_GT(failed, 0u) << "nothing was allocated";
  }

  template <class F>
  static bool has_memory_for(test::FailingMemory& memory, F&& call) {
    bool done = true;
    memory.arm();
    try {
      call();
    } catch (const std::bad_alloc&) {
      done = false;
    }
    memory.disarm();
    EXPECT_EQ(done, !memory.failed());
    return done;
  }

  int reports = 0;
};

Task<int> holds(test::Tracker tracker) {
  co_await yield();
  co_return tracker.number();
}

TEST_F(Memory, OfASpawnedTaskIsAllOrNothing) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    JoinHandle<int> handle;
    const bool done = has_memory_for(memory, [&] {
      handle = loop.spawn(holds(test::Tracker(7)), {.name = long_name});
    });
    EXPECT_EQ(handle.valid(), done);
    EXPECT_EQ(loop.stats().tasks, done ? 1u : 0u);
    for (int i = 0; i < 3; ++i) loop.turn();
    if (done) {
      EXPECT_EQ(handle.result(), 7);
    }
  });
}

TEST_F(Memory, OfATaskThatSpawnsAndJoinsIsAllOrNothing) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    loop.run([](test::FailingMemory& failing) -> Task<> {
      failing.arm();
      int sum = 0;
      try {
        auto named = [tracker = test::Tracker(3)]() -> Task<int> { co_return tracker.number(); };
        auto first = spawn(named, {.name = long_name});
        auto second = spawn(holds(test::Tracker(4)), {.name = long_name, .eager = true});
        first.set_name(long_name);
        sum = co_await first + co_await second;
      } catch (const std::bad_alloc&) {
        sum = -1;
      }
      failing.disarm();
      EXPECT_EQ(sum, failing.failed() ? -1 : 7);
    }(memory));
  });
}

TEST_F(Memory, OfACallbackLeavesTheTaskAlone) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    auto handle = loop.spawn(holds(test::Tracker(1)));
    int called = 0;
    std::array<char, 100> large{};
    const bool done = has_memory_for(memory, [&] {
      handle.on_done([&called, large](const TaskHandle&) { called += 1 + large[0]; });
    });
    while (!handle.done()) loop.turn();
    loop.turn();
    EXPECT_EQ(called, done ? 1 : 0);
  });
}

TEST_F(Memory, OfACancelIsAllOrNothing) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    auto handle = loop.spawn(holds(test::Tracker(1)));
    const bool done = has_memory_for(memory, [&] { handle.cancel(long_name); });
    EXPECT_EQ(handle.cancelling(), done ? 1u : 0u);
  });
}

Task<> sleeps(Duration length) { co_await sleep(length); }

TEST_F(Memory, OfASleepIsAskedForBeforeItWaits) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    std::vector<JoinHandle<>> sleepers;
    for (int i = 0; i < 63; ++i) sleepers.push_back(loop.spawn(sleeps(1h)));
    loop.turn();
    auto tries = loop.spawn([](test::FailingMemory& failing) -> Task<int> {
      int failures = 0;
      for (int i = 0; i < 2; ++i) {
        auto other = spawn(sleeps(1s));
        co_await yield();
        failing.arm();
        try {
          co_await sleep(1s);
        } catch (const std::bad_alloc&) {
          ++failures;
        }
        failing.disarm();
        co_await other;
      }
      co_return failures;
    }(memory));
    for (int i = 0; i < 20000 && !tries.done(); ++i) loop.turn(1ms);
    EXPECT_TRUE(tries.done());
    EXPECT_EQ(tries.result(), memory.failed() ? 1 : 0);
  });
}

TEST_F(Memory, OfAContextVariableIsAllOrNothing) {
  static ContextVar<std::pair<test::Tracker, std::string>> first("first");
  static ContextVar<std::string> second("second", "none");
  sweep([](Loop& loop, test::FailingMemory& memory) {
    loop.run([](test::FailingMemory& failing) -> Task<> {
      auto outer = second.set("outer");
      failing.arm();
      try {
        auto tracked = first.set({test::Tracker(1), std::string(100, 'x')});
        auto inner = second.set(std::string(100, 'y'));
      } catch (const std::bad_alloc&) {
      }
      failing.disarm();
      EXPECT_EQ(second.get(), "outer");
      EXPECT_THROW(first.get(), UsageError);
      co_return;
    }(memory));
  });
}

TEST_F(Memory, OfWhatAnotherThreadRunsBringsAnErrorBack) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    std::future<int> future;
    const bool posted = has_memory_for(memory, [&] {
      future = run_from_thread(loop, holds(test::Tracker(5)));
    });
    EXPECT_EQ(future.valid(), posted);
    for (int i = 0; i < 5; ++i) loop.turn(1ms);
    if (posted) {
      EXPECT_EQ(future.get(), 5);
    }
  });
}

TEST_F(Memory, OfTheLoopThatRunsItForAnotherThreadBringsAnErrorBack) {
  sweep([this](Loop& loop, test::FailingMemory& memory) {
    auto future = run_from_thread(loop, holds(test::Tracker(5)));
    reports = 0;
    memory.arm();
    for (int i = 0; i < 5; ++i) loop.turn(1ms);
    memory.disarm();
    ASSERT_EQ(future.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    try {
      EXPECT_EQ(future.get(), 5);
      EXPECT_FALSE(memory.failed());
    } catch (const std::future_error&) {
      EXPECT_TRUE(memory.failed());
      EXPECT_EQ(reports, 1);
    }
  });
}

Task<> fails_when_asked() {
  static_cast<void>(co_await as_outcome(sleep(1h)));
  throw Error(EIO, "clean up", long_name);
}
Task<> fails_by_value() {
  co_await fail(Failure::error(EIO, "read", long_name));
}

TEST_F(Memory, OfClosingIsNotNeeded) {
  const auto failed = test::fail_each_allocation([this](test::FailingMemory& memory) {
    reports = 0;
    Loop loop(test::options());
    loop.on_exception([this](const ExceptionReport&) { ++reports; });
    auto kept = loop.spawn(fails_when_asked(), {.name = long_name});
    loop.spawn(fails_when_asked(), {.name = long_name});
    loop.turn();
    auto unstarted = loop.spawn(holds(test::Tracker(2)), {.name = long_name});
    memory.arm();
    loop.close();
    memory.disarm();
    EXPECT_TRUE(kept.done() && kept.exception());
    EXPECT_TRUE(unstarted.cancelled());
    EXPECT_EQ(reports, 2);
  });
  EXPECT_GT(failed, 0u);
  EXPECT_EQ(test::Tracker::alive, 0);
}

TEST_F(Memory, OfFailuresAndReportsIsNotNeeded) {
  sweep([](Loop& loop, test::FailingMemory& memory) {
    auto fails = loop.spawn(fails_by_value(), {.name = long_name});
    auto cancelled = loop.spawn(holds(test::Tracker(2)));
    cancelled.cancel(long_name);
    loop.spawn(fails_by_value(), {.name = long_name});
    memory.arm();
    loop.turn();
    memory.disarm();
    EXPECT_TRUE(fails.done() && fails.exception());
    EXPECT_TRUE(cancelled.cancelled());
  });
}

}  // namespace
