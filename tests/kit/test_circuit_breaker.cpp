#include "support/allocations.hpp"
#include "support/run.hpp"

#include <eddy/kit/circuit_breaker.hpp>
#include <eddy/kit/retry.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using enum CircuitState;
using test::Log;
using test::wait_until_done;

Task<int> answer() { co_return 7; }
Task<int> refuse() {
  co_await fail(Failure::error(ECONNREFUSED, "connect", "host"));
  co_return 0;
}

// How a call ended, in a word.
template <class A>
Task<std::string> ending_of(A call) {
  auto outcome = co_await as_outcome(std::move(call));
  if (outcome) co_return "answer";
  if (outcome.error().is_cancelled()) co_return "cancelled";
  if (outcome.error().error_code() == std::errc::connection_refused) co_return "refused";
  if (outcome.error().error_code() == std::errc::resource_unavailable_try_again) co_return "open";
  co_return "failed";
}

const char* name_of(CircuitState state) {
  return state == closed ? "closed" : state == open ? "open" : "half open";
}

// F142: one step after the other, and what it leaves
struct Step {
  Duration pause;
  bool fails;
  const char* outcome;
  CircuitState state;
};

Task<> play(CircuitBreaker& breaker, const std::vector<Step>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    co_await sleep(steps[i].pause);
    const std::string outcome =
        co_await ending_of(breaker.call(steps[i].fails ? &refuse : &answer));
    EXPECT_EQ(outcome, steps[i].outcome) << "step " << i;
    EXPECT_STREQ(name_of(breaker.state()), name_of(steps[i].state)) << "step " << i;
  }
}

// F142: the table of states
TEST(CircuitBreaker, OpensAfterFailuresInARowAndClosesAfterATrial) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 3, .open_for = 10s});
    const std::vector<Step> steps = {
        {0s, false, "answer", closed},  {0s, true, "refused", closed},
        {0s, true, "refused", closed},  {0s, false, "answer", closed},  // begins anew
        {0s, true, "refused", closed},  {0s, true, "refused", closed},
        {0s, true, "refused", open},    {0s, false, "open", open},
        {9s, false, "open", open},      {1s, true, "refused", open},  // the trial
        {9s, false, "open", open},      {1s, false, "answer", closed},
        {0s, true, "refused", closed},  {0s, true, "refused", closed},
        {0s, true, "refused", open},
    };
    co_await play(breaker, steps);
  });
}

TEST(CircuitBreaker, MayNeedSeveralSuccessesToClose) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1, .open_for = 1s, .successes = 2});
    const std::vector<Step> steps = {
        {0s, true, "refused", open},       {1s, false, "answer", half_open},
        {0s, true, "refused", open},       {1s, false, "answer", half_open},
        {0s, false, "answer", closed},
    };
    co_await play(breaker, steps);
  });
}

// F142: half open it admits one; the factory of those that it rejects is not called
TEST(CircuitBreaker, AdmitsOneTrialAtATime) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1, .open_for = 1s});
    breaker.trip();
    co_await sleep(1s);
    int calls = 0;
    const auto slow = [&]() -> Task<int> {
      ++calls;
      co_await sleep(1s);
      co_return 7;
    };
    std::vector<JoinHandle<std::string>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(ending_of(breaker.call(slow))));
    EXPECT_EQ(co_await tasks[0], "answer");
    EXPECT_EQ(co_await tasks[1], "open");
    EXPECT_EQ(co_await tasks[2], "open");
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(breaker.state(), closed);
  });
}

// A cancelled call gives its place back, and is not counted: not before it began, either
TEST(CircuitBreaker, TakesNoCancelForAnAnswer) {
  for (int turns = 0; turns < 4; ++turns) {
    test::run([&]() -> Task<> {
      CircuitBreaker breaker({.failures = 1, .open_for = 1s});
      breaker.trip();
      co_await sleep(1s);
      const auto slow = []() -> Task<int> {
        co_await sleep(1h);
        co_return 7;
      };
      auto task = spawn(breaker.call(slow));
      for (int turn = 0; turn < turns; ++turn) co_await yield();
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(breaker.state(), half_open);
      EXPECT_EQ(breaker.statistics().failed, 0u);
      EXPECT_EQ(co_await ending_of(breaker.call(&answer)), "answer") << "the trial is free";
      EXPECT_EQ(breaker.state(), closed);
    });
  }
}

// A limit outside is a cancel inside; a limit inside is a failure
TEST(CircuitBreaker, CountsALimitOfTimeThatStandsInside) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1});
    const auto slow = []() -> Task<int> {
      co_await sleep(1h);
      co_return 7;
    };
    EXPECT_EQ(co_await ending_of(wait_for(breaker.call(slow), 1s)), "failed");
    EXPECT_EQ(breaker.state(), closed);
    const auto limited = [&]() { return wait_for(slow(), 1s); };
    EXPECT_EQ(co_await ending_of(breaker.call(limited)), "failed");
    EXPECT_EQ(breaker.state(), open);
  });
}

// What began in another state is not counted in this one
TEST(CircuitBreaker, ForgetsWhatEndsTooLate) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1, .open_for = 1s, .successes = 2});
    const auto late = [](Duration after, bool fails) -> Task<int> {
      co_await sleep(after);
      if (fails) co_await fail(Failure::error(EIO, "read"));
      co_return 7;
    };
    const auto late_failure = [&]() { return late(3s, true); };
    const auto late_success = [&]() { return late(500ms, false); };
    auto failing = spawn(ending_of(breaker.call(late_failure)));
    auto succeeding = spawn(ending_of(breaker.call(late_success)));
    co_await yield();
    EXPECT_EQ(co_await ending_of(breaker.call(&refuse)), "refused");
    EXPECT_EQ(co_await succeeding, "answer");
    EXPECT_EQ(breaker.state(), open);
    co_await sleep(1s);
    EXPECT_EQ(co_await ending_of(breaker.call(&answer)), "answer");
    EXPECT_EQ(breaker.state(), half_open);
    EXPECT_EQ(co_await failing, "failed");
    EXPECT_EQ(breaker.state(), half_open) << "a failure of long ago ends no trial";
    EXPECT_EQ(breaker.statistics().uncounted, 2u);
  });
}

TEST(CircuitBreaker, SaysWhyACallWasNotMade) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.open_for = 10s}, "payments");
    breaker.trip();
    co_await sleep(2s);
    try {
      co_await breaker.call(&answer);
      ADD_FAILURE();
    } catch (const CircuitOpen& error) {
      EXPECT_STREQ(error.what(), "call 'payments': the circuit is open, for 8s more");
      EXPECT_EQ(error.left(), 8s);
      EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
    }
    EXPECT_EQ(breaker.left(), 8s);
    co_await sleep(8s);
    const auto trial = breaker.enter();
    try {
      static_cast<void>(breaker.enter());
      ADD_FAILURE();
    } catch (const CircuitOpen& error) {
      EXPECT_STREQ(error.what(),
                   "call 'payments': the circuit is half open, and another call is its trial");
      EXPECT_EQ(error.left(), 0s);
    }
  });
}

// Which failures count; the others are neither failures nor successes
TEST(CircuitBreaker, AsksItsPredicateWhatCounts) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 2, .open_for = 1s});
    breaker.count_if<TimeoutError, std::runtime_error>();
    const auto other = []() -> Task<int> { throw std::out_of_range("no such page"); };
    const auto broken = []() -> Task<int> { throw std::runtime_error("broken"); };
    EXPECT_EQ(co_await ending_of(breaker.call(broken)), "failed");
    EXPECT_EQ(co_await ending_of(breaker.call(other)), "failed");
    EXPECT_EQ(breaker.state(), closed);
    EXPECT_EQ(co_await ending_of(breaker.call(broken)), "failed");
    EXPECT_EQ(breaker.state(), open) << "in a row, but for what says nothing";
    co_await sleep(1s);
    EXPECT_EQ(co_await ending_of(breaker.call(other)), "failed");
    EXPECT_EQ(breaker.state(), half_open);
    EXPECT_EQ(co_await ending_of(breaker.call(&answer)), "answer") << "the trial is free";
    EXPECT_EQ(breaker.state(), closed);
    EXPECT_EQ(breaker.statistics().uncounted, 2u);
    EXPECT_EQ(breaker.statistics().succeeded, 1u);
  });
}

// Failures that show that the server is well
TEST(CircuitBreaker, MayTakeAFailureForAnAnswer) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 2, .open_for = 1s});
    breaker.answer_if<std::out_of_range>();
    const auto other = []() -> Task<int> { throw std::out_of_range("no such page"); };
    EXPECT_EQ(co_await ending_of(breaker.call(&refuse)), "refused");
    EXPECT_EQ(co_await ending_of(breaker.call(other)), "failed");
    EXPECT_EQ(co_await ending_of(breaker.call(&refuse)), "refused");
    EXPECT_EQ(breaker.state(), closed) << "not in a row";
    breaker.trip();
    co_await sleep(1s);
    EXPECT_EQ(co_await ending_of(breaker.call(other)), "failed");
    EXPECT_EQ(breaker.state(), closed) << "it has answered";
  });
}

// The caller's mistake says nothing about the server
TEST(CircuitBreaker, CountsNoMistake) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1, .open_for = 1s});
    const auto wrong = []() -> Task<int> { throw UsageError("wrong"); };
    EXPECT_EQ(co_await ending_of(breaker.call(wrong)), "failed");
    EXPECT_EQ(breaker.state(), closed);
    breaker.trip();
    co_await sleep(1s);
    EXPECT_EQ(co_await ending_of(breaker.call(wrong)), "failed");
    EXPECT_EQ(breaker.state(), half_open);
    EXPECT_EQ(co_await ending_of(breaker.call(&answer)), "answer");
  });
}

TEST(CircuitBreaker, MayTakeAValueForAFailure) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1});
    const auto busy = []() -> Task<int> { co_return 503; };
    const auto is_bad = [](int status) { return status >= 500; };
    EXPECT_EQ(co_await breaker.call(&answer, is_bad), 7);
    EXPECT_EQ(breaker.state(), closed);
    EXPECT_EQ(co_await breaker.call(busy, is_bad), 503) << "it is passed on";
    EXPECT_EQ(breaker.state(), open);
  });
}

TEST(CircuitBreaker, TellsOfEachChange) {
  test::run([]() -> Task<> {
    Log log;
    CircuitBreaker breaker({.failures = 1, .open_for = 1s});
    breaker.on_change([&](CircuitState from, CircuitState to) {
      log(std::string(name_of(from)) + ">" + name_of(to));
      EXPECT_EQ(breaker.state(), to);
    });
    static_cast<void>(co_await ending_of(breaker.call(&refuse)));
    co_await sleep(1s);
    static_cast<void>(co_await ending_of(breaker.call(&answer)));
    breaker.trip();
    breaker.reset();
    breaker.reset();
    EXPECT_EQ(log.text(),
              "closed>open open>half open half open>closed closed>open open>closed");
  });
}

// By hand: a permit that dies untold gives its place back; the first that it is told counts
TEST(CircuitBreaker, GivesPermitsForWhatIsNoFactory) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 1, .open_for = 1s});
    breaker.trip();
    EXPECT_FALSE(breaker.try_enter());
    co_await sleep(1s);
    {
      const auto untold = breaker.try_enter();
      EXPECT_TRUE(untold);
      EXPECT_FALSE(breaker.try_enter());
    }
    auto permit = breaker.enter();
    permit.succeeded();
    permit.failed();
    EXPECT_EQ(breaker.state(), closed);
    breaker.enter().failed();
    EXPECT_EQ(breaker.state(), open);
    EXPECT_EQ(breaker.statistics().succeeded, 1u);
    EXPECT_EQ(breaker.statistics().failed, 1u);
    EXPECT_EQ(breaker.statistics().rejected, 2u);
    EXPECT_EQ(breaker.statistics().opened, 2u);
  });
}

// edge 6: the calls may outlive it
TEST(CircuitBreaker, MayGoBeforeItsCalls) {
  test::run([]() -> Task<> {
    std::optional<CircuitBreaker> breaker(std::in_place);
    const auto slow = []() -> Task<int> {
      co_await sleep(1s);
      co_return 7;
    };
    auto task = spawn(breaker->call(slow));
    auto cancelled = spawn(breaker->call(slow));
    co_await yield();
    breaker.reset();
    cancelled.cancel();
    EXPECT_EQ(co_await task, 7);
    co_await wait_until_done(cancelled);
  });
}

// L5: what answers at once takes no turn, and a rejection neither
TEST(CircuitBreaker, DoesNotSuspend) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker;
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await breaker.call(&answer), 7);
    breaker.trip();
    EXPECT_EQ(co_await ending_of(breaker.call(&answer)), "open");
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// ∅
TEST(CircuitBreaker, AllocatesNothingForACall) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = std::uint64_t{1} << 32});
    std::size_t before = 0;
    for (int round = 0; round < 5; ++round) {
      before = test::allocations();
      EXPECT_EQ(co_await breaker.call(&answer), 7);
      EXPECT_FALSE(co_await as_result(breaker.call(&refuse)));
    }
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

// edges 9 and 10
TEST(CircuitBreaker, TakesEveryTimeAndRefusesNumbersThatAreNone) {
  EXPECT_THROW(CircuitBreaker({.failures = 0}), UsageError);
  EXPECT_THROW(CircuitBreaker({.successes = 0}), UsageError);
  EXPECT_THROW(CircuitBreaker({.failures = -1}), UsageError);
  test::run([]() -> Task<> {
    CircuitBreaker never({.open_for = Duration::max()});
    never.trip();
    co_await sleep(24h * 3650);
    EXPECT_EQ(never.state(), open);
    EXPECT_EQ(never.left(), Duration::max());
    CircuitBreaker at_once({.open_for = -1h});
    at_once.trip();
    EXPECT_EQ(at_once.state(), half_open);
  });
}

// F142: retry asks again when the circuit lets it
TEST(CircuitBreaker, GoesWithRetry) {
  test::run([]() -> Task<> {
    CircuitBreaker breaker({.failures = 2, .open_for = 5s});
    int calls = 0;
    const auto third_time = [&]() -> Task<int> {
      if (++calls < 3) throw Error(ECONNREFUSED, "connect");
      co_return calls;
    };
    const auto guarded = [&]() { return breaker.call(third_time); };
    const Instant start = Loop::current().now();
    EXPECT_EQ(co_await retry(guarded, RetryPolicy().wait(wait_fixed(1s))), 3);
    EXPECT_EQ(Loop::current().now() - start, 6s);
    EXPECT_EQ(breaker.statistics().rejected, 4u);
  });
}

}  // namespace
