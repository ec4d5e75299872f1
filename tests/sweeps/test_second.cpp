// Two tasks make a call on one object: served in order, or the second refused. Never one forgotten.
#include "sweeps/play.hpp"

namespace {

using namespace test;

class TwoAtOnce : public Sweep {
 protected:
  TwoAtOnce() : loop(options_of(GetParam())) {
    fail_on_reports(loop);
    Play::warm_up(loop, GetParam());
  }
  bool served() const { return GetParam().traits.second == Second::served; }
  bool refused() const { return GetParam().traits.second == Second::refused; }
  // Both have what they wait for, and end; the second one may have been refused before.
  void wake_both(Play& play, const JoinHandle<>& second) {
    play.wake();
    loop.turn();
    if (served()) play.world().wake();
    if (!play.finish()) return;
    turn_until(loop, "the second is forgotten", [&] { return second.done(); });
  }
  static bool was_refused(const Seen& seen) {
    if (!seen.error) return false;
    try {
      seen.error->raise();
    } catch (const UsageError&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  void expect_no_error() const {
    if (second.error) ADD_FAILURE() << combination() << ": failed with " << text_of(*second.error);
  }

  Loop loop;
  Seen second;
};

// edge 5
TEST_P(TwoAtOnce, AreServedInOrderOrRefused) {
  for (const int turns : {0, 1, 2}) {
    begin_combination(GetParam().name, "a second task " + std::to_string(turns) + " turns later");
    second = {};
    Play play(loop, GetParam());
    play.start();
    for (int turn = 0; turn < turns; ++turn) play.turn();
    const JoinHandle<> other = loop.spawn(watch(play.world(), second));
    for (int turn = 0; turn < 2; ++turn) play.turn();
    if (refused()) {
      EXPECT_TRUE(was_refused(second)) << combination();
      EXPECT_FALSE(play.done()) << combination();
    }
    wake_both(play, other);
    if (!refused()) expect_no_error();
    if (served()) {
      EXPECT_LT(play.seen().place, second.place) << combination();
    }
    play.clean_up();
    if (HasFailure()) return;
  }
}

// The first is cancelled, in the turn in which it was woken too: the second has what it waits for.
TEST_P(TwoAtOnce, LoseNothingWhenOneIsCancelled) {
  if (refused()) return;
  for (const bool first : {true, false}) {
    for (const bool woken : {false, true}) {
      begin_combination(GetParam().name, std::string(first ? "the first" : "the second") +
                                             (woken ? " cancelled and woken" : " cancelled"));
      second = {};
      Play play(loop, GetParam());
      play.start();
      const JoinHandle<> other = loop.spawn(watch(play.world(), second));
      for (int turn = 0; turn < 2; ++turn) play.turn();
      if (woken) play.wake();
      (first ? play.handle() : other).cancel();
      wake_both(play, other);
      expect_no_error();
      if (served()) {
        EXPECT_EQ((first ? second : play.seen()).delivered, 0) << combination();
      }
      play.clean_up();
      if (HasFailure()) return;
    }
  }
}

bool may_be_two(const Traits& traits) { return traits.second != Second::apart; }
INSTANTIATE_TEST_SUITE_P(Each, TwoAtOnce, testing::ValuesIn(rows_where(&may_be_two)), name_of_row);

}  // namespace
