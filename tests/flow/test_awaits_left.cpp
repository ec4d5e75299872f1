// What is awaited, and is not waited for any more: it wakes nobody, and looks at nothing that is
// gone.
#include "support/run.hpp"

#include <stdexcept>

namespace {

using namespace eddy;

Task<int> fail_after(Duration length) {
  co_await sleep(length);
  throw std::runtime_error("x");
}
Task<int> give_after(Duration length) {
  co_await sleep(length);
  co_return 1;
}

TEST(GatherThatIsOver, DoesNotWakeItsTaskWhenTheOtherChildrenEnd) {
  test::run([]() -> Task<> {
    auto gathering = gather(fail_after(1ms), give_after(100ms), fail_after(200ms));
    EXPECT_THROW(co_await gathering, std::runtime_error);
    const Instant begin = Loop::current().now();
    co_await sleep(1s);
    EXPECT_GE(Loop::current().now() - begin, 1s);
  });
}

TEST(GatherThatIsOver, OfARangeDoesNotWakeItsTaskEither) {
  test::run([]() -> Task<> {
    std::vector<Task<int>> tasks;
    tasks.push_back(fail_after(1ms));
    tasks.push_back(give_after(100ms));
    auto gathering = gather(std::move(tasks));
    EXPECT_THROW(co_await gathering, std::runtime_error);
    const Instant begin = Loop::current().now();
    co_await sleep(1s);
    EXPECT_GE(Loop::current().now() - begin, 1s);
  });
}

TEST(GatherThatIsOver, BecauseItWasRefusedWakesNobody) {
  Loop loop(test::options()), other(test::options());
  auto here = loop.spawn(give_after(1ms));
  auto there = other.spawn(give_after(1ms));
  auto gathering = gather(here, there);
  loop.run([](auto& refused) -> Task<> {
    EXPECT_THROW(co_await refused, UsageError);
    const Instant begin = Loop::current().now();
    co_await sleep(50ms);
    EXPECT_GE(Loop::current().now() - begin, 50ms);
  }(gathering));
  EXPECT_TRUE(here.done());
  loop.close();
  other.close();
}

}  // namespace
