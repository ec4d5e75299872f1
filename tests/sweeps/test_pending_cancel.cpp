// Every call, made by a task that was asked to stop already, and cancelled twice before it hears of
// the first time.
#include "sweeps/play.hpp"

namespace {

using namespace test;

class PendingCancel : public Sweep {
 protected:
  PendingCancel() : loop(options_of(GetParam())) {
    fail_on_reports(loop);
    Play::warm_up(loop, GetParam());
  }
  Loop loop;
};

Task<> watch_cancelled(World& world, Seen& seen) {
  this_task().cancel();
  co_await watch(world, seen);
}

// C2: a call either ends at once with Cancelled, or does not suspend and does what it should
TEST_P(PendingCancel, IsDeliveredOnce) {
  begin_combination(GetParam().name, "with a cancel pending");
  Play play(loop, GetParam());
  play.start(&watch_cancelled);
  play.turn();
  if (!play.finish()) return;
  EXPECT_EQ(play.seen().delivered, 1) << combination();
  EXPECT_EQ(play.handle().cancelling(), 1u) << combination();
  play.clean_up();
}

// C5
TEST_P(PendingCancel, OfTwoIsDeliveredOnce) {
  for (int turns = 1; turns < 4; ++turns) {
    begin_combination(GetParam().name, "cancelled twice after turn " + std::to_string(turns));
    Play play(loop, GetParam());
    play.start();
    for (int turn = 0; turn < turns; ++turn) play.turn();
    bool accepted = play.handle().cancel();
    EXPECT_EQ(play.handle().cancel(), accepted) << combination();
    if (!accepted) play.wake();
    if (!play.finish()) return;
    EXPECT_EQ(play.seen().delivered, accepted ? 1 : 0) << combination();
    EXPECT_EQ(play.handle().cancelling(), accepted ? 2u : 0u) << combination();
    play.clean_up();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, PendingCancel, testing::ValuesIn(awaitables()), name_of_row);

}  // namespace
