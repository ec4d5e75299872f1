// Times at their limits: before the clock's zero, beyond its end, in units that do not fit.
//
// On the real clock, and in a child where what goes wrong would hang for ever.
#include "kernel.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <sys/syscall.h>
#include <time.h>

#include <cmath>
#include <limits>
#include <thread>

namespace {

using namespace eddy;
using namespace eddy::internal;
using namespace std::chrono;

Task<bool> times_out(auto limit) {
  test::Pipe pipe;
  char byte;
  const auto got = co_await as_result(timeout(limit, test::read(pipe.out.get(), &byte, 1)));
  co_return !got && got.error() == std::errc::timed_out;
}

Task<bool> times_out_at(auto when) {
  test::Pipe pipe;
  char byte;
  const auto got = co_await as_result(timeout_at(when, test::read(pipe.out.get(), &byte, 1)));
  co_return !got && got.error() == std::errc::timed_out;
}

// Edges 9: what is over before it begins.
TEST(TimeLimits, ATimeoutOfLessThanNothingEndsAtOnce) {
  test::in_a_child([] {
    Loop loop;
    const auto body = [&]() -> Task<> {
      const Instant never_set{};
      const Duration since = never_set - Loop::current().now() - 1h;
      EXPECT_TRUE(co_await times_out(since));
      EXPECT_TRUE(co_await times_out(Duration::min()));
      EXPECT_TRUE(co_await times_out(seconds::min()));
      EXPECT_TRUE(co_await times_out(hours::min()));
      EXPECT_TRUE(co_await times_out(duration<double>(-HUGE_VAL)));
    };
    loop.run(body());
  });
}

TEST(TimeLimits, ATimeoutAtAnInstantBeforeTheClocksZeroEndsAtOnce) {
  test::in_a_child([] {
    Loop loop;
    const auto body = [&]() -> Task<> {
      using Hour = time_point<steady_clock, hours>;
      const Instant early = Instant() - 1h;
      EXPECT_TRUE(co_await times_out_at(early));
      EXPECT_TRUE(co_await times_out_at(Instant()));
      EXPECT_TRUE(co_await times_out_at(Instant::min()));
      EXPECT_TRUE(co_await times_out_at(Hour::min()));
    };
    loop.run(body());
  });
}

TEST(TimeLimits, EveryCallTakesATimeThatIsOver) {
  test::in_a_child([] {
    Loop loop;
    const auto body = [&]() -> Task<> {
      using Hour = time_point<steady_clock, hours>;
      Event never;
      auto task = spawn([&]() -> Task<> { co_await never.wait(); });
      co_await sleep(hours::min());
      co_await sleep(Duration::min());
      co_await sleep_until(Instant());
      co_await sleep_until(Instant::min());
      co_await sleep_until(Hour::min());
      const auto waited = co_await as_result(wait_for(never.wait(), hours::min()));
      EXPECT_EQ(waited.error(), std::errc::timed_out);
      std::vector<JoinHandle<>> tasks{task};
      EXPECT_EQ((co_await wait(tasks, {.timeout = hours::min()})).pending.size(), 1u);
      auto completed = as_completed(tasks, {.timeout = hours::min()});
      EXPECT_FALSE(co_await as_result(completed.next()));
      const auto scope = [&](Timeout& limit) -> Task<> {
        limit.reschedule(Hour::min());
        co_await never.wait();
      };
      EXPECT_FALSE(co_await as_result(timeout(1h, scope)));
      task.cancel();
      co_await test::wait_until_done(task);
    };
    loop.run(body());
    loop.turn(hours::min());
    loop.turn(Duration::min());
  });
}

// For ever, on the real clock: what ends at once, and what spins, shows in the number of turns.
template <class Start>
void goes_on_for_ever(const Start& start, LoopOptions options) {
  Loop loop(options);
  const auto body = [&]() -> Task<> {
    auto task = spawn(start);
    co_await sleep(5ms);
    EXPECT_FALSE(task.done());
    EXPECT_LT(Loop::current().stats().turns, 100u) << "it spins";
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  };
  loop.run(body());
}

TEST(TimeLimits, WhatIsLongerThanAllTimeIsForEver) {
  using Hour = time_point<steady_clock, hours>;
  for (const std::uint32_t without : {0u, std::uint32_t{feature_absolute_timer}, ~0u}) {
    const LoopOptions options{.without = without};
    goes_on_for_ever([]() -> Task<> { co_await sleep(seconds::max()); }, options);
    goes_on_for_ever([]() -> Task<> { co_await sleep(hours::max()); }, options);
    goes_on_for_ever([]() -> Task<> { co_await sleep(years(1000)); }, options);
    goes_on_for_ever([]() -> Task<> { co_await sleep(Duration::max()); }, options);
    goes_on_for_ever([]() -> Task<> { co_await sleep(duration<float>(HUGE_VALF)); }, options);
    goes_on_for_ever([]() -> Task<> { co_await sleep_until(Hour::max()); }, options);
    const auto never = [] { return sleep_until(Instant::max()); };
    goes_on_for_ever([&]() -> Task<> { co_await timeout(hours::max(), never()); }, options);
    goes_on_for_ever([&]() -> Task<> { co_await timeout_at(Hour::max(), never()); }, options);
    goes_on_for_ever([&]() -> Task<> { co_await wait_for(never(), hours::max()); }, options);
  }
}

// Nothing else wakes the loop: the kernel is given the deadline, or a length that it adds to its
// clock.
TEST(TimeLimits, ALoopThatHasOnlyAFarDeadlineSleeps) {
  for (const std::uint32_t without : {0u, std::uint32_t{feature_absolute_timer}, ~0u}) {
    for (const Duration length : {Duration(Duration::max()) - 1ns, Duration(hours(24 * 365 * 200)),
                                  Duration::max() - steady_clock::now().time_since_epoch() - 1s}) {
      Loop loop({.timer_slack = hours::max(), .batch = 4, .batch_wait = hours::max(),
                 .without = without});
      auto sleeper = loop.spawn([](Duration far) -> Task<> { co_await sleep(far); }(length));
      std::thread waker([&] { loop.post([&] { loop.stop(); }); });
      EXPECT_THROW(loop.run([]() -> Task<> { co_await sleep(years(500)); }()), UsageError);
      waker.join();
      EXPECT_LT(loop.stats().turns, 100u);
      EXPECT_FALSE(sleeper.done());
    }
  }
}

TEST(TimeLimits, OptionsOfAnyLengthAreTaken) {
  test::in_a_child([] {
    const auto body = []() -> Task<> {
      co_await sleep(1ms);
      EXPECT_TRUE(co_await times_out(2ms));
    };
    Loop({.spin = hours::min(), .timer_slack = hours::min(), .batch_wait = hours::min(),
          .slow_call = hours::min(), .slow_rest = hours::max(), .slow_step = hours::min()})
        .run(body());
    Loop({.batch_wait = hours::max()}).run(body());
    Loop({.spin = hours::max()}).run(body());
  });
}

// `deadline - now` is what an embedder computes from it.
TEST(TimeLimits, ADeadlineOfTheLoopIsNoTrapForArithmetic) {
  Loop loop;
  auto early = loop.spawn([]() -> Task<> {
    Event never;
    co_await timeout_at(Instant::min(), never.wait());
  }());
  loop.turn();
  ASSERT_TRUE(loop.deadline());
  EXPECT_LT(*loop.deadline() - steady_clock::now(), 0s);
  while (!early.done()) loop.turn();
  EXPECT_THROW(early.result(), TimeoutError);
  auto late = loop.spawn([]() -> Task<> { co_await sleep(Duration::max()); }());
  while (loop.deadline()) loop.turn();
  EXPECT_FALSE(late.done());
}

TEST(TimeLimits, NotANumberIsAUsageError) {
  constexpr duration<double> nan(std::numeric_limits<double>::quiet_NaN());
  Event never;
  EXPECT_THROW(static_cast<void>(sleep(nan)), UsageError);
  EXPECT_THROW(static_cast<void>(timeout(nan, never.wait())), UsageError);
  EXPECT_THROW(static_cast<void>(wait_for(never.wait(), nan)), UsageError);
  EXPECT_THROW(static_cast<void>(WaitOptions{.timeout = nan}), UsageError);
  EXPECT_THROW(static_cast<void>(LoopOptions{.spin = nan}), UsageError);
  using Point = time_point<steady_clock, duration<double>>;
  EXPECT_THROW(static_cast<void>(sleep_until(Point(nan))), UsageError);
}

static_assert(to_duration(hours::max()) == Duration::max());
static_assert(to_duration(hours::min()) == Duration::min());
static_assert(to_duration(years(1000)) == Duration::max());
static_assert(to_duration(seconds(9'223'372'036)) == seconds(9'223'372'036));
static_assert(to_duration(seconds(9'223'372'037)) == Duration::max());
static_assert(to_duration(duration<unsigned long long>(~0ull)) == Duration::max());
static_assert(to_duration(duration<long, std::pico>(1)) == 1ns, "never shorter than was said");
static_assert(to_duration(duration<long, std::pico>(-999)) == 0ns);
static_assert(to_duration(duration<long, std::atto>::max()) == Duration(9'223'372'037));
static_assert(to_duration(duration<int, std::ratio<1, 3>>(1)) == Duration(333'333'334));
static_assert(to_duration(duration<float>(0.5f)) == 500ms);
static_assert(to_duration(duration<double>(HUGE_VAL)) == Duration::max());
static_assert(to_duration(duration<double>(-HUGE_VAL)) == Duration::min());
static_assert(later(Instant(5ns), Duration::max()) == Instant::max());
static_assert(later(Instant(-5ns), Duration::max()) == Instant(Duration::max() - 5ns));
static_assert(later(Instant(-5ns), Duration::min()) == Instant::min());
static_assert(time_left(Instant::min(), Instant(1ns)) == Duration::min());
static_assert(time_left(Instant::max(), Instant(-1ns)) == Duration::max());
static_assert(std::is_trivially_copyable_v<LoopOptions>);
static_assert(std::is_trivially_copyable_v<WaitOptions>);

}  // namespace

// A kernel whose HZ is 100, in the last moment before a tick.
namespace {
bool coarse_clock_of_100_hz = false;
Duration extra_lag{};
}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const bool coarse = clock == CLOCK_MONOTONIC_COARSE && coarse_clock_of_100_hz;
  const long result = ::syscall(SYS_clock_gettime, coarse ? CLOCK_MONOTONIC : clock, time);
  if (!coarse) return static_cast<int>(result);
  const auto now = seconds(time->tv_sec) + nanoseconds(time->tv_nsec) - 19'999'999ns - extra_lag;
  time->tv_sec = duration_cast<seconds>(now).count();
  time->tv_nsec = (now % 1s).count();
  return 0;
}
extern "C" int clock_getres(clockid_t clock, timespec* resolution) noexcept {
  const long result = ::syscall(SYS_clock_getres, clock, resolution);
  if (clock == CLOCK_MONOTONIC_COARSE && coarse_clock_of_100_hz) *resolution = {0, 10'000'000};
  return static_cast<int>(result);
}

namespace {

// A timeout of a second and more uses the coarse clock.
TEST(TimeLimits, ATimeoutIsNotEarlyWhereTicksAreLong) {
  coarse_clock_of_100_hz = true;
  for (const Duration lag : {0ms, 500ms}) {
    extra_lag = lag;
    Loop loop;
    const auto body = []() -> Task<> {
      const Instant before = steady_clock::now();
      EXPECT_GE(Loop::current().rough_deadline_after(1s), before + 1s);
      co_return;
    };
    loop.run(body());
  }
  coarse_clock_of_100_hz = false;
}

}  // namespace
