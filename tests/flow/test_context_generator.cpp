#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;
using test::wait_until_done;

// Lends a number, and cleans up, which takes a while.
ContextGenerator<int&> managed(Log& log, int& number) {
  co_await yield();
  log("enter");
  std::exception_ptr failure;
  try {
    co_yield number;
  } catch (...) {
    failure = std::current_exception();
  }
  co_await yield();
  log(failure ? "exit!" : "exit");
  if (failure) std::rethrow_exception(failure);
}
Task<> throws(int&) {
  throw std::runtime_error("body");
  co_return;
}

// F71
TEST(ContextGenerator, RunsTheBodyAtItsYield) {
  test::run([]() -> Task<> {
    Log log;
    int number = 1;
    const int before = co_await with(managed(log, number), [&](int& lent) -> Task<int> {
      log("body");
      co_return std::exchange(lent, 5);
    });
    EXPECT_EQ(before, 1);
    EXPECT_EQ(number, 5);
    EXPECT_EQ(log.text(), "enter body exit");
  });
}

// F71: at the yield, and it keeps its identity
TEST(ContextGenerator, ThrowsTheExceptionOfTheBodyAtItsYield) {
  test::run([]() -> Task<> {
    Log log;
    int number = 1;
    const auto mine = std::make_exception_ptr(std::runtime_error("mine"));
    const auto body = [&](int&) -> Task<> {
      std::rethrow_exception(mine);
      co_return;
    };
    auto outcome = co_await as_outcome(with(managed(log, number), body));
    EXPECT_EQ(outcome.error().exception(), mine);
    EXPECT_EQ(log.text(), "enter exit!");
  });
}

// F71
TEST(ContextGenerator, SuppressesWhatItDoesNotRethrow) {
  test::run([]() -> Task<> {
    const auto suppresses = []() -> Generator<int> {
      try {
        co_yield 1;
      } catch (const std::runtime_error&) {
      }
    };
    co_await with(context_generator(suppresses()), &throws);
  });
}

// F71
TEST(ContextGenerator, ReplacesTheExceptionByItsOwn) {
  test::run([]() -> Task<> {
    const auto replaces = []() -> Generator<int> {
      try {
        co_yield 1;
      } catch (const std::runtime_error&) {
        throw std::logic_error("other");
      }
    };
    EXPECT_THROW(co_await with(context_generator(replaces()), &throws), std::logic_error);
    const auto fails_to_leave = []() -> Generator<int> {
      co_yield 1;
      throw std::logic_error("exit");
    };
    const auto body = [](int&) -> Task<> { co_return; };
    EXPECT_THROW(co_await with(context_generator(fails_to_leave()), body), std::logic_error);
  });
}

// F43: a wrapper around a timeout sees what the timeout makes of it
TEST(ContextGenerator, SeesATimeoutOfTheBody) {
  test::run([]() -> Task<> {
    Log log;
    const auto logged = [&]() -> Generator<int> {
      try {
        co_yield 1;
      } catch (const TimeoutError&) {
        log("timeout");
        throw;
      }
    };
    const auto body = [](int&) -> Task<> { co_await timeout(1ms, sleep(1h)); };
    EXPECT_THROW(co_await with(context_generator(logged()), body), TimeoutError);
    EXPECT_EQ(log.text(), "timeout");
  });
}

// F71
TEST(ContextGenerator, HasToYieldExactlyOnce) {
  const int alive = Tracker::alive;
  test::run([]() -> Task<> {
    const auto body = [](int&) -> Task<> { co_return; };
    const auto never = []() -> Generator<int> { co_return; };
    EXPECT_THROW(co_await with(context_generator(never()), body), UsageError);
    bool closed = false;
    const auto twice = [&]() -> Generator<int> {
      Tracker local;
      try {
        co_yield 1;
      } catch (const std::runtime_error&) {
      }
      try {
        co_yield 2;
      } catch (const GeneratorExit&) {
        closed = true;
        throw;
      }
    };
    EXPECT_THROW(co_await with(context_generator(twice()), body), UsageError);
    EXPECT_TRUE(std::exchange(closed, false));
    EXPECT_THROW(co_await with(context_generator(twice()), &throws), UsageError);
    EXPECT_TRUE(closed);
  });
  EXPECT_EQ(Tracker::alive, alive);
}

// F71, F73
TEST(ContextGenerator, FailsToEnter) {
  test::run([]() -> Task<> {
    const auto fails = []() -> Generator<int> {
      throw std::logic_error("enter");
      co_yield 1;
    };
    const auto body = [](int&) -> Task<> {
      ADD_FAILURE() << "it was not entered";
      co_return;
    };
    EXPECT_THROW(co_await with(context_generator(fails()), body), std::logic_error);
  });
}

// F71, F70
TEST(ContextGenerator, CleansUpWhenItIsCancelled) {
  test::run([]() -> Task<> {
    Log log;
    int number = 1;
    auto task = spawn([&]() -> Task<> {
      co_await with(managed(log, number), [](int&) -> Task<> { co_await sleep(1h); });
    });
    co_await test::settle();
    task.cancel("enough");
    try {
      co_await task;
      ADD_FAILURE() << "no exception";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "enough");
    }
    EXPECT_EQ(log.text(), "enter exit!");
  });
}

// F72
TEST(ContextGenerator, MayStandInAnExitStack) {
  test::run([]() -> Task<> {
    Log log;
    int number = 1;
    co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
      int& lent = co_await stack.enter(managed(log, number));
      lent = 4;
      log("body");
    });
    EXPECT_EQ(number, 4);
    EXPECT_EQ(log.text(), "enter body exit");
  });
}

}  // namespace
