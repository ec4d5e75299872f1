#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;
using test::wait_until_done;

// An alternative: takes so long, then succeeds with its number or fails.
struct Runner {
  Task<Tracker> operator()() const {
    const Instant start = Loop::current().now();
    (*log)(std::to_string(number) + "@" + std::to_string((start - began) / 1ms));
    const bool ended = co_await run();
    if (!ended) throw Error(number, "run");
    co_return Tracker(number);
  }
  // Waits once more when it is cancelled: whoever comes first waits for its end.
  Task<bool> run() const {
    auto slept = co_await as_outcome(sleep(takes));
    if (!slept) {
      co_await sleep(1ms);
      (*log)(std::to_string(number) + "-cancelled");
      co_await fail(std::move(slept.error()));
    }
    co_return succeeds;
  }
  Log* log;
  Instant began;
  int number;
  Duration takes;
  bool succeeds = true;
};

struct Race {
  Race& add(Duration takes, bool succeeds = true) {
    runners.push_back({&log, began, static_cast<int>(runners.size()) + 1, takes, succeeds});
    return *this;
  }
  Duration passed() const { return Loop::current().now() - began; }

  Log log;
  Instant began = Loop::current().now();
  std::vector<Runner> runners;
};

TEST(StaggeredRace, NeverCallsTheOthersWhenTheFirstIsInTime) {
  test::run([]() -> Task<> {
    Race race;
    race.add(9ms).add(1ms);
    const Tracker winner = co_await staggered_race(race.runners, 10ms);
    EXPECT_EQ(winner.number(), 1);
    EXPECT_EQ(race.log.text(), "1@0");
    EXPECT_EQ(race.passed(), 9ms);
  });
}

TEST(StaggeredRace, StartsOneMoreAfterEachHeadStart) {
  test::run([]() -> Task<> {
    Race race;
    race.add(100ms).add(100ms).add(5ms).add(1ms);
    const Tracker winner = co_await staggered_race(race.runners, 10ms);
    EXPECT_EQ(winner.number(), 3);
    EXPECT_EQ(race.log.text(), "1@0 2@10 3@20 1-cancelled 2-cancelled");
    EXPECT_EQ(race.passed(), 26ms) << "the others have ended";
  });
}

TEST(StaggeredRace, LetsAnEarlierOneWin) {
  test::run([]() -> Task<> {
    Race race;
    race.add(15ms).add(100ms).add(1ms);
    const Tracker winner = co_await staggered_race(race.runners, 10ms);
    EXPECT_EQ(winner.number(), 1);
    EXPECT_EQ(race.log.text(), "1@0 2@10 2-cancelled");
  });
}

TEST(StaggeredRace, GoesOnAtOnceWhenTheLastOneFailed) {
  test::run([]() -> Task<> {
    Race race;
    race.add(0ms, false).add(3ms, false).add(100ms).add(2ms);
    const Tracker winner = co_await staggered_race(race.runners, 10ms);
    EXPECT_EQ(winner.number(), 4);
    EXPECT_EQ(race.log.text(), "1@0 2@0 3@3 4@13 3-cancelled");
  });
}

TEST(StaggeredRace, KeepsTheHeadStartWhenAnEarlierOneFails) {
  test::run([]() -> Task<> {
    Race race;
    race.add(12ms, false).add(30ms, false).add(1ms);
    const Tracker winner = co_await staggered_race(race.runners, 10ms);
    EXPECT_EQ(winner.number(), 3);
    EXPECT_EQ(race.log.text(), "1@0 2@10 3@20 2-cancelled");
  });
}

TEST(StaggeredRace, RunsOneAfterTheOtherWithoutALimit) {
  test::run([]() -> Task<> {
    Race race;
    race.add(1h, false).add(1h, false).add(1h);
    const Tracker winner = co_await staggered_race(race.runners, Duration::max());
    EXPECT_EQ(winner.number(), 3);
    EXPECT_EQ(race.passed(), 3h);
  });
}

TEST(StaggeredRace, ThrowsEveryFailureInOrder) {
  test::run([]() -> Task<> {
    Race race;
    race.add(25ms, false).add(1ms, false).add(1ms, false);
    try {
      co_await staggered_race(race.runners, 10ms);
      ADD_FAILURE() << "no exception";
    } catch (const ExceptionGroup& group) {
      std::string order;
      for (const auto& exception : group.exceptions()) {
        order += std::to_string(Failure::from(exception).error_code().value());
      }
      EXPECT_EQ(order, "231");
      EXPECT_EQ(race.passed(), 25ms);
    }
    EXPECT_THROW(co_await staggered_race(std::vector<Runner>(), 10ms), UsageError);
  });
}

// Both end in one turn: one is given, the other destroyed.
TEST(StaggeredRace, DestroysTheSecondOfTwoWinners) {
  test::run([]() -> Task<> {
    Race race;
    race.add(20ms).add(10ms);
    {
      const Tracker winner = co_await staggered_race(race.runners, 10ms);
      EXPECT_TRUE(winner.number() == 1 || winner.number() == 2);
      EXPECT_EQ(Tracker::alive, 1);
    }
    EXPECT_EQ(Tracker::alive, 0);
  });
}

// C1, C3, C4: before it started, at each turn, and in that of the winner
TEST(StaggeredRace, LeavesNothingWhenItIsCancelled) {
  for (int turns = 0; turns < 40; ++turns) {
    test::run([&]() -> Task<> {
      Race race;
      race.add(20ms).add(5ms, false).add(5ms).add(0ms);
      auto racing = spawn(staggered_race(race.runners, 10ms));
      for (int i = 0; i < turns; ++i) {
        if (i % 2 == 0) co_await sleep(1ms);
        co_await yield();
      }
      const bool accepted = racing.cancel();
      co_await wait_until_done(racing);
      EXPECT_EQ(racing.cancelled(), accepted) << turns;
      EXPECT_EQ(Tracker::alive, accepted ? 0 : 1);
      EXPECT_EQ(Loop::current().stats().tasks, 1u) << "all have ended";
    });
    EXPECT_EQ(Tracker::alive, 0);
  }
}

TEST(StaggeredRace, EndsWithACancellationOfItsOwn) {
  test::run([]() -> Task<> {
    const auto stops = []() -> Task<int> {
      co_await sleep(1ms);
      throw Cancelled("by itself");
    };
    const std::vector both(2, stops);
    auto racing = spawn(staggered_race(both, 10ms));
    co_await wait_until_done(racing);
    EXPECT_TRUE(racing.cancelled());
    EXPECT_EQ(racing.cancelling(), 0u);
  });
}

// F02
TEST(StaggeredRace, EndsWithItsLoop) {
  Log log;
  test::run([&]() -> Task<> {
    std::vector<Runner> both(2, {&log, Loop::current().now(), 1, 1h});
    both[1].number = 2;
    spawn(staggered_race(both, 10ms));
    co_await sleep(15ms);
  });
  EXPECT_EQ(log.text(), "1@0 2@10 1-cancelled 2-cancelled");
  EXPECT_EQ(Tracker::alive, 0);
}

TEST(StaggeredRace, RacesTasksWithoutAValue) {
  test::run([]() -> Task<> {
    int ended = 0;
    const auto count = [&]() -> Task<> {
      co_await sleep(1ms);
      ++ended;
    };
    const std::vector both(2, count);
    co_await staggered_race(both, 10ms);
    EXPECT_EQ(ended, 1);
  });
}

}  // namespace
