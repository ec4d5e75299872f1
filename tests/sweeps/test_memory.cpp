// Every call, with each of its allocations failing in turn: it says so or does without, nobody
// waits for ever, nothing is leaked, and the loop goes on.
#include "sweeps/play.hpp"
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"
#include "support/failing_memory.hpp"

#include <eddy/net/listener.hpp>

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

// The connection that there is no memory for is closed; the next one is there.
Task<> accept_two(FailingMemory& memory, Listener& listener) {
  for (int i = 0; i < 2; ++i) {
    memory.arm();
    auto outcome = co_await as_outcome(listener.accept());  // throws nothing
    memory.disarm();
    if (outcome) continue;
    EXPECT_EQ(outcome.error().error_code(), std::errc::not_enough_memory);
  }
}

// edge 14
TEST(ShortageOfMemory, IsAnOutcomeOfAnAccept) {
  std::size_t number = 0;
  const auto failed = fail_each_allocation([&](FailingMemory& memory) {
    begin_combination("Listener::accept as an outcome", std::to_string(++number));
    const unsigned descriptors = open_descriptors();
    {
      Loop loop;
      const auto work = [&]() -> Task<> {
        const Address where = fresh_name();
        Listener listener = listen(where);
        std::vector<UniqueFd> clients;
        for (int i = 0; i < 3; ++i) clients.push_back(connect_plainly(where));
        Stream first = co_await listener.accept();
        for (int turn = 0; turn < 2; ++turn) co_await yield();  // the others wait
        co_await accept_two(memory, listener);
      };
      loop.run(work());
    }
    EXPECT_EQ(open_descriptors(), descriptors) << combination();
  });
  EXPECT_GT(failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, Shortage, testing::ValuesIn(awaitables()), name_of_row);

}  // namespace
