// A failure that meets a cancel is thrown or reported, and one of them is told.
#include "support/run.hpp"

#include <stdexcept>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::Log;
using test::wait_until_done;

Task<int> wait_long() {
  co_await sleep(1h);
  co_return 1;
}
// Ends with an error when it is cancelled.
Task<int> fail_when_cancelled() {
  auto slept = co_await as_outcome(sleep(1h));
  if (slept) co_return 1;
  throw std::runtime_error("in the cleanup");
}
Task<int> value_when_cancelled() {
  co_await as_outcome(sleep(1h));
  co_return 2;
}

template <class A>
Task<std::string> how_ends(A awaitable) {
  auto outcome = co_await as_outcome(std::move(awaitable));
  if (outcome) co_return "value";
  co_return outcome.error().is_cancelled() ? "cancelled" : "error";
}
template <class F>
std::string cancelled(F make) {
  return test::run([&]() -> Task<std::string> {
    auto task = spawn([&]() -> Task<std::string> { co_return co_await how_ends(make()); });
    co_await test::settle();
    task.cancel();
    auto text = co_await task;
    co_await test::settle();
    co_return text;
  });
}

// F24, H1: the first child that ends badly decides, as in CPython
TEST(Gather, ThatIsCancelledEndsAsTheFirstChildThatEndedBadly) {
  EXPECT_EQ(cancelled([] { return gather(fail_when_cancelled(), wait_long()); }), "error");
  EXPECT_EQ(cancelled([] { return gather(wait_long(), fail_when_cancelled()); }), "cancelled");
  EXPECT_EQ(cancelled([] { return gather(value_when_cancelled(), fail_when_cancelled()); }),
            "error");
  EXPECT_EQ(cancelled([] { return gather(value_when_cancelled(), value_when_cancelled()); }),
            "cancelled");
  EXPECT_EQ(cancelled([] { return gather_settled(fail_when_cancelled(), wait_long()); }),
            "cancelled");
  const auto of_range = [] {
    std::vector<Task<int>> tasks;
    tasks.push_back(fail_when_cancelled());
    tasks.push_back(wait_long());
    return gather(std::move(tasks));
  };
  EXPECT_EQ(cancelled(of_range), "error");
}

// C9: the reason travels to the children, and comes back
TEST(Gather, PassesTheReasonOfACancelOn) {
  test::run([]() -> Task<> {
    std::string seen;
    const auto child = [&]() -> Task<int> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled& exception) {
        seen = exception.message();
      }
      co_return 1;
    };
    auto task = spawn([&]() -> Task<std::string> {
      try {
        co_await gather(call(child));
      } catch (const Cancelled& exception) {
        co_return std::string(exception.message());
      }
      co_return "no cancel";
    });
    co_await test::settle();
    task.cancel("enough");
    EXPECT_EQ(co_await task, "enough");
    EXPECT_EQ(seen, "enough");
  });
}

// C4, B6: the child failed, and the cancel came before gather() had thrown that
TEST(Gather, LeavesAFailureToBeReportedWhenACancelComesFirst) {
  std::vector<std::string> reports;
  Loop loop(test::options());
  loop.on_exception([&](const ExceptionReport& report) { reports.emplace_back(report.message); });
  const auto body = [&]() -> Task<> {
    auto child = spawn([]() -> Task<int> {
      co_await yield();
      throw std::runtime_error("x");
    });
    const auto gathers = [child]() -> Task<> { co_await gather(child, wait_long()); };
    auto task = spawn(gathers);
    co_await yield();
    co_await yield();
    EXPECT_TRUE(child.done());
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  };
  loop.run(body());
  EXPECT_EQ(reports.size(), 1u);
  loop.close();
}

// Two that had failed before: the second is not kept for ever
TEST(Gather, ForgetsTheSecondOfTwoThatHadFailed) {
  std::vector<std::string> reports;
  {
    Loop loop(test::options());
    loop.on_exception([&](const ExceptionReport& report) { reports.emplace_back(report.message); });
    const auto body = []() -> Task<> {
      const auto fails = []() -> Task<int> {
        throw std::runtime_error("x");
        co_return 1;
      };
      auto first = spawn(call(fails)), second = spawn(call(fails));
      co_await test::settle();
      EXPECT_THROW(co_await gather(first, second), std::runtime_error);
    };
    loop.run(body());
  }
  EXPECT_TRUE(reports.empty());
}

// As gather(): a failure is told, and nothing outlives the race
TEST(Race, ThatIsCancelledTellsAFailure) {
  EXPECT_EQ(cancelled([] { return race(fail_when_cancelled(), wait_long()); }), "error");
  EXPECT_EQ(cancelled([] { return race(wait_long(), fail_when_cancelled()); }), "error");
  EXPECT_EQ(cancelled([] { return race(wait_long(), value_when_cancelled()); }), "cancelled");
}

// T7
TEST(Timeout, TellsItsDeadlineWhenItHasEnded) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    Timeout* seen = nullptr;
    const auto quick = [&](Timeout& scope) -> Task<> {
      seen = &scope;
      co_await yield();
    };
    auto ended = timeout(5ms, quick);
    EXPECT_NO_THROW(co_await ended);
    EXPECT_EQ(seen->when(), start + 5ms);
    const auto expires = [&](Timeout& scope) -> Task<> {
      seen = &scope;
      scope.reschedule(start + 7ms);
      co_await as_outcome(sleep(1h));
      EXPECT_TRUE(scope.expired());
      EXPECT_EQ(scope.when(), start + 7ms);
    };
    auto expired = timeout(5ms, expires);
    EXPECT_NO_THROW(co_await expired);
    EXPECT_EQ(seen->when(), start + 7ms);
    EXPECT_THROW(seen->reschedule(start), UsageError);
  });
}

TEST(Generators, TakeNoNegativeNumber) {
  EXPECT_THROW(take(-1), UsageError);
  EXPECT_THROW(take(static_cast<std::size_t>(-1)), UsageError);
}

}  // namespace
