#include "support/allocations.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Tracker;

Task<int> gives(int value) {
  co_await yield();
  co_return value;
}
Task<int> fails(int code) {
  co_await yield();
  co_await fail(Failure::error(code, "try", Text("this")));
  co_return 0;
}
Task<Tracker> tracked(int number) { co_return Tracker(number); }

TEST(Try, GivesTheValueAndGoesOn) {
  test::run([]() -> Task<> {
    const auto body = []() -> Task<int> {
      EDDY_TRY(auto first, gives(3));
      EDDY_TRY(const auto&& second, tracked(4));
      int third = 0;
      EDDY_TRY(third, gives(5));
      EDDY_DO(gives(0));
      EDDY_DO(sleep(1ms));
      co_return first + second.number() + third;
    };
    EXPECT_EQ(co_await body(), 12);
    EXPECT_EQ(Tracker::alive, 0);
  });
}

TEST(Try, EndsTheCoroutineWithTheFailureAndItsLocals) {
  test::run([]() -> Task<> {
    int reached = 0;
    const auto inner = [&](bool named) -> Task<int> {
      const Tracker local(1);
      if (named) {
        EDDY_TRY(auto value, fails(EIO));
        reached = value + 1;
      } else {
        EDDY_DO(fails(EIO));
        reached = 1;
      }
      co_return 0;
    };
    const auto outer = [&](bool named) -> Task<int> {
      const Tracker local(2);
      EDDY_TRY(auto value, inner(named));
      reached = 2;
      co_return value;
    };
    for (const bool named : {true, false}) {
      auto failed = co_await as_result(outer(named));
      EXPECT_EQ(failed.error(), std::error_code(EIO, std::system_category()));
      EXPECT_EQ(Tracker::alive, 0);
      try {
        co_await outer(named);
        ADD_FAILURE();
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("try 'this'"), std::string::npos) << error.what();
      }
    }
    EXPECT_EQ(reached, 0);
  });
}

// C1, C2: a cancellation is a failure like any other.
TEST(Try, PassesACancellationOn) {
  test::run([]() -> Task<> {
    bool went_on = false;
    auto sleeper = spawn([&]() -> Task<> {
      EDDY_DO(sleep(1h));
      went_on = true;
    });
    co_await yield();
    sleeper.cancel();
    co_await test::wait_until_done(sleeper);
    EXPECT_TRUE(sleeper.cancelled());
    EXPECT_FALSE(went_on);
  });
}

TEST(Try, IsOneStatementWhereNothingIsNamed) {
  test::run([]() -> Task<> {
    const auto body = [](bool first) -> Task<int> {
      if (first)
        EDDY_DO(gives(1));
      else
        co_return 2;
      co_return 1;
    };
    EXPECT_EQ(co_await body(true), 1);
    EXPECT_EQ(co_await body(false), 2);
  });
}

TEST(Try, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  test::run([]() -> Task<> {
    const auto body = []() -> Task<int> {
      EDDY_TRY(auto value, gives(1));
      EDDY_DO(fails(EIO));
      co_return value;
    };
    for (int i = 0; i < 3; ++i) static_cast<void>(co_await as_result(body()));
    const std::size_t before = test::allocations();
    static_cast<void>(co_await as_result(body()));
    EXPECT_EQ(test::allocations(), before);
  });
}

}  // namespace
