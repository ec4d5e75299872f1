#include "kernel.hpp"
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <dlfcn.h>
#include <unwind.h>

#include <memory>

namespace {
std::size_t thrown = 0;
}

// Every throw and every rethrow of this program passes here.
extern "C" _Unwind_Reason_Code _Unwind_RaiseException(_Unwind_Exception* exception) {
  using Raise = _Unwind_Reason_Code (*)(_Unwind_Exception*);
  static const auto next = reinterpret_cast<Raise>(::dlsym(RTLD_NEXT, "_Unwind_RaiseException"));
  ++thrown;
  return next(exception);
}

namespace {

using namespace eddy;
using test::wait_until_done;

TEST(AsResult, CountsExceptionsInThisTest) {
  const auto before = thrown;
  const auto throws = [](int value) {
    if (value > 0) throw std::runtime_error("thrown");
  };
  EXPECT_THROW(throws(1), std::runtime_error);
  EXPECT_EQ(thrown, before + 1) << "else the tests below could not fail";
}

TEST(AsResult, GivesFailuresAsValuesAndThrowsTheRest) {
  test::run([&]() -> Task<> {
    const auto error = []() -> Task<int> {
      throw Error(ENOENT, "look");
      co_return 0;
    };
    const auto other = []() -> Task<int> {
      throw std::runtime_error("not an operation's");
      co_return 0;
    };
    EXPECT_EQ((co_await as_result(error())).error(), std::errc::no_such_file_or_directory);
    EXPECT_THROW(static_cast<void>(co_await as_result(other())), std::runtime_error);
    const auto nested = co_await as_result(as_result(timeout(1ms, sleep(1h))));
    EXPECT_EQ(nested->error(), std::errc::timed_out);
    auto task = spawn([]() -> Task<> { static_cast<void>(co_await as_result(sleep(1h))); });
    co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled()) << "a cancellation is not a result";
    EXPECT_EQ((co_await as_result(spawn(error()))).error(), std::errc::no_such_file_or_directory);
  });
}

TEST(AsResult, KeepsTheValueOfEachKind) {
  test::run([&]() -> Task<> {
    const auto nothing = []() -> Task<> { co_return; };
    static_assert(std::is_same_v<Result<void>, AwaitValue<decltype(as_result(nothing()))>>);
    EXPECT_TRUE((co_await as_result(nothing())).has_value());
    const auto unique = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto result = co_await as_result(unique());
    EXPECT_EQ(**result, 7);
    Lock lock;
    {
      auto guard = co_await as_result(lock.scoped());
      EXPECT_TRUE(guard.has_value());
      EXPECT_TRUE(lock.locked());
    }
    EXPECT_FALSE(lock.locked()) << "the guard in the result is a guard";
    auto task = spawn(unique());
    EXPECT_EQ(**co_await as_result(task), 7);
  });
}

// F42: one type for a deadline of ours and a timeout of the kernel
TEST(AsResult, TellsATimeoutOfTheKernelLikeOneOfOurs) {
  test::run([&]() -> Task<> {
    const auto kernel = []() -> Task<> { co_await fail(Failure::error(ETIMEDOUT, "connect")); };
    EXPECT_EQ((co_await as_result(kernel())).error(), std::errc::timed_out);
    EXPECT_EQ((co_await as_result(timeout(1ms, sleep(1h)))).error(), std::errc::timed_out);
    EXPECT_THROW(co_await kernel(), TimeoutError);
    EXPECT_THROW(co_await timeout(1ms, sleep(1h)), TimeoutError);
    EXPECT_THROW(co_await timeout(1ms, sleep(1h)), Error) << "both are operations' errors";
    EXPECT_THROW(co_await timeout(1ms, sleep(1h)), std::system_error);
  });
}

Task<> waits(Lock& lock) { co_await lock.acquire(); }

TEST(AsResult, ThrowsNothingForATimeout) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    test::Pipe pipe;
    char byte = 0;
    const auto before = thrown;
    for (int i = 0; i < 100; ++i) {
      EXPECT_FALSE(co_await as_result(timeout(1ms, sleep(1h))));
      EXPECT_FALSE(co_await as_result(timeout(1ms, lock.acquire())));
      EXPECT_FALSE(co_await as_result(timeout(1ms, lock.scoped())));
      EXPECT_FALSE(co_await as_result(timeout(0ms, test::read(pipe.out.get(), &byte, 1))));
      EXPECT_FALSE(co_await as_result(timeout(1h, timeout(1ms, sleep(1h)))));
      EXPECT_FALSE(co_await as_result(timeout(1ms, timeout(1h, sleep(1h)))));
      EXPECT_FALSE(co_await as_result(wait_for(sleep(1h), 1ms)));
      EXPECT_FALSE(co_await as_result(wait_for(waits(lock), 0ms)));
      EXPECT_FALSE(
          co_await as_result(timeout(1ms, try_finally(sleep(1h), [] { return yield(); }))));
    }
    EXPECT_EQ(thrown, before);
    EXPECT_FALSE(co_await as_result(timeout(1ms, waits(lock))));
    EXPECT_GT(thrown, before) << "a body of the user's is told by an exception";
    lock.release();
  });
}

TEST(AsResult, ThrowsNothingForAFailedOperation) {
  test::run([&]() -> Task<> {
    char byte = 0;
    const auto fails = []() -> Task<int> {
      co_await fail(Failure::error(EIO, "try"));
      co_return 1;
    };
    const auto before = thrown;
    EXPECT_EQ((co_await as_result(test::read(-1, &byte, 1))).error(),
              std::errc::bad_file_descriptor);
    EXPECT_EQ((co_await as_result(fails())).error(), std::errc::io_error);
    EXPECT_EQ((co_await as_result(timeout(1s, fails()))).error(), std::errc::io_error);
    EXPECT_EQ((co_await as_result(try_finally(fails(), [] { return yield(); }))).error(),
              std::errc::io_error);
    EXPECT_EQ(thrown, before);
  });
}

// C13 and C7 together: a result that comes with the deadline is the result
TEST(AsResult, OfATimeoutIsTheResultThatCameWithTheDeadline) {
  Loop loop;  // real time: completions and deadlines race
  const auto main = []() -> Task<> {
    for (int i = 0; i < 1000; ++i) {
      const auto result = co_await as_result(timeout(0ms, test::nop()));
      EXPECT_TRUE(result.has_value());
      EXPECT_EQ(this_task().cancelling(), 0u);
      co_await yield();  // nothing is pending
    }
  };
  loop.run(main());
}

TEST(AsResult, StillThrowsACancelThatCameFromOutside) {
  test::run([&]() -> Task<> {
    const auto work = []() -> Task<int> {
      static_cast<void>(co_await as_result(timeout(1h, as_result(sleep(2h)))));
      co_return 1;
    };
    auto task = spawn(work());
    co_await yield();
    task.cancel("outside");
    try {
      static_cast<void>(co_await as_result(task));
      ADD_FAILURE() << "a cancelled task has no result";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "outside");
    }
  });
}

TEST(AsResult, AllocatesNothingWhenATimeoutExpires) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    const auto use = [&]() -> Task<> {
      for (int i = 0; i < 10; ++i) {
        static_cast<void>(co_await as_result(timeout(1ms, timeout(1h, sleep(1h)))));
      }
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
