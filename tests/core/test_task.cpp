#include "support/run.hpp"
#include "support/tracker.hpp"

#include <array>
#include <memory>

namespace {

using namespace eddy;
using test::Tracker;
using test::wait_until_done;

// F01
TEST(Task, RunsNothingUntilItIsAwaited) {
  test::run([&]() -> Task<> {
    test::Log log;
    const auto work = [&]() -> Task<int> {
      log("body");
      co_return 1;
    };
    auto task = work();
    log("made");
    EXPECT_EQ(co_await std::move(task), 1);
    EXPECT_EQ(log.text(), "made body");
  });
}

Task<int> chain(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await chain(depth - 1);
}

// F01
TEST(Task, TakesNoTurnForAChainOfAwaits) {
  test::run([&]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await chain(100), 100);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

TEST(Task, IsAwaitedOnce) {
  test::run([&]() -> Task<> {
    auto task = chain(0);
    co_await std::move(task);
    EXPECT_THROW(co_await std::move(task), UsageError);
    auto moved = std::move(task);
    EXPECT_FALSE(task.valid());
    EXPECT_THROW(co_await std::move(task), UsageError);
    EXPECT_THROW(spawn(std::move(task)), UsageError);
    static_cast<void>(moved);
  });
}

TEST(Task, ReturnsReferencesAndMoveOnlyValues) {
  test::run([&]() -> Task<> {
    int value = 3;
    const auto reference = [&]() -> Task<int&> { co_return value; };
    (co_await reference()) = 4;
    EXPECT_EQ(value, 4);
    const auto unique = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    EXPECT_EQ(*co_await unique(), 7);
    auto handle = spawn(unique());
    EXPECT_EQ(*co_await handle, 7);
    auto other = spawn(reference());
    EXPECT_EQ(&co_await other, &value);
    EXPECT_EQ(&other.result(), &value);
  });
}

TEST(Task, PassesExceptionsOfAnyTypeThrough) {
  test::run([&]() -> Task<> {
    const auto throws = []() -> Task<> {
      throw 42;
      co_return;
    };
    const auto middle = [&]() -> Task<> { co_await throws(); };
    try {
      co_await middle();
      ADD_FAILURE() << "no exception";
    } catch (int number) {
      EXPECT_EQ(number, 42);
    }
  });
}

// F01: void, large, move-only: whatever fits into a frame
TEST(Task, ReturnsNothingAndWhatIsLarge) {
  test::run([&]() -> Task<> {
    using Large = std::array<int, 5000>;
    const auto large = [](int last) -> Task<Large> {
      Large all{};
      all.back() = last;
      co_return all;
    };
    EXPECT_EQ((co_await large(3)).back(), 3);
    auto spawned = spawn(large(4));
    EXPECT_EQ((co_await spawned).back(), 4);
    EXPECT_EQ(spawned.result().back(), 4);
    bool ran = false;
    const auto nothing = [&]() -> Task<> {
      ran = true;
      co_return;
    };
    co_await nothing();
    EXPECT_TRUE(ran);
  });
}

struct MoveThrows {
  explicit MoveThrows(int) {}
  MoveThrows(MoveThrows&&) : tracker() { throw std::range_error("move"); }
  Tracker tracker;
};

TEST(Task, PassesOnWhatTheMoveOfItsValueThrows) {
  test::run([&]() -> Task<> {
    const auto work = []() -> Task<MoveThrows> { co_return 1; };
    EXPECT_THROW(static_cast<void>(co_await work()), std::range_error);
    auto task = spawn(work());
    EXPECT_THROW(static_cast<void>(co_await task), std::range_error);
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(Tracker::alive, 0);
  });
}

TEST(Task, PassesTheVeryExceptionThroughFramesAndTasks) {
  test::run([&]() -> Task<> {
    struct Mine : std::runtime_error {
      using std::runtime_error::runtime_error;
    };
    const void* thrown = nullptr;
    const auto throws = [&]() -> Task<> {
      co_await yield();
      try {
        throw Mine("mine");
      } catch (const Mine& mine) {
        thrown = &mine;
        throw;
      }
    };
    const auto middle = [&]() -> Task<int> {
      co_await throws();
      co_return 1;
    };
    auto inner = spawn(middle());
    auto outer = spawn([&]() -> Task<> { co_await inner; });
    for (int i = 0; i < 2; ++i) {
      try {
        co_await outer;
        ADD_FAILURE() << "no exception";
      } catch (const Mine& mine) {
        EXPECT_EQ(&mine, thrown);
      }
    }
  });
}

// C12: there is no exception that a task keeps to itself, whatever its type
TEST(Task, OfMainPassesAnyExceptionOutOfRun) {
  struct NotAnException {};
  const auto main = []() -> Task<> {
    co_await yield();
    throw NotAnException();
  };
  EXPECT_THROW(test::run(main), NotAnException);
  const auto cancelled = []() -> Task<> {
    this_task().cancel();
    co_await yield();
  };
  EXPECT_THROW(test::run(cancelled), Cancelled);
}

TEST(Task, DropsItsArgumentsWhenItIsDropped) {
  const auto work = [](Tracker) -> Task<> { co_return; };
  {
    auto task = work(Tracker());
    EXPECT_EQ(Tracker::alive, 1);
    auto other = std::move(task);
    EXPECT_EQ(Tracker::alive, 1);
    other = work(Tracker());
    EXPECT_EQ(Tracker::alive, 1) << "an assignment drops what was there";
  }
  EXPECT_EQ(Tracker::alive, 0);
}

TEST(Task, DropsItsLocalsWhereverItEnds) {
  test::run([&]() -> Task<> {
    const auto work = [](bool waits, bool throws) -> Task<int> {
      const Tracker local(1);
      if (waits) co_await yield();
      if (throws) throw std::runtime_error("thrown");
      co_return local.number();
    };
    for (const bool waits : {false, true}) {
      EXPECT_EQ(co_await work(waits, false), 1);
      EXPECT_THROW(co_await work(waits, true), std::runtime_error);
      EXPECT_EQ(Tracker::alive, 0);
    }
    auto task = spawn(work(true, false));
    co_await yield();
    EXPECT_EQ(Tracker::alive, 1);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_EQ(Tracker::alive, 0);
  });
}

// F54
TEST(Task, IsNotKeptAliveByACatchOfStdException) {
  test::run([&]() -> Task<> {
    int attempts = 0;
    auto task = spawn([&]() -> Task<> {
      for (;;) {
        try {
          ++attempts;
          co_await sleep(1h);
        } catch (const std::exception&) {
        }
      }
    });
    co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(attempts, 1);
  });
}

}  // namespace
