// Every call, with each of its allocations failing in turn: it says so or does without, nobody
// waits for ever, nothing is leaked, and the loop goes on.
#include "sweeps/play.hpp"

#include "support/failing_memory.hpp"

namespace {

using namespace test;

class Shortage : public Sweep {
 protected:
  // Plays the call with one allocation failing from its start to its end.
  static void play_with(FailingMemory& memory, Play& play) {
    bool begun = false;
    memory.arm();
    try {
      play.start();
      begun = true;
    } catch (const std::bad_alloc&) {
    }
    turn(play);
    memory.disarm();  // what the world does by itself does not fail
    if (play.wakes_by_time()) memory.arm();
    play.wake();
    memory.arm();
    turn(play);
    memory.disarm();
    if (begun) play.finish();
  }

  static void turn(Play& play) {
    for (int turn = 0; turn < 4; ++turn) play.turn();
  }
};

// edge 14
TEST_P(Shortage, OfMemoryAtEveryAllocation) {
  std::size_t number = 0;
  fail_each_allocation([&](FailingMemory& memory) {
    if (HasFailure()) return;
    Loop loop(options_of(GetParam()));
    loop.on_exception([](const ExceptionReport&) {});
    Play::warm_up(loop, GetParam());
    begin_combination(GetParam().name, "allocation " + std::to_string(++number) + " fails");
    Play play(loop, GetParam());
    play.may_fail();
    play_with(memory, play);
    play.clean_up();
  });
}

INSTANTIATE_TEST_SUITE_P(Each, Shortage, testing::ValuesIn(awaitables()), name_of_row);

}  // namespace
