#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <set>
#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;
using test::wait_until_done;

Generator<int> count_to(Log& log, int last, Duration pause = 0ms) {
  for (int i = 1; i <= last; ++i) {
    if (pause > 0ms) co_await sleep(pause);
    log("produce" + std::to_string(i));
    co_yield i;
  }
}

// F60, F61: lazy, in turns with its consumer
TEST(Generator, RunsOnlyWhileItsConsumerWaits) {
  test::run([]() -> Task<> {
    Log log;
    auto numbers = count_to(log, 2);
    log("made");
    while (auto number = co_await numbers.next()) log("consume" + std::to_string(*number));
    EXPECT_EQ(log.text(), "made produce1 consume1 produce2 consume2");
    EXPECT_FALSE(co_await numbers.next()) << "it stays at its end";
  });
}

// L5
TEST(Generator, TakesNoTurnForAValueThatNeedsNoWaiting) {
  test::run([]() -> Task<> {
    Log log;
    auto numbers = count_to(log, 3);
    const auto turns = Loop::current().stats().turns;
    int sum = 0;
    while (auto number = co_await numbers.next()) sum += *number;
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// F60
TEST(Generator, WaitsBetweenItsValues) {
  test::run([]() -> Task<> {
    Log log;
    auto numbers = count_to(log, 3, 2ms);
    const Instant start = Loop::current().now();
    int count = 0;
    while (co_await numbers.next()) ++count;
    EXPECT_EQ(count, 3);
    EXPECT_EQ(Loop::current().now() - start, 6ms);
  });
}

// F60: once, then it is at its end
TEST(Generator, ThrowsWhatItsBodyThrowsOnce) {
  test::run([]() -> Task<> {
    const auto broken = []() -> Generator<int> {
      co_yield 1;
      throw std::runtime_error("x");
    };
    auto numbers = broken();
    EXPECT_EQ(co_await numbers.next(), 1);
    EXPECT_THROW(co_await numbers.next(), std::runtime_error);
    EXPECT_FALSE(co_await numbers.next());
  });
}

// F60: cancelling the consumer cancels what the body waits for, and ends it
TEST(Generator, IsCancelledWithItsConsumer) {
  test::run([]() -> Task<> {
    Log log;
    const auto waits = [&]() -> Generator<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled& cancelled) {
        log(std::string(cancelled.message()));
        throw;
      }
      co_yield 1;
    };
    auto numbers = waits();
    auto task = spawn([&]() -> Task<> { co_await numbers.next(); });
    co_await yield();
    EXPECT_TRUE(task.cancel("enough"));
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(log.text(), "enough");
    EXPECT_FALSE(co_await numbers.next());
  });
}

// C2: a pending request is delivered by the first wait in the body, and not by the values before
TEST(Generator, DeliversAPendingCancelWhereItWaits) {
  test::run([]() -> Task<> {
    const auto mixed = []() -> Generator<int> {
      co_yield 1;
      co_await yield();
      co_yield 2;
    };
    auto task = spawn([&]() -> Task<> {
      auto numbers = mixed();
      this_task().cancel();
      EXPECT_EQ(co_await numbers.next(), 1);
      co_await numbers.next();
      ADD_FAILURE() << "the cancel was lost";
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

// F62: the cleanup runs at the yield, and may wait
TEST(Generator, CleansUpWhenItIsClosed) {
  test::run([]() -> Task<> {
    Log log;
    const auto numbers_until_closed = [&]() -> Generator<int> {
      bool closed = false;
      try {
        for (int i = 0;; ++i) co_yield i;
      } catch (const GeneratorExit&) {
        closed = true;
      }
      co_await sleep(1ms);
      log(closed ? "cleaned" : "ended");
    };
    auto numbers = numbers_until_closed();
    co_await numbers.next();
    co_await numbers.aclose();
    EXPECT_EQ(log.text(), "cleaned");
    EXPECT_FALSE(co_await numbers.next());
    co_await numbers.aclose();
  });
}

// F62
TEST(Generator, ClosesAtOnceWhatNeverStartedOrHasEnded) {
  test::run([]() -> Task<> {
    Log log;
    const auto turns = Loop::current().stats().turns;
    auto unstarted = count_to(log, 2);
    co_await unstarted.aclose();
    EXPECT_FALSE(co_await unstarted.next());
    auto ended = count_to(log, 0);
    EXPECT_FALSE(co_await ended.next());
    co_await ended.aclose();
    EXPECT_EQ(log.text(), "");
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// F62
TEST(Generator, MustNotYieldWhileItIsClosed) {
  test::run([]() -> Task<> {
    const auto stubborn = []() -> Generator<int> {
      for (int i = 0; i < 2; ++i) {
        try {
          co_yield i;
        } catch (const GeneratorExit&) {
        }
      }
    };
    auto numbers = stubborn();
    co_await numbers.next();
    EXPECT_THROW(co_await numbers.aclose(), UsageError);
  });
}

// F62: what the cleanup throws
TEST(Generator, ThrowsWhatItsCleanupThrows) {
  test::run([]() -> Task<> {
    const auto fails_to_close = []() -> Generator<int> {
      try {
        co_yield 1;
      } catch (const GeneratorExit&) {
        throw std::runtime_error("cleanup");
      }
    };
    auto numbers = fails_to_close();
    co_await numbers.next();
    EXPECT_THROW(co_await numbers.aclose(), std::runtime_error);
  });
}

// F65: one consumer at a time
TEST(Generator, RefusesASecondConsumer) {
  test::run([]() -> Task<> {
    Log log;
    auto numbers = count_to(log, 1, 5ms);
    auto first = spawn([&]() -> Task<> { co_await numbers.next(); });
    co_await yield();
    EXPECT_THROW(co_await numbers.next(), UsageError);
    EXPECT_THROW(co_await numbers.aclose(), UsageError);
    co_await first;
    auto moved = std::move(numbers);
    EXPECT_THROW(co_await numbers.next(), UsageError);
    EXPECT_FALSE(co_await moved.next());
  });
}

// F62, F64, R4: dropped half-way: the loop closes it, in a task of its own
TEST(Generator, IsClosedByTheLoopWhenItIsDropped) {
  const int alive = Tracker::alive;
  Log log;
  const auto holds = [&]() -> Generator<int> {
    Tracker resource;
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
    }
    co_await sleep(1ms);
    log("closed");
  };
  test::run([&]() -> Task<> {
    {
      auto numbers = holds();
      co_await numbers.next();
    }
    co_await sleep(2ms);
    EXPECT_EQ(log.text(), "closed");
    EXPECT_EQ(Tracker::alive, alive);
    auto numbers = holds();
    co_await numbers.next();  // dropped when run ends
  });
  EXPECT_EQ(log.text(), "closed closed") << "at the latest when the loop closes";
  EXPECT_EQ(Tracker::alive, alive);
}

// B6, R4: what its cleanup throws then is reported, once
TEST(Generator, ReportsWhatItsCleanupThrowsWhenItIsDropped) {
  const auto fails_to_close = []() -> Generator<int> {
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
      throw std::runtime_error("cleanup");
    }
  };
  for (const bool at_the_end : {false, true}) {
    int reports = 0;
    Loop loop(test::options());
    loop.on_exception([&](const ExceptionReport& report) {
      EXPECT_EQ(report.task, "abandoned generator");
      ++reports;
    });
    const auto main = [&]() -> Task<> {
      auto numbers = fails_to_close();
      co_await numbers.next();
      if (at_the_end) co_return;
      auto dropped = std::move(numbers);
    };
    loop.run(main());
    loop.close();
    EXPECT_EQ(reports, 1);
  }
}

// F02, R4: its consumer waits in it while the loop closes
TEST(Generator, EndsWithItsLoop) {
  Log log;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> {
      auto numbers = count_to(log, 1, 1h);
      co_await numbers.next();
      ADD_FAILURE() << "it went on";
    });
    co_await test::settle();
  });
  EXPECT_EQ(log.text(), "");
}

// F63: closing the outer closes the inner where that is in a closing()
TEST(Generator, DelegatesToAnother) {
  test::run([]() -> Task<> {
    Log log;
    const auto inner = [&]() -> Generator<int> {
      try {
        for (int i = 0;; ++i) co_yield i;
      } catch (const GeneratorExit&) {
        log("inner");
      }
    };
    const auto outer = [&]() -> Generator<int> {
      auto source = inner();
      bool closed = false;
      try {
        while (auto number = co_await source.next()) co_yield *number * 10;
      } catch (const GeneratorExit&) {
        closed = true;
      }
      co_await source.aclose();
      log(closed ? "outer" : "end");
    };
    auto numbers = outer();
    co_await numbers.next();
    EXPECT_EQ(co_await numbers.next(), 10);
    co_await numbers.aclose();
    EXPECT_EQ(log.text(), "inner outer");
  });
}

// F64: an early end releases what the generator holds
TEST(Generator, ReleasesAFileWhenItIsClosed) {
  test::Directory directory;
  directory.write("a", "one\ntwo\nthree\n");
  const auto before = test::open_descriptors();
  const auto lines = [&]() -> Generator<std::string> {
    File file = co_await open(directory.path("a"));
    bool more = true;
    std::string line;
    while (more && co_await file.readline_into(line)) {
      try {
        co_yield line;
      } catch (const GeneratorExit&) {
        more = false;
      }
    }
    co_await file.close();
  };
  std::size_t open_meanwhile = 0;
  test::run([&]() -> Task<> {
    const auto outside = test::open_descriptors();
    const std::string second = co_await closing(lines(), [&](auto& g) -> Task<std::string> {
      co_await g.next();
      open_meanwhile = test::open_descriptors() - outside;
      auto line = co_await g.next();
      co_return *line;
    });
    EXPECT_EQ(second, "two\n");
    EXPECT_EQ(test::open_descriptors(), outside);
  });
  EXPECT_EQ(open_meanwhile, 1u);
  EXPECT_EQ(test::open_descriptors(), before);
}

// L5: millions of values do not grow the stack
TEST(Generator, StaysFlatOverAMillionValues) {
  test::run([]() -> Task<> {
    const auto many = []() -> Generator<int> {
      for (int i = 0; i < 1'000'000; ++i) co_yield i;
    };
    auto numbers = many();
    long sum = 0;
    while (auto number = co_await numbers.next()) sum += *number;
    EXPECT_EQ(sum, 999'999L * 1'000'000 / 2);
  });
}

TEST(Generator, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  const auto numbers = []() -> Generator<int> {
    for (int i = 0; i < 10; ++i) {
      if (i % 3 == 0) co_await yield();
      co_yield i;
    }
  };
  const auto consume = [&]() -> Task<> {
    auto all = numbers();
    int sum = 0;
    while (auto number = co_await all.next()) sum += *number;
    EXPECT_EQ(sum, 45);
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(consume()); }), 0u);
}

}  // namespace
