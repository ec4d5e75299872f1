#include "support/allocations.hpp"
#include "support/run.hpp"

#include <memory>

namespace {

using namespace eddy;

Task<int> give(int value, Duration length) {
  co_await sleep(length);
  co_return value;
}
Task<> fail_by_timeout() { co_await timeout(1ms, sleep(1h)); }

TEST(MoveOn, GivesTheValueOfWhatEndsInTime) {
  test::run([]() -> Task<> {
    const auto got = co_await move_on_after(2ms, give(7, 1ms));
    EXPECT_EQ(got, 7);
    EXPECT_TRUE(co_await move_on_after(2ms, sleep(1ms)));
    const auto moved = co_await move_on_after(
        1h, []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }());
    EXPECT_EQ(**moved, 3);
  });
}

TEST(MoveOn, GivesNothingAfterTheDeadlineAndTheTaskGoesOn) {
  test::run([]() -> Task<> {
    const auto got = co_await move_on_after(1ms, give(7, 1h));
    EXPECT_FALSE(got);
    EXPECT_FALSE(co_await move_on_after(1ms, sleep(1h)));
    EXPECT_FALSE(co_await move_on_at(Loop::current().now(), sleep(1h)));
    EXPECT_TRUE(co_await move_on_at(std::nullopt, sleep(1h)));
    EXPECT_EQ(this_task().cancelling(), 0u);
    co_await sleep(1ms);
  });
}

TEST(MoveOn, LetsFailuresOutAlsoATimeoutErrorOfAnother) {
  test::run([]() -> Task<> {
    EXPECT_THROW(co_await move_on_after(1h, fail_by_timeout()), TimeoutError);
    auto moving = spawn([]() -> Task<> { co_await move_on_after(1h, sleep(2h)); });
    co_await test::settle();
    moving.cancel();
    co_await test::wait_until_done(moving);
    EXPECT_TRUE(moving.cancelled());
  });
}

// The foreign request wins, as of a timeout.
TEST(MoveOn, GivesWayToACancelOfTheSameTurn) {
  test::run([]() -> Task<> {
    auto moving = spawn([]() -> Task<> { co_await move_on_after(1ms, sleep(2h)); });
    co_await sleep(1ms);
    moving.cancel();
    co_await test::wait_until_done(moving);
    EXPECT_TRUE(moving.cancelled() || !moving.exception());
  });
}

TEST(MoveOn, NestsAndEachMovesOnlyItself) {
  test::run([]() -> Task<> {
    bool inner = true;
    const auto body = [&]() -> Task<int> {
      inner = co_await move_on_after(1ms, sleep(1h));
      co_await sleep(1h);
      co_return 1;
    };
    const auto outer = co_await move_on_after(5ms, body());
    EXPECT_FALSE(outer);
    EXPECT_FALSE(inner);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

TEST(MoveOn, AllocatesNothing) {
  test::run([]() -> Task<> {
    const auto use = []() -> Task<> {
      for (int i = 0; i < 100; ++i) co_await move_on_after(1ms, sleep(i % 2 ? 1h : 0s));
    };
    co_await use();
    const std::size_t before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
