#include "support/allocations.hpp"
#include "support/run.hpp"

#include <eddy/kit/retry.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

// Fails so many times, by value, and then says how many attempts there were.
struct Flaky {
  Task<int> operator()() {
    began.push_back(Loop::current().now());
    if (static_cast<int>(began.size()) <= failures) {
      co_await fail(Failure::error(ECONNREFUSED, "connect", "host"));
    }
    co_return static_cast<int>(began.size());
  }
  // Between attempts, in milliseconds.
  std::vector<int> pauses() const {
    std::vector<int> pauses;
    for (std::size_t i = 1; i < began.size(); ++i) {
      pauses.push_back(static_cast<int>((began[i] - began[i - 1]) / 1ms));
    }
    return pauses;
  }
  int failures;
  std::vector<Instant> began = {};
};

RetryPolicy thrice() {
  return RetryPolicy().stop_after_attempt(3).wait(wait_exponential(10ms));
}

// F140: attempts, and delays as computed
TEST(Retry, CallsUntilItSucceeds) {
  test::run([]() -> Task<> {
    Flaky flaky{4};
    const RetryPolicy policy =
        RetryPolicy().stop_after_attempt(9).wait(wait_exponential(1s, {.min = 2s, .max = 5s}));
    const int attempts = co_await retry(std::ref(flaky), policy);
    EXPECT_EQ(attempts, 5);
    EXPECT_EQ(flaky.pauses(), (std::vector{2000, 2000, 4000, 5000}));
  });
}

// F140, L5: what succeeds takes no turn
TEST(Retry, OfWhatSucceedsAtOnceDoesNotSuspend) {
  test::run([]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    Flaky flaky{0};
    EXPECT_EQ(co_await retry(std::ref(flaky), thrice()), 1);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// F141: the last error itself, and no wait after the last attempt
TEST(Retry, ThrowsTheLastErrorItselfAndAtOnce) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    int calls = 0;
    const auto attempt = [&]() -> Task<> {
      throw std::runtime_error("number " + std::to_string(++calls));
      co_return;
    };
    std::string said;
    try {
      co_await retry(attempt, thrice());
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "number 3");
    EXPECT_EQ(Loop::current().now() - start, 30ms) << "two waits, 10 ms and 20 ms";
  });
}

// F141: each attempt calls the factory afresh; what it throws without a task is a failure as well
TEST(Retry, TakesAFactoryThatMayThrowBeforeThereIsATask) {
  test::run([]() -> Task<> {
    int calls = 0;
    const auto factory = [&]() -> Task<int> {
      if (++calls < 3) throw std::runtime_error("no task");
      return [](int value) -> Task<int> { co_return value; }(calls);
    };
    EXPECT_EQ(co_await retry(factory, thrice()), 3);
  });
}

// F140, 4.1: RetryError wraps where that is wanted, and says what happened
TEST(Retry, WrapsTheLastErrorWhereThatIsWanted) {
  test::run([]() -> Task<> {
    Flaky flaky{99};
    RetryPolicy policy = thrice();
    policy.wrap();
    try {
      co_await retry(std::ref(flaky), policy);
      ADD_FAILURE();
    } catch (const RetryError& error) {
      EXPECT_EQ(error.attempts(), 3u);
      EXPECT_STREQ(error.what(),
                   "retry: gave up after 3 attempts: connect 'host': Connection refused");
      EXPECT_THROW(std::rethrow_exception(error.last()), Error);
    }
  });
}

// F140: what does not match comes out unchanged at once, also where giving up would wrap
TEST(Retry, PassesOnAtOnceWhatIsNotWorthAnotherAttempt) {
  test::run([]() -> Task<> {
    int calls = 0;
    const auto attempt = [&]() -> Task<> {
      if (++calls == 1) throw Error(EIO, "read");
      throw std::out_of_range("beyond");
      co_return;
    };
    RetryPolicy policy = thrice();
    policy.retry_if<Error, std::runtime_error>().wrap();
    bool passed = false;
    try {
      co_await retry(attempt, policy);
    } catch (const std::out_of_range&) {
      passed = true;
    }
    EXPECT_TRUE(passed);
    EXPECT_EQ(calls, 2);
  });
}

// F140: predicates on the failure, by type and by code
TEST(Retry, AsksThePredicateOfThePolicy) {
  test::run([]() -> Task<> {
    const RetryPolicy refused = RetryPolicy().retry_if([](const Failure& failure) {
      return failure.error_code() == std::errc::connection_refused;
    });
    const RetryPolicy but_errors = RetryPolicy().retry_if_not<Error>();
    Flaky flaky{2};
    EXPECT_EQ(co_await retry(std::ref(flaky), refused), 3);
    Flaky again{2};
    const auto ended = co_await as_result(retry(std::ref(again), but_errors));
    EXPECT_EQ(ended.error(), std::errc::connection_refused);
    EXPECT_EQ(again.began.size(), 1u);
    int calls = 0;
    const auto throwing = [&]() -> Task<int> {
      if (++calls < 3) throw Error(ECONNREFUSED, "connect");
      co_return calls;
    };
    EXPECT_EQ(co_await retry(throwing, refused), 3);
  });
}

// The caller's mistake stays one: no endless loop over it
TEST(Retry, DoesNotRepeatAMistakeUnlessToldTo) {
  test::run([]() -> Task<> {
    int calls = 0;
    const auto attempt = [&]() -> Task<> {
      ++calls;
      throw UsageError("wrong");
      co_return;
    };
    EXPECT_FALSE(co_await as_outcome(retry(attempt)));
    EXPECT_EQ(calls, 1);
    RetryPolicy policy = thrice();
    policy.retry_if<std::logic_error>();
    EXPECT_FALSE(co_await as_outcome(retry(attempt, policy)));
    EXPECT_EQ(calls, 4);
  });
}

// 4.1: retry_if_result
TEST(Retry, RepeatsForAValueThatIsNotWanted) {
  test::run([]() -> Task<> {
    int calls = 0;
    const auto attempt = [&]() -> Task<int> { co_return ++calls < 3 ? 503 : 200; };
    const auto busy = [](int status) { return status == 503; };
    EXPECT_EQ(co_await retry(attempt, thrice(), busy), 200);
    EXPECT_EQ(calls, 3);
    calls = -9;
    try {
      co_await retry(attempt, thrice(), busy);
      ADD_FAILURE();
    } catch (const RetryError& error) {
      EXPECT_EQ(error.last(), nullptr);
      EXPECT_STREQ(error.what(),
                   "retry: gave up after 3 attempts: its value is not what was wanted");
    }
  });
}

// F54: cancelled while it waits, it ends at once
TEST(Retry, EndsAtOnceWhenItIsCancelledBetweenAttempts) {
  test::run([]() -> Task<> {
    Flaky flaky{99};
    const RetryPolicy policy = RetryPolicy().wait(wait_fixed(1h));
    auto task = spawn(retry(std::ref(flaky), policy));
    co_await test::settle();
    EXPECT_EQ(flaky.began.size(), 1u);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(flaky.began.size(), 1u);
    EXPECT_EQ(Loop::current().now(), flaky.began.front());
  });
}

// F54: a cancel is no failure, whatever the policy says
TEST(Retry, NeverRepeatsWhatWasCancelled) {
  test::run([]() -> Task<> {
    int calls = 0, asked = 0;
    const auto attempt = [&]() -> Task<> {
      ++calls;
      co_await sleep(1h);
    };
    const RetryPolicy policy = RetryPolicy().retry_if([&](const Failure&) { return ++asked > 0; });
    auto task = spawn(retry(attempt, policy));
    co_await test::settle();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(asked, 0);
  });
}

// C13, edge 2: a cancel that comes with an attempt's failure is delivered at the wait
TEST(Retry, LosesNoCancelThatComesWithAFailure) {
  test::run([]() -> Task<> {
    int calls = 0;
    const auto attempt = [&]() -> Task<> {
      ++calls;
      this_task().cancel();
      co_await fail(Failure::error(EIO, "read"));
    };
    auto task = spawn(retry(attempt, RetryPolicy()));
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(calls, 1);
  });
}

// A deadline outside cuts the wait; one inside is a failure of an attempt
TEST(Retry, HasTimeoutsOutsideAndInside) {
  test::run([]() -> Task<> {
    Flaky flaky{99};
    const Instant start = Loop::current().now();
    const RetryPolicy slow = RetryPolicy().wait(wait_fixed(1h));
    const auto cut = co_await as_result(timeout(5s, retry(std::ref(flaky), slow)));
    EXPECT_EQ(cut.error(), std::errc::timed_out);
    EXPECT_EQ(Loop::current().now() - start, 5s);

    int calls = 0;
    const auto work = [&]() -> Task<int> {
      if (++calls < 3) co_await sleep(1h);
      co_return calls;
    };
    const auto attempt = [&]() { return timeout(1s, work()); };
    RetryPolicy timely = thrice();
    timely.retry_if<TimeoutError>();
    EXPECT_EQ(co_await retry(attempt, timely), 3);
  });
}

// 4.1: stop_after_delay, stop_before_delay
TEST(Retry, StopsByTime) {
  test::run([]() -> Task<> {
    Flaky after{99};
    RetryPolicy policy = RetryPolicy().wait(wait_fixed(10ms)).stop_after_delay(25ms);
    EXPECT_FALSE(co_await as_outcome(retry(std::ref(after), policy)));
    EXPECT_EQ(after.began.size(), 4u) << "at 0, 10, 20 and 30 ms";

    Flaky before{99};
    policy = RetryPolicy().wait(wait_fixed(10ms)).stop_before_delay(25ms);
    const Instant start = Loop::current().now();
    EXPECT_FALSE(co_await as_outcome(retry(std::ref(before), policy)));
    EXPECT_EQ(before.began.size(), 3u);
    EXPECT_EQ(Loop::current().now() - start, 20ms) << "no wait that would cross the limit";

    Flaky never{99};
    policy = RetryPolicy().stop_after_delay(-1s);
    EXPECT_FALSE(co_await as_outcome(retry(std::ref(never), policy)));
    EXPECT_EQ(never.began.size(), 1u) << "one attempt is made whatever the limit";
  });
}

// Attempts that never wait let others run
TEST(Retry, WithoutAWaitTakesATurnForEachAttempt) {
  test::run([]() -> Task<> {
    Flaky flaky{20};
    auto task = spawn(retry(std::ref(flaky)));
    for (int turn = 0; turn < 5; ++turn) co_await yield();
    EXPECT_LE(flaky.began.size(), 6u);
    EXPECT_EQ(co_await task, 21);
  });
}

// 4.1: before, after, before_sleep, and what they are told
TEST(Retry, TellsItsHooks) {
  test::run([]() -> Task<> {
    Log log;
    const auto say = [&log](const char* when) {
      return [&log, when](const RetryState& state) {
        log(when + std::to_string(state.attempt) + (state.failure ? "!" : "") + "@" +
            std::to_string(state.elapsed / 1ms) + "+" + std::to_string(state.next_wait / 1ms));
      };
    };
    RetryPolicy policy = thrice();
    policy.before(say("b")).after(say("a")).before_sleep(say("s"));
    Flaky flaky{2};
    co_await retry(std::ref(flaky), policy);
    EXPECT_EQ(log.text(), "b1@0+0 a1!@0+0 s1!@0+10 b2@10+10 a2!@10+10 s2!@10+20 b3@30+20 a3@30+20");
  });
}

TEST(Retry, APolicyThatIsChangedLeavesItsCopiesAsTheyAre) {
  test::run([]() -> Task<> {
    Log log;
    const auto say = [&log](const char* what) {
      return [&log, what](const RetryState&) { log(what); };
    };
    RetryPolicy policy = thrice();
    policy.before(say("b"));
    const RetryPolicy copy = policy;
    policy.before(say("B")).after(say("A"));
    Flaky flaky{0};
    co_await retry(std::ref(flaky), copy);
    EXPECT_EQ(log.text(), "b");
    co_await retry(std::ref(flaky), policy);
    EXPECT_EQ(log.text(), "b B A");
  });
}

TEST(Retry, EndsWithWhatAHookThrows) {
  test::run([]() -> Task<> {
    RetryPolicy policy = thrice();
    policy.before_sleep([](const RetryState&) { throw std::runtime_error("enough"); });
    Flaky flaky{2};
    auto ended = co_await as_outcome(retry(std::ref(flaky), policy));
    EXPECT_THROW(ended.error().raise(), std::runtime_error);
    EXPECT_EQ(flaky.began.size(), 1u);
  });
}

// 4.1: statistics, over all calls of a policy
TEST(Retry, CountsWhatAPolicyDid) {
  test::run([]() -> Task<> {
    RetryStatistics sums;
    RetryPolicy policy = thrice();
    policy.count_in(sums).retry_if<Error>();
    Flaky good{1}, bad{99};
    co_await retry(std::ref(good), policy);
    EXPECT_FALSE(co_await as_outcome(retry(std::ref(bad), policy)));
    const auto other = []() -> Task<> {
      throw std::runtime_error("other");
      co_return;
    };
    EXPECT_FALSE(co_await as_outcome(retry(other, policy)));
    EXPECT_EQ(sums.calls, 3u);
    EXPECT_EQ(sums.attempts, 6u);
    EXPECT_EQ(sums.succeeded, 1u);
    EXPECT_EQ(sums.given_up, 1u);
    EXPECT_EQ(sums.passed_on, 1u);
    EXPECT_EQ(sums.idle, 40ms);
  });
}

// A wait that the failure itself tells, such as Retry-After
TEST(Retry, WaitsAsLongAsACallableSays) {
  test::run([]() -> Task<> {
    Flaky flaky{2};
    const RetryPolicy policy = RetryPolicy().wait_by(
        [](const RetryState& state) { return 7ms * static_cast<int>(state.attempt); });
    co_await retry(std::ref(flaky), policy);
    EXPECT_EQ(flaky.pauses(), (std::vector{7, 14}));
    Flaky late{2};
    RetryStatistics sums;
    RetryPolicy early = RetryPolicy().wait_by([](const RetryState&) { return -1h; });
    co_await retry(std::ref(late), early.count_in(sums));
    EXPECT_EQ(late.pauses(), (std::vector{0, 0})) << "a length below zero is none";
    EXPECT_EQ(sums.idle, 0s);
  });
}

struct Pieces {
  Task<int&> operator()() {
    if (++calls < 2) co_await fail(Failure::error(EIO, "read"));
    co_return calls;
  }
  int calls = 0;
};

TEST(Retry, GivesReferencesAndWhatCanOnlyBeMoved) {
  test::run([]() -> Task<> {
    Pieces pieces;
    int& calls = co_await retry(std::ref(pieces), thrice());
    EXPECT_EQ(&calls, &pieces.calls);
    const auto own = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    const std::unique_ptr<int> seven = co_await retry(own, thrice());
    EXPECT_EQ(*seven, 7);
  });
}

// Nothing of an attempt that gave what is not wanted stays while it waits for the next
TEST(Retry, KeepsNothingOfAnAttemptWhileItWaits) {
  test::run([]() -> Task<> {
    auto alive = std::make_shared<int>(0);
    const auto attempt = [&alive]() -> Task<std::shared_ptr<int>> { co_return alive; };
    RetryPolicy policy = RetryPolicy().wait(wait_fixed(1h));
    auto task = spawn(retry(attempt, policy, [](const std::shared_ptr<int>&) { return true; }));
    co_await test::settle();
    EXPECT_EQ(alive.use_count(), 1);
    task.cancel();
    co_await wait_until_done(task);
  });
}

// ∅
TEST(Retry, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  test::run([]() -> Task<> {
    RetryStatistics sums;
    RetryPolicy policy =
        thrice().wait(wait_random_exponential(1ms)).retry_if<Error>().count_in(sums);
    int calls = 0;
    const auto attempt = [&]() -> Task<int> {
      if (++calls % 3 != 0) co_await fail(Failure::error(EIO, "read"));
      co_return calls;
    };
    std::size_t before = 0;
    for (int round = 0; round < 5; ++round) {
      before = test::allocations();
      static_cast<void>(co_await as_result(retry(attempt, policy)));
    }
    EXPECT_EQ(test::allocations() - before, 0u);
    EXPECT_EQ(calls, 15);
  });
}

// edge 10
TEST(Retry, RefusesNumbersThatAreNone) {
  EXPECT_THROW(RetryPolicy().stop_after_attempt(0), UsageError);
  EXPECT_THROW(RetryPolicy().stop_after_attempt(-1), UsageError);
  EXPECT_THROW(RetryPolicy().stop_after_attempt(~std::uint64_t{0}), UsageError);
  EXPECT_NO_THROW(RetryPolicy().stop_after_attempt(std::uint64_t{1} << 32));
}

// F143: best effort; the fallback is for failures alone
TEST(Retry, HasAFallbackForFailuresAndNoneForACancel) {
  test::run([]() -> Task<> {
    int fallbacks = 0;
    const auto fallback = [&]() -> Task<int> { co_return ++fallbacks; };
    Flaky flaky{99};
    const auto primary = [&]() { return retry(std::ref(flaky), thrice()); };
    EXPECT_EQ(co_await first_ok(primary, fallback), 1);
    auto task = spawn([&]() -> Task<> { co_await first_ok(primary, fallback); });
    co_await test::settle();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(fallbacks, 1);
  });
}

}  // namespace
