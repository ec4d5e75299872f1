// A failure by value ends what a body holds as early as an exception that is thrown.
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <stdexcept>

namespace {

using namespace eddy;

class Says {
 public:
  Says(test::Log& log, std::string line) : log_(&log), line_(std::move(line)) {}
  Says(Says&& other) noexcept : log_(std::exchange(other.log_, nullptr)), line_(other.line_) {}
  ~Says() { if (log_) (*log_)(line_); }

 private:
  test::Log* log_;
  std::string line_;
};

Task<> fails(test::Log& log, bool by_value, bool later) {
  Says first(log, "first");
  Says second(log, "second");
  if (later) co_await yield();
  if (by_value) co_await fail(Failure::error(ENOSPC, "write"));
  throw Error(ENOSPC, "write");
}

struct How {
  bool by_value;
  bool later;
};
constexpr How ways[] = {{false, false}, {false, true}, {true, false}, {true, true}};

TEST(Fail, EndsTheLocalsBeforeWhoeverAwaitsGoesOn) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      Task<> task = fails(log, by_value, later);
      bool caught = false;
      try {
        co_await task;
      } catch (const Error&) {
        caught = true;
        log("caught");
      }
      EXPECT_TRUE(caught);
      EXPECT_EQ(log.text(), "second first caught");
    });
  }
}

TEST(Fail, EndsTheLocalsAlsoWhereTheOutcomeIsAValue) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      Task<> task = fails(log, by_value, later);
      const auto outcome = co_await as_outcome(std::move(task));
      log("outcome");
      EXPECT_FALSE(outcome);
      Task<> again = fails(log, by_value, later);
      const auto result = co_await as_result(std::move(again));
      log("result");
      EXPECT_EQ(result.error(), std::errc::no_space_on_device);
      EXPECT_EQ(log.text(), "second first outcome second first result");
    });
  }
}

TEST(Fail, EndsTheLocalsOfEveryBodyOnItsWayFromTheInnermostOut) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      const auto outer = [&log, by_value, later]() -> Task<> {
        Says own(log, "outer");
        Task<> inner = fails(log, by_value, later);
        co_await inner;
      };
      Task<> task = outer();
      try {
        co_await task;
      } catch (const Error&) {
        log("caught");
      }
      EXPECT_EQ(log.text(), "second first outer caught");
    });
  }
}

TEST(Fail, EndsTheLocalsOfASpawnedTaskBeforeItIsDone) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      auto task = spawn(fails(log, by_value, later));
      task.on_done([&](const TaskHandle&) { log("done"); });
      co_await test::wait_until_done(task);
      co_await yield();
      EXPECT_TRUE(task.exception());
      EXPECT_EQ(log.text(), "second first done");
    });
  }
}

TEST(Fail, EndsTheLocalsBeforeWhatTimesItOutOrGathersIt) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      auto limited = timeout(1h, fails(log, by_value, later));
      EXPECT_FALSE(co_await as_outcome(std::move(limited)));
      log("timeout");
      auto both = gather(fails(log, by_value, later), test::settle());
      EXPECT_FALSE(co_await as_outcome(std::move(both)));
      log("gather");
      EXPECT_EQ(log.text(), "second first timeout second first gather");
    });
  }
}

TEST(Fail, EndsTheLocalsOfAGeneratorBeforeItsConsumerGoesOn) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      const auto counts = [](test::Log& out, bool value, bool wait) -> Generator<int> {
        Says first(out, "first");
        co_yield 1;
        Says second(out, "second");
        if (wait) co_await yield();
        if (value) co_await fail(Failure::error(ENOSPC, "count"));
        throw Error(ENOSPC, "count");
      };
      auto made = counts(log, by_value, later);
      auto numbers = std::move(made);
      EXPECT_EQ(co_await numbers.next(), 1);
      const auto failed = co_await as_outcome(numbers.next());
      log("failed");
      EXPECT_FALSE(failed);
      EXPECT_EQ(log.text(), "second first failed");
      EXPECT_EQ(co_await numbers.next(), std::nullopt) << "at its end";
      auto moved = std::move(numbers);
      EXPECT_EQ(co_await moved.next(), std::nullopt);
      co_await moved.aclose();
      bool refused = false;
      try {
        co_await numbers.next();
      } catch (const UsageError&) {
        refused = true;
      }
      EXPECT_TRUE(refused) << "it was moved from";
    });
  }
}

TEST(Fail, EndsTheLocalsBeforeTheCleanupOfTryFinally) {
  for (const auto [by_value, later] : ways) {
    test::run([by_value, later]() -> Task<> {
      test::Log log;
      const auto body = [&]() -> Task<> { return fails(log, by_value, later); };
      const auto cleanup = [&]() -> Task<> {
        log("cleanup");
        co_return;
      };
      const auto outcome = co_await as_outcome(try_finally(body, cleanup));
      EXPECT_FALSE(outcome);
      EXPECT_EQ(log.text(), "second first cleanup");
    });
  }
}

TEST(Fail, LeavesATaskThatCannotBeAwaitedAgain) {
  test::run([]() -> Task<> {
    test::Log log;
    Task<> task = fails(log, true, false);
    int errors = 0;
    for (int i = 0; i < 2; ++i) {
      try {
        co_await task;
      } catch (const Error&) {
        ++errors;
      } catch (const UsageError&) {
        errors += 10;
      }
    }
    EXPECT_EQ(errors, 11);
    EXPECT_FALSE(task.valid());
  });
}

}  // namespace
