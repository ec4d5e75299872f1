// Every call that takes a time, with every time that there is: it ends at once or waits on, and the
// loop goes on meanwhile.
#include "sweeps/play.hpp"

#include <eddy/flow/staggered_race.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/flow/wait.hpp>
#include <eddy/sync/event.hpp>

namespace {

using namespace test;

// What a call does when its time is over, and an event that never comes.
struct Timing {
  const char* name;
  Task<> (*call)(Event&, Duration);
  bool throws;  // TimeoutError
};

// The same instant however it is told: what cannot be told is as far away as can be.
Instant after(Duration length) {
  const Instant now = Loop::current().now();
  if (length > Duration::zero() && now > Instant::max() - length) return Instant::max();
  if (length < Duration::zero() && now < Instant::min() - length) return Instant::min();
  return now + length;
}
std::vector<JoinHandle<>> one_that_waits(Event& event) {
  return std::vector<JoinHandle<>>(1, spawn(only(event.wait())));
}

constexpr Timing timings[] = {
    {"sleep", [](Event&, Duration d) { return only(sleep(d)); }, false},
    {"sleep_until", [](Event&, Duration d) -> Task<> { co_await sleep_until(after(d)); }, false},
    {"timeout", [](Event& e, Duration d) { return only(timeout(d, e.wait())); }, true},
    {"timeout_at",
     [](Event& e, Duration d) -> Task<> { co_await timeout_at(after(d), e.wait()); }, true},
    {"wait_for", [](Event& e, Duration d) { return only(wait_for(e.wait(), d)); }, true},
    {"wait",
     [](Event& e, Duration d) -> Task<> {
       WaitOptions options;
       options.timeout = d;
       auto tasks = one_that_waits(e);
       co_await wait(tasks, options);
       tasks.front().cancel();
     },
     false},
    {"as_completed",
     [](Event& e, Duration d) -> Task<> {
       CompletedOptions options;
       options.timeout = d;
       auto tasks = one_that_waits(e);
       auto ends = as_completed(tasks, options);
       auto ended = co_await as_outcome(ends.next());
       tasks.front().cancel();
       if (!ended) co_await fail(std::move(ended.error()));
     },
     true},
    {"staggered_race",
     [](Event& e, Duration d) -> Task<> {
       bool second = false;
       const auto waiting = [&]() -> Task<> {
         if (std::exchange(second, true)) co_return;
         co_await e.wait();
       };
       std::vector factories(2, waiting);
       co_await staggered_race(std::move(factories), d);
     },
     false},
};

struct Length {
  const char* name;
  Duration length;
  bool over;
};
constexpr Length lengths[] = {
    {"min", Duration::min(), true},
    {"min and one", Duration::min() + 1ns, true},
    {"half of min", Duration::min() / 2, true},
    {"a year ago", -24h * 365, true},
    {"an hour ago", -1h, true},
    {"a nanosecond ago", -1ns, true},
    {"nothing", 0ns, true},
    {"a nanosecond", 1ns, true},
    {"a millisecond", 1ms, true},
    {"ten years", 24h * 3650, false},
    {"half of max", Duration::max() / 2, false},
    {"max but one", Duration::max() - 1ns, false},
    {"max", Duration::max(), false},
};

class Times : public testing::TestWithParam<Timing> {};

// edge 9
TEST_P(Times, OfEveryLengthEndOrGoOn) {
  for (const Length& length : lengths) {
    begin_combination(GetParam().name, length.name);
    LoopOptions options;
    options.virtual_time = true;
    Loop loop(options);
    fail_on_reports(loop);
    Event event;
    const JoinHandle<> call = loop.spawn(GetParam().call(event, length.length));
    for (int turn = 0; turn < 20; ++turn) loop.turn(1ms);
    EXPECT_EQ(call.done(), length.over) << combination();
    if (!call.done()) {
      call.cancel();
      turn_until(loop, "it never ends", [&] { return call.done(); });
      EXPECT_TRUE(call.cancelled()) << combination();
    } else if (GetParam().throws) {
      EXPECT_THROW(call.result(), TimeoutError) << combination();
    } else {
      EXPECT_NO_THROW(call.result()) << combination();
    }
    event.set();  // a wait() that was cancelled leaves its tasks alone
    turn_until(loop, "something goes on", [&] { return loop.stats().tasks == 0; });
    EXPECT_EQ(loop.stats().timers, 0u) << combination();
  }
}

// On the kernel's clock, where a wait until long ago must not become one for ever.
TEST_P(Times, ThatAreOverHoldNoLoop) {
  for (const Length& length : lengths) {
    if (!length.over) continue;
    begin_combination(GetParam().name, std::string("in real time: ") + length.name);
    Loop loop;
    Event event;
    try {
      loop.run(GetParam().call(event, length.length));
      EXPECT_FALSE(GetParam().throws) << combination();
    } catch (const TimeoutError&) {
      EXPECT_TRUE(GetParam().throws) << combination();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Times, testing::ValuesIn(timings),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
