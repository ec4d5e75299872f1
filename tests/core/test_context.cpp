#include "support/allocations.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;

ContextVar<std::string> request_id("request_id", "none");
ContextVar<int> number("number");

// F100
TEST(ContextVar, IsCopiedWhenATaskIsSpawned) {
  test::run([&]() -> Task<> {
    auto guard = request_id.set("parent");
    auto child = spawn([]() -> Task<std::string> {
      const std::string inherited = request_id.get();
      auto inner = request_id.set("child");
      co_await yield();
      co_return inherited + "," + request_id.get();
    });
    auto later = request_id.set("later");
    EXPECT_EQ(co_await child, "parent,child");
    EXPECT_EQ(request_id.get(), "later");
  });
}

TEST(ContextVar, IsSharedByCoroutinesThatAreAwaited) {
  test::run([&]() -> Task<> {
    const auto sets = []() -> Task<> {
      auto guard = request_id.set("inner");
      guard.keep();
      co_return;
    };
    co_await sets();
    EXPECT_EQ(request_id.get(), "inner");
  });
}

TEST(ContextVar, IsResetByItsGuard) {
  test::run([&]() -> Task<> {
    {
      auto outer = request_id.set("a");
      {
        auto inner = request_id.set("b");
        EXPECT_EQ(request_id.get(), "b");
      }
      EXPECT_EQ(request_id.get(), "a");
    }
    EXPECT_EQ(request_id.get(), "none");
    co_return;
  });
}

TEST(ContextVar, WithoutAValueAndDefaultIsAnError) {
  test::run([&]() -> Task<> {
    EXPECT_THROW(number.get(), UsageError);
    auto guard = number.set(4);
    EXPECT_EQ(number.get(), 4);
    co_return;
  });
}

TEST(ContextVar, OfACallbackIsThatOfItsRegistration) {
  test::run([&]() -> Task<> {
    std::string seen;
    auto task = spawn([]() -> Task<> { co_await yield(); });
    {
      auto guard = request_id.set("registered");
      task.on_done([&](const TaskHandle&) { seen = request_id.get(); });
    }
    co_await task;
    co_await test::settle();
    EXPECT_EQ(seen, "registered");
  });
}

TEST(ContextVar, AllocatesNothingOnceWarm) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([&]() -> Task<> {
    const auto use = [] {
      auto a = number.set(1);
      auto b = number.set(2);
    };
    EXPECT_EQ(test::allocations_of(use), 0u);
    co_return;
  });
}

}  // namespace
