// Awaitables that are not eddy's, in what composes awaitables.
#include "support/foreign.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::Call;
using test::Callbacks;
using test::FromCallback;

Task<int> answer_after(Duration length, Callbacks& callbacks) {
  co_await sleep(length);
  callbacks.call();
  co_return 1;
}
test::Lazy lazy(Duration length) {
  co_await sleep(length);
  co_return 2;
}

TEST(ForeignTogether, EndsWithinATimeout) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto answer = spawn(answer_after(1s, callbacks));
    EXPECT_EQ(co_await timeout(2s, Call(callbacks)), 7);
    EXPECT_EQ(co_await timeout(2s, lazy(1s)), 2);
    EXPECT_EQ(co_await wait_for(lazy(1s), 2s), 2);
    EXPECT_EQ(co_await move_on_after(2s, lazy(1s)), 2);
    co_await answer;
  });
}

// A type of a program that becomes what is eddy's, by an operator outside of it.
struct Pause {
  Duration length;
  friend Sleep operator co_await(const Pause& pause) noexcept { return sleep(pause.length); }
};

TEST(ForeignTogether, MayBecomeWhatIsEddys) {
  test::run([]() -> Task<> {
    const Pause little{1ms};
    const Pause much{1h};
    co_await timeout(1s, little);
    EXPECT_FALSE(co_await move_on_after(1ms, much)) << "it can be asked to stop";
    EXPECT_EQ((co_await select(much, little)).index(), 1u);
  });
}

TEST(ForeignTogether, FailsWithinATimeout) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto answer = spawn(answer_after(1s, callbacks));
    EXPECT_THROW(co_await timeout(2s, Call(callbacks, std::nullopt)), std::runtime_error);
    co_await answer;
  });
}

// T3, C13: it cannot be asked to stop, and what it gives is the result.
TEST(ForeignTogether, GivesItsValueAlsoWhenTheTimeIsOver) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto answer = spawn(answer_after(5s, callbacks));
    FromCallback named(callbacks, 8);
    const Instant start = Loop::current().now();
    EXPECT_EQ(co_await timeout(1s, named), 8);
    EXPECT_EQ(Loop::current().now() - start, 5s);
    co_await yield();  // the timeout took its request back
    co_await answer;
  });
}

TEST(ForeignTogether, OfACoroutineIsCutShortInWhatIsEddys) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    EXPECT_THROW(co_await timeout(1s, lazy(5s)), TimeoutError);
    EXPECT_FALSE(co_await move_on_after(1s, lazy(5s)));
    EXPECT_EQ(Loop::current().now() - start, 2s);
  });
}

TEST(ForeignTogether, IsLeftRunningByAShield) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto waits = spawn(Call(callbacks));
    EXPECT_THROW(co_await timeout(1s, shield(waits)), TimeoutError);
    auto others = spawn([&]() -> Task<int> { co_return co_await shield(lazy(1s)); });
    callbacks.call();
    EXPECT_EQ(co_await waits, 7);
    EXPECT_EQ(co_await others, 2);
  });
}

TEST(ForeignTogether, IsGathered) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    const auto [a, b, c] =
        co_await gather(Call(callbacks), lazy(1s), answer_after(2s, callbacks));
    EXPECT_EQ(a + b + c, 10);
    const auto settled = co_await gather_settled(Call(callbacks, std::nullopt),
                                                 answer_after(2s, callbacks));
    EXPECT_FALSE(std::get<0>(settled).has_value());
    EXPECT_EQ(std::get<1>(settled).value(), 1);
  });
}

TEST(ForeignTogether, IsRaced) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    EXPECT_EQ(co_await race(Call(callbacks), answer_after(1s, callbacks)), 1);
    EXPECT_EQ(co_await race(lazy(1s), lazy(5s), answer_after(1h, callbacks)), 2);
  });
}

TEST(ForeignTogether, IsAGroupsChild) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    JoinHandle<int> child;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      child = group.spawn(Call(callbacks));
      group.spawn(answer_after(1s, callbacks));
      co_return;
    });
    EXPECT_EQ(child.result(), 7);
  });
}

}  // namespace
