#include "support/run.hpp"

#include <list>
#include <set>
#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;

Generator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) {
    co_await yield();
    co_yield i;
  }
}

// F66
TEST(Generators, AreTransformedFilteredAndTaken) {
  test::run([]() -> Task<> {
    const auto odd = [](int number) { return number % 2 == 1; };
    const auto square = [](int number) { return number * number; };
    const auto squares =
        co_await collect(count_to(100) | filter(odd) | transform(square) | take(3));
    const std::vector expected(squares);
    EXPECT_EQ(expected.size(), 3u);
    EXPECT_EQ(squares[2], 25);
  });
}

// F66: a filter that is awaited for each, one at a time, in order
TEST(Generators, AwaitWhatTheirFunctionsReturn) {
  test::run([]() -> Task<> {
    int running = 0;
    const auto slow_even = [&](int number) -> Task<bool> {
      EXPECT_EQ(++running, 1);
      co_await sleep(1ms);
      --running;
      co_return number % 2 == 0;
    };
    const auto text = [&](int number) -> Task<std::string> {
      co_await sleep(1ms);
      co_return std::to_string(number);
    };
    const auto texts = co_await collect(count_to(6) | filter(slow_even) | transform(text));
    std::string all;
    for (const auto& one : texts) all += one;
    EXPECT_EQ(all, "246");
  });
}

// F66: lists, sets
TEST(Generators, AreCollectedInAnyContainer) {
  test::run([]() -> Task<> {
    const auto third = [](int number) { return number / 3; };
    const auto set = co_await collect<std::set>(count_to(8) | transform(third));
    EXPECT_EQ(set.size(), 3u);
    const auto list = co_await collect<std::list>(count_to(8));
    EXPECT_EQ(list.back(), 8);
    const auto none = co_await collect(count_to(0));
    EXPECT_TRUE(none.empty());
  });
}

// F66: nested for
TEST(Generators, CallForEach) {
  test::run([]() -> Task<> {
    std::string seen;
    co_await for_each(count_to(2), [&](int outer) -> Task<> {
      co_await for_each(count_to(2), [&, outer](int inner) {
        seen += std::to_string(outer) + std::to_string(inner) + ' ';
      });
    });
    EXPECT_EQ(seen, "11 12 21 22 ");
  });
}

// F67: a page is fetched only when it is asked for
TEST(Generators, FetchNoPageThatNobodyAsksFor) {
  test::run([]() -> Task<> {
    int fetched = 0;
    bool closed = false;
    const auto pages = [&]() -> Generator<int> {
      try {
        for (;;) {
          ++fetched;
          co_yield fetched;
        }
      } catch (const GeneratorExit&) {
        closed = true;
      }
    };
    const auto two = co_await collect(pages() | take(2));
    EXPECT_EQ(two.size(), 2u);
    EXPECT_EQ(fetched, 2);
    EXPECT_TRUE(closed) << "take() closes its source";
    EXPECT_EQ((co_await collect(pages() | take(0))).size(), 0u);
  });
}

TEST(Generators, PassOnWhatIsThrown) {
  test::run([]() -> Task<> {
    const auto fails = [](int number) -> int {
      if (number == 2) throw std::runtime_error("two");
      return number;
    };
    auto numbers = count_to(3) | transform(fails);
    EXPECT_EQ(co_await numbers.next(), 1);
    EXPECT_THROW(co_await numbers.next(), std::runtime_error);
    EXPECT_FALSE(co_await numbers.next());
  });
}

TEST(Generators, CarryWhatCanOnlyBeMoved) {
  test::run([]() -> Task<> {
    const auto boxes = []() -> Generator<std::unique_ptr<int>> {
      for (int i = 0; i < 3; ++i) co_yield std::make_unique<int>(i);
    };
    const auto positive = [](const std::unique_ptr<int>& box) { return *box > 0; };
    auto kept = boxes() | filter(positive);
    int sum = 0;
    while (auto box = co_await kept.next()) sum += **box;
    EXPECT_EQ(sum, 3);
  });
}

}  // namespace
