// Every call that has what it waits for: it does not suspend, so that it takes no turn, and a
// cancel that is pending is delivered by the next one that does.
#include "sweeps/play.hpp"

namespace {

using namespace test;

class Ready : public Sweep {
 protected:
  Ready() : loop(options_of(GetParam())) {
    fail_on_reports(loop);
    Play::warm_up(loop, GetParam());
  }
  // What it waits for has come, and whoever brings it has run.
  static void bring(Play& play) {
    play.wake();
    for (int turn = 0; turn < 4; ++turn) play.turn();
  }
  Loop loop;
};

Task<> call_at_once(World& world, Seen& seen) {
  const auto turns = Loop::current().stats().turns;
  auto outcome = co_await as_outcome(world.call());
  if (!outcome && outcome.error().is_cancelled()) ++seen.delivered;
  if (!outcome && !outcome.error().is_cancelled()) seen.error = std::move(outcome.error());
  EXPECT_EQ(seen.delivered, 0) << combination() << ": the cancel was for who suspends";
  EXPECT_EQ(Loop::current().stats().turns, turns) << combination() << ": it has suspended";
}
Task<> call_with_a_cancel_pending(World& world, Seen& seen) {
  this_task().cancel();
  co_await call_at_once(world, seen);
  const auto after = co_await as_outcome(yield());
  EXPECT_FALSE(after.has_value()) << combination() << ": the cancel was lost";
}

// L5
TEST_P(Ready, TakesNoTurn) {
  begin_combination(GetParam().name, "ready");
  Play play(loop, GetParam());
  bring(play);
  play.start(&call_at_once);
  if (!play.finish()) return;
  play.clean_up();
}

// L5
TEST_P(Ready, DeliversNoCancelThatIsPending) {
  begin_combination(GetParam().name, "ready, with a cancel pending");
  Play play(loop, GetParam());
  bring(play);
  play.start(&call_with_a_cancel_pending);
  if (!play.finish()) return;
  play.clean_up();
}

bool is_at_once(const Traits& traits) { return traits.at_once; }
INSTANTIATE_TEST_SUITE_P(Each, Ready, testing::ValuesIn(rows_where(&is_at_once)), name_of_row);

}  // namespace
