// Loop::clock(): the time at this very moment.
#include "support/run.hpp"

namespace {

using namespace eddy;

// Until the real clock has moved on.
void spend_a_moment() {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() == start) {
  }
}

TEST(Clock, GoesOnDuringATurn) {
  Loop real;
  real.run([](Loop& loop) -> Task<> {
    const Instant began = loop.now();
    spend_a_moment();
    EXPECT_GT(loop.clock(), began);
    EXPECT_EQ(loop.now(), began) << "which stands still";
    co_return;
  }(real));
}

TEST(Clock, IsNowOnVirtualTime) {
  test::run([]() -> Task<> {
    Loop& loop = Loop::current();
    const Instant began = loop.clock();
    EXPECT_EQ(began, loop.now());
    spend_a_moment();
    EXPECT_EQ(loop.clock(), began);
    co_await sleep(1s);
    EXPECT_EQ(loop.clock(), began + 1s);
  });
}

}  // namespace
