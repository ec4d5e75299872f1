// Every call, and its loop closed and destroyed under it: before it began, while it waits, when it
// was woken and has not run; with an object that outlives the loop, and one that ends in it.
#include "sweeps/play.hpp"

#include "support/directory.hpp"

namespace {

using namespace test;

class LoopEnd : public Sweep {
 protected:
  // `turns` turns of a call, with what it waits for before one of them; then the loop goes. Checks
  // that the call ended with it. Not in the same way as it would have: it may fail.
  void end_after(int turns, int wake_at) {
    const unsigned descriptors = open_descriptors();
    {
      std::optional<Loop> loop(std::in_place, options_of(GetParam()));
      fail_on_reports(*loop);
      Play play(*loop, GetParam());
      play.start();
      for (int turn = 0; turn < turns; ++turn) {
        if (turn == wake_at) play.wake();
        play.turn();
      }
      if (turns == wake_at) play.wake();
      loop.reset();
      EXPECT_TRUE(play.done()) << combination();
      if (play.seen().began) {
        EXPECT_TRUE(play.seen().ended) << combination();
      }
    }
    EXPECT_EQ(open_descriptors(), descriptors) << combination() << ": a descriptor was left open";
  }

  // The same with a world that is the task's own, and dies with its frame.
  void end_owned_after(int turns) {
    const unsigned descriptors = open_descriptors();
    Seen seen;
    {
      Loop loop(options_of(GetParam()));
      fail_on_reports(loop);
      auto world = GetParam().world();
      loop.run(world->begin());
      loop.spawn(own(std::move(world), seen));
      for (int turn = 0; turn < turns; ++turn) loop.turn();
    }
    EXPECT_EQ(seen.began, seen.ended) << combination();
    EXPECT_EQ(open_descriptors(), descriptors) << combination() << ": a descriptor was left open";
  }

  static Task<> own(std::unique_ptr<World> world, Seen& seen) {
    co_await watch(*world, seen);
    world->wake();
    // What helps it in its world has to end before that dies.
    co_await world->check(seen.error.has_value());
  }

  static constexpr int most_turns = 5;
};

// F02, B5, edge 4
TEST_P(LoopEnd, EndsTheCallAtEveryTurn) {
  for (const int wake_at : {-1, 0, 1, 3}) {
    if (wake_at >= 0 && GetParam().traits.comes != Comes::by_wake) continue;
    for (int turns = 0; turns < most_turns; ++turns) {
      begin_combination(GetParam().name, "loop gone after turn " + std::to_string(turns) +
                                             ", woken at " + std::to_string(wake_at));
      end_after(turns, wake_at);
      if (HasFailure()) return;
    }
  }
}

// Its world has to have begun: a call that is dropped before its first step has nobody to end what
// helps it.
TEST_P(LoopEnd, EndsACallThatOwnsItsObject) {
  for (int turns = 1; turns < most_turns; ++turns) {
    begin_combination(GetParam().name,
                      "loop gone with the object after turn " + std::to_string(turns));
    end_owned_after(turns);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, LoopEnd, testing::ValuesIn(awaitables()), name_of_row);

}  // namespace
