// The object of every call, used from another loop: while the first one waits, and when that loop
// is gone. It works, or it is refused; nothing of the first loop is touched, and nobody waits for
// ever.
#include "sweeps/play.hpp"

namespace {

using namespace test;

class OtherLoop : public Sweep {
 protected:
  // Makes the call on `loop`, with what it waits for coming again.
  void call_on(Loop& loop, World& world) {
    Seen seen;
    const JoinHandle<> handle = loop.spawn(watch(world, seen));
    loop.turn();
    world.wake();
    turn_until(loop, "it never ends on another loop", [&] { return handle.done(); });
    EXPECT_EQ(seen.delivered, 0) << combination();
  }
};

// edge 4, K8
TEST_P(OtherLoop, MayUseItWhenTheFirstIsGone) {
  begin_combination(GetParam().name, "used on a second loop");
  std::optional<Loop> first(std::in_place, options_of(GetParam()));
  Play play(*first, GetParam());
  play.start();
  play.turn();
  play.wake();
  if (!play.finish()) return;
  first.reset();
  Loop second(options_of(GetParam()));
  call_on(second, play.world());
}

TEST_P(OtherLoop, DoesNotDisturbTheFirst) {
  if (GetParam().traits.comes == Comes::by_itself) return;  // it is over before
  begin_combination(GetParam().name, "used on two loops");
  Loop first(options_of(GetParam()));
  Play::warm_up(first, GetParam());
  Play play(first, GetParam());
  play.start();
  for (int turn = 0; turn < 2; ++turn) play.turn();
  {
    Loop second(options_of(GetParam()));
    Seen seen;
    const JoinHandle<> handle = second.spawn(watch(play.world(), seen));
    for (int turn = 0; turn < 4; ++turn) second.turn();
    handle.cancel();
    turn_until(second, "it never ends on another loop", [&] { return handle.done(); });
  }
  play.wake();
  if (!play.finish()) return;
  play.clean_up();
}

bool ends(const Traits& traits) { return traits.comes != Comes::never; }
INSTANTIATE_TEST_SUITE_P(Each, OtherLoop, testing::ValuesIn(rows_where(&ends)), name_of_row);

}  // namespace
