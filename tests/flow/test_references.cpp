// Tasks that give references, in what composes tasks.
#include "support/foreign.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;

Task<int&> refer_to(int& number, Duration length) {
  co_await sleep(length);
  co_return number;
}

TEST(References, AreGivenByARace) {
  test::run([]() -> Task<> {
    int first = 1;
    int second = 2;
    EXPECT_EQ(&co_await race(refer_to(first, 2s), refer_to(second, 1s)), &second);
  });
}

TEST(References, AreGivenByTheFirstThatIsOk) {
  test::run([]() -> Task<> {
    int number = 1;
    const auto fails = []() -> Task<int&> {
      co_await yield();
      throw Error(EIO, "refer");
    };
    const auto gives = [&] { return refer_to(number, 1s); };
    EXPECT_EQ(&co_await first_ok(fails, gives), &number);
  });
}

TEST(References, AreGathered) {
  test::run([]() -> Task<> {
    int first = 1;
    int second = 2;
    const auto [a, b] = co_await gather(refer_to(first, 2s), refer_to(second, 1s));
    EXPECT_EQ(&a.get(), &first);
    EXPECT_EQ(&b.get(), &second);
    const auto settled = co_await gather_settled(refer_to(first, 2s));
    EXPECT_EQ(&std::get<0>(settled).value().get(), &first);
    std::vector<Task<int&>> tasks;
    tasks.push_back(refer_to(second, 1s));
    const auto all = co_await gather(std::move(tasks));
    EXPECT_EQ(&all.front().get(), &second);
  });
}

TEST(References, AreGivenByWhatIsSpawned) {
  test::run([]() -> Task<> {
    int number = 1;
    EXPECT_EQ(&co_await spawn(timeout(2s, refer_to(number, 1s))), &number);
    EXPECT_EQ(&co_await timeout(2s, refer_to(number, 1s)), &number);
    EXPECT_EQ(&co_await shield(refer_to(number, 1s)), &number);
  });
}

}  // namespace
