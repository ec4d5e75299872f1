// Tasks that are given a context of their own.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <string>

namespace {

using namespace eddy;

ContextVar<std::string> request("request", "none");

Task<std::string> seen() {
  co_await yield();
  co_return request.get();
}

// Of one variable's value, and what else is set here.
Context with_request(std::string value) {
  const auto guard = request.set(std::move(value));
  return Context::current();
}

// asyncio.create_task(context=...)
TEST(SpawnContext, IsWhatTheTaskSees) {
  test::run([]() -> Task<> {
    const auto here = request.set("spawner");
    const Context given = with_request("given");
    const Context nothing;
    auto plain = spawn(seen());
    auto own = spawn(seen(), {.context = &given});
    auto eager = spawn(seen(), {.eager = true, .context = &given});
    auto callable = spawn([] { return seen(); }, {.context = &given});
    auto none = spawn(seen(), {.context = &nothing});
    auto looped = Loop::current().spawn(seen(), {.context = &given});
    EXPECT_EQ(co_await plain, "spawner");
    EXPECT_EQ(co_await own, "given");
    EXPECT_EQ(co_await eager, "given");
    EXPECT_EQ(co_await callable, "given");
    EXPECT_EQ(co_await none, "none");
    EXPECT_EQ(co_await looped, "given");
    EXPECT_EQ(request.get(), "spawner");
  });
}

TEST(SpawnContext, IsThatOfATaskOfAGroup) {
  test::run([]() -> Task<> {
    const Context given = with_request("given");
    co_await task_group([&](TaskGroup& group) -> Task<> {
      auto task = group.spawn(seen(), {.context = &given});
      auto callable = group.spawn([] { return seen(); }, {.context = &given});
      const auto says = [](FutureSetter<std::string> ready) -> Task<> {
        ready.set_value(request.get());
        co_return;
      };
      const std::string started = co_await group.start<std::string>(says, {.context = &given});
      EXPECT_EQ(co_await task, "given");
      EXPECT_EQ(co_await callable, "given");
      EXPECT_EQ(started, "given");
    });
  });
}

TEST(SpawnContext, IsCopied) {
  test::run([]() -> Task<> {
    Context given = with_request("given");
    const auto sets = []() -> Task<std::string> {
      const auto guard = request.set("changed");
      co_await yield();
      co_return request.get();
    };
    auto first = spawn(sets(), {.context = &given});
    auto second = spawn(seen(), {.context = &given});
    given = with_request("later");
    EXPECT_EQ(co_await first, "changed");
    EXPECT_EQ(co_await second, "given") << "neither the other task's nor the later";
    EXPECT_EQ(co_await spawn(seen(), {.context = &given}), "later");
  });
}

TEST(SpawnContext, CanBeGivenFromOutsideOfTheLoop) {
  const Context given = with_request("given");
  EXPECT_EQ(request.get(), "none");
  Loop loop(test::options());
  auto task = loop.spawn(seen(), {.name = "named", .context = &given});
  while (loop.turn()) {
  }
  EXPECT_EQ(task.result(), "given");
}

// C3: the arguments die in the context of the task
TEST(SpawnContext, IsThatOfATaskThatNeverRuns) {
  test::run([]() -> Task<> {
    struct Witness {
      explicit Witness(std::string& into) : seen(&into) {}
      Witness(Witness&& other) noexcept : seen(std::exchange(other.seen, nullptr)) {}
      ~Witness() { if (seen) *seen = request.get(); }
      std::string* seen;
    };
    std::string died_in;
    const auto never = [](Witness) -> Task<> { co_return; };
    const Context given = with_request("given");
    auto task = spawn(never(Witness(died_in)), {.context = &given});
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_EQ(died_in, "given");
  });
}

TEST(SpawnContext, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([]() -> Task<> {
    const Context given = with_request("given");
    const auto use = [&]() -> Task<> {
      auto task = spawn(test::settle(1), {.context = &given});
      co_await task;
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
