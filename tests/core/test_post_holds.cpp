// What a posted callback holds dies when it has run.
#include "support/run.hpp"

#include <memory>

namespace {

using namespace eddy;

TEST(PostHolds, NothingOfACallbackThatHasRunWhenTheNextOneRuns) {
  test::run([]() -> Task<> {
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = held;
    bool gone = false;
    Event ran;
    Loop::current().post([held = std::move(held)] { EXPECT_EQ(*held, 1); });
    Loop::current().post([&] {
      gone = watched.expired();
      ran.set();
    });
    co_await ran.wait();
    EXPECT_TRUE(gone);
  });
}

}  // namespace
