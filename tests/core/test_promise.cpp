// The stack that awaiting takes, and coroutines that fail without an exception.
#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::Tracker;
using test::wait_until_done;

TEST(Fail, EndsACoroutineWithoutAnException) {
  test::run([&]() -> Task<> {
    bool after = false;
    const auto fails = [&]() -> Task<int> {
      Tracker tracker;
      co_await fail(Failure::error(ENOENT, "look"));
      after = true;
      co_return 1;
    };
    EXPECT_EQ((co_await as_result(fails())).error(), std::errc::no_such_file_or_directory);
    EXPECT_FALSE(after);
    EXPECT_EQ(Tracker::alive, 0);
    EXPECT_THROW(co_await fails(), Error);
    auto task = spawn(fails());
    EXPECT_THROW(co_await task, Error);
    EXPECT_EQ(Tracker::alive, 0);
  });
}

// The lowest and the highest frame that looked: the stack that lies between two awaits of a loop.
class Stack {
 public:
  [[gnu::noinline]] void look() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    low_ = std::min(low_, here);
    high_ = std::max(high_, here);
  }
  std::size_t depth() const { return high_ - low_; }

 private:
  std::uintptr_t low_ = UINTPTR_MAX;
  std::uintptr_t high_ = 0;
};

// Whatever the compiler makes of tail calls: a leak of one frame per await would be 160 MB.
constexpr std::size_t flat = 4096;
// Less under AddressSanitizer.
constexpr int rounds = internal::Pool::keeps_blocks ? 10'000'000 : 3'000'000;

// L5
TEST(Stack, StaysFlatOverMillionsOfChildrenThatEndAtOnce) {
  test::run([&]() -> Task<> {
    Stack stack;
    const auto child = [&](int value) -> Task<int> {
      stack.look();
      co_return value;
    };
    const auto parent = [&]() -> Task<int> { co_return co_await child(1) + co_await child(2); };
    const auto turns = Loop::current().stats().turns;
    std::int64_t sum = 0;
    for (int i = 0; i < rounds; i += 2) sum += co_await parent();
    EXPECT_EQ(sum, 3LL * rounds / 2);
    EXPECT_LT(stack.depth(), flat);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

// L5
TEST(Stack, StaysFlatOverMillionsOfReadyLocksAndDoneTasks) {
  test::run([&]() -> Task<> {
    Stack stack;
    Lock lock;
    const auto value = []() -> Task<int> { co_return 1; };
    auto done = spawn(value());
    co_await done;
    const auto turns = Loop::current().stats().turns;
    std::int64_t sum = 0;
    for (int i = 0; i < rounds; i += 2) {
      co_await lock.acquire();
      stack.look();
      lock.release();
      sum += co_await done;
      stack.look();
    }
    EXPECT_EQ(sum, rounds / 2);
    EXPECT_LT(stack.depth(), flat);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

TEST(Stack, StaysFlatOverAMillionChildrenThatEndLater) {
  test::run([&]() -> Task<> {
    Stack stack;
    const auto leaf = [&]() -> Task<> {
      co_await yield();
      stack.look();
    };
    const auto child = [&]() -> Task<> {
      co_await leaf();
      stack.look();
    };
    for (int i = 0; i < 1'000'000; ++i) co_await child();
    EXPECT_LT(stack.depth(), flat);
  });
}

TEST(Stack, StaysFlatOverFailuresOfChildrenThatEndLater) {
  test::run([&]() -> Task<> {
    Stack stack;
    const auto child = [&]() -> Task<> {
      co_await yield();
      stack.look();
      co_await fail(Failure::error(EIO, "try"));
    };
    for (int i = 0; i < 100'000; ++i) {
      const auto result = co_await as_result(child());
      if (result) ADD_FAILURE() << "no failure";
    }
    EXPECT_LT(stack.depth(), flat);
  });
}

// Going down is a call per level; coming back from the leaf is none.
struct Descent {
  Task<int> go(int levels) {
    if (levels == 0) {
      co_await yield();
      stack.look();
      if (fails) throw std::runtime_error("leaf");
      co_return 0;
    }
    const Tracker local(levels);
    const int below = co_await go(levels - 1);
    stack.look();
    co_return below + (local.number() == levels ? 1 : 0);
  }
  Stack stack;
  bool fails = false;
};

TEST(Stack, StaysFlatWhenAThousandNestedAwaitsUnwindFromTheLeaf) {
  test::run([&]() -> Task<> {
    Descent descent;
    EXPECT_EQ(co_await descent.go(1000), 1000);
    EXPECT_LT(descent.stack.depth(), flat);
    EXPECT_EQ(Tracker::alive, 0);
  });
}

TEST(Stack, UnwindsNestedAwaitsThatFailOrAreCancelled) {
  test::run([&]() -> Task<> {
    Descent descent{.stack = {}, .fails = true};
    EXPECT_THROW(co_await descent.go(1000), std::runtime_error);
    EXPECT_EQ(Tracker::alive, 0);
    auto task = spawn(descent.go(1000));
    co_await yield();
    EXPECT_EQ(Tracker::alive, 1000);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(Tracker::alive, 0);
  });
}

TEST(Fail, MayComeAfterAWaitAndReachesTheTasksHandle) {
  test::run([&]() -> Task<> {
    const auto fails = []() -> Task<std::string> {
      const Tracker local;
      co_await yield();
      co_await fail(Failure::cancelled("given up"));
      co_return "not reached";
    };
    const auto middle = [&]() -> Task<std::string> { co_return "<" + co_await fails() + ">"; };
    auto task = spawn(middle());
    try {
      static_cast<void>(co_await task);
      ADD_FAILURE() << "a value";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "given up");
    }
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(Tracker::alive, 0);
  });
}

}  // namespace
