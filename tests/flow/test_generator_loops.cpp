// A generator that is dropped half-way is closed by the loop on which it ran, wherever that
// happens.
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <optional>

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;

Generator<int> holds(Log& log, std::uint64_t& closed_on) {
  Tracker resource;
  try {
    co_yield 1;
  } catch (const GeneratorExit&) {
  }
  co_await sleep(1ms);
  closed_on = Loop::current().id();
  log("closed");
}

struct Half {
  explicit Half(Loop& loop) {
    generator.emplace(holds(log, closed_on));
    loop.run([](Generator<int>& generator) -> Task<> { co_await generator.next(); }(*generator));
  }
  Log log;
  std::uint64_t closed_on = 0;
  std::optional<Generator<int>> generator;
};

Task<> drop(std::optional<Generator<int>>& generator) {
  generator.reset();
  co_return;
}

TEST(GeneratorOfALoop, IsClosedByItWhenItIsDroppedInAnothersTurn) {
  const int alive = Tracker::alive;
  Loop loop(test::options());
  Half half(loop);
  Loop other(test::options());
  other.run(drop(half.generator));
  other.close();
  EXPECT_EQ(half.log.text(), "") << "by the other one";
  loop.close();
  EXPECT_EQ(half.log.text(), "closed");
  EXPECT_EQ(half.closed_on, loop.id());
  EXPECT_EQ(Tracker::alive, alive);
}

TEST(GeneratorOfALoop, IsClosedByItWhenItIsDroppedOutsideOfAnyTurn) {
  const int alive = Tracker::alive;
  Loop loop(test::options());
  Half half(loop);
  half.generator.reset();
  for (int i = 0; i < 5 && loop.turn(1h); ++i) {
  }
  EXPECT_EQ(half.log.text(), "closed");
  EXPECT_EQ(Tracker::alive, alive);
}

TEST(GeneratorOfALoop, DiesAsItStandsWhenThatIsGone) {
  const int alive = Tracker::alive;
  std::optional<Loop> loop(std::in_place, test::options());
  Half half(*loop);
  loop.emplace(test::options());
  loop->run(drop(half.generator));
  loop->close();
  EXPECT_EQ(half.log.text(), "");
  EXPECT_EQ(Tracker::alive, alive);
}

}  // namespace
