// Every call, cancelled: before it began, while it waits, when it was woken and has not run; by
// whoever can.
#include "sweeps/play.hpp"

namespace {

using namespace test;

// Who cancels. A task and a callback do it in the turn that follows.
enum class Who { outside, task, task_of_another_loop, posted, on_done };
constexpr std::pair<Who, const char*> everybody[] = {
    {Who::outside, "from outside of a turn"},
    {Who::task, "by another task"},
    {Who::task_of_another_loop, "by a task of another loop"},
    {Who::posted, "by a posted callback"},
    {Who::on_done, "by an on_done callback"},
};

Task<> cancel_in_task(JoinHandle<> handle, bool& accepted) {
  accepted |= handle.cancel();
  co_return;
}
Task<> nothing() { co_return; }

class Cancelled : public Sweep {
 protected:
  Cancelled() : loop(options_of(GetParam())), other(options_of(GetParam())) {
    fail_on_reports(loop);
    fail_on_reports(other);
    Play::warm_up(loop, GetParam());
    ended = loop.spawn(nothing());
    loop.turn();
  }

  void cancel(Who who, const JoinHandle<>& handle) {
    switch (who) {
      case Who::outside: accepted |= handle.cancel(); break;
      case Who::task: loop.spawn(cancel_in_task(handle, accepted)); break;
      case Who::task_of_another_loop: other.run(cancel_in_task(handle, accepted)); break;
      case Who::posted: loop.post([this, handle] { accepted |= handle.cancel(); }); break;
      case Who::on_done:
        ended.on_done([this, handle](const TaskHandle&) { accepted |= handle.cancel(); });
        break;
    }
  }

  // Plays the call with what it waits for before the turn `wake_at`, and `event` before one of the
  // turns or before that: where it is event number `at`. False when it was over before.
  template <class F>
  bool play(Play& play, int wake_at, int at, F event) {
    bool there = false;
    int number = 0;
    const auto maybe = [&] {
      if (number++ != at || play.done()) return;
      there = true;
      event();
    };
    play.start();
    for (int turn = 0; turn < most_turns && !play.done(); ++turn) {
      if (turn == wake_at) {
        maybe();
        play.wake();
      }
      maybe();
      play.turn();
    }
    return there;
  }

  static constexpr int most_turns = 7;
  Loop loop;
  Loop other;
  JoinHandle<> ended;
  bool accepted = false;
};

// When what it waits for comes, in turns; 100: not before it has ended.
std::vector<int> times_of(const Row& row) {
  switch (row.traits.comes) {
    case Comes::by_wake: return {0, 1, 3, 100};
    case Comes::by_time: return {1, 3, 100};
    default: return {100};
  }
}

std::string position(int wake_at, int at, const char* what) {
  return "woken before turn " + std::to_string(wake_at) + ", event " + std::to_string(at) + ": " +
         what;
}

// C1 to C4, edges 1 and 2
TEST_P(Cancelled, AtEveryTurnByEverybody) {
  for (const auto& [who, name] : everybody) {
    for (const int wake_at : times_of(GetParam())) {
      for (int at = 0;; ++at) {
        begin_combination(GetParam().name, position(wake_at, at, name));
        accepted = false;
        Play play(loop, GetParam());
        const bool there =
            this->play(play, wake_at, at, [&] { cancel(who, play.handle()); });
        if (!there && play.never_woken()) accepted = true;  // finish() cancels it
        if (!there && !play.done()) play.wake();
        if (!play.finish()) return;
        if (play.handle().cancelled() && !play.seen().began) {
          EXPECT_TRUE(accepted) << combination();
        } else {
          EXPECT_EQ(play.seen().delivered, accepted ? 1 : 0)
              << combination() << ": a cancel was lost, or delivered twice";
        }
        play.clean_up();
        if (!there || HasFailure()) break;
      }
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Cancelled, testing::ValuesIn(awaitables()), name_of_row);

}  // namespace
