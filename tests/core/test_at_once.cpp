// A verb that need not wait is done where it is awaited; one that must is a task.
#include "support/run.hpp"

#include <eddy/core/internal/at_once.hpp>

#include <functional>
#include <utility>

namespace {

using namespace eddy;

struct Shelf {
  std::optional<int> there;
  Event filled;
  int tasks = 0;
  bool throws = false;

  void put(int value) {
    there = value;
    filled.set();
  }
  int take() {
    filled.clear();
    return *std::exchange(there, std::nullopt);
  }
};

// Takes what is on the shelf; waits for it where nothing is.
class Take {
 public:
  using value_type = int;
  explicit Take(Shelf& shelf) noexcept : shelf_(shelf) {}
  bool ready() const noexcept { return shelf_.there.has_value(); }
  int now() {
    if (shelf_.throws) throw std::runtime_error("the shelf broke");
    return shelf_.take();
  }
  Task<int> task() {
    ++shelf_.tasks;
    return take_later(shelf_);
  }

 private:
  static Task<int> take_later(Shelf& shelf) {
    while (!shelf.there) EDDY_DO(shelf.filled.wait());
    co_return shelf.take();
  }

  Shelf& shelf_;
};

internal::AtOnce<Take> take(Shelf& shelf) { return Take(shelf); }

Task<int> await_it(internal::AtOnce<Take>& call) { co_return co_await call; }

TEST(AtOnce, MakesNoTaskOfWhatNeedNotWait) {
  test::run([]() -> Task<> {
    Shelf shelf;
    bool others = false;
    const auto other = spawn([&]() -> Task<> {
      others = true;
      co_return;
    });
    shelf.put(7);
    EXPECT_EQ(co_await take(shelf), 7);
    shelf.put(8);
    EXPECT_EQ(**co_await as_result(as_result(take(shelf))), 8);
    EXPECT_EQ(shelf.tasks, 0);
    EXPECT_FALSE(others) << "it took a turn";
    co_await other;
  });
}

TEST(AtOnce, WaitsAsATaskForWhatIsNotThere) {
  test::run([]() -> Task<> {
    Shelf shelf;
    const auto taking = spawn([&]() -> Task<int> { co_return co_await take(shelf); });
    co_await test::settle();
    EXPECT_FALSE(taking.done());
    EXPECT_EQ(shelf.tasks, 1);
    shelf.put(7);
    EXPECT_EQ(co_await taking, 7);
  });
}

TEST(AtOnce, DoesNothingUnlessItIsAwaited) {
  test::run([]() -> Task<> {
    Shelf shelf;
    shelf.put(7);
    { auto dropped = take(shelf); }
    EXPECT_THROW(static_cast<void>(co_await wait_for(take(shelf), 0s)), TimeoutError);
    auto call = take(shelf);
    EXPECT_EQ(shelf.there, 7);
    EXPECT_EQ(co_await call, 7);
    EXPECT_EQ(shelf.tasks, 0);
  });
}

TEST(AtOnce, BecomesATaskWhereOneIsWanted) {
  test::run([]() -> Task<> {
    Shelf shelf;
    shelf.put(1);
    Task<int> task = take(shelf);
    EXPECT_EQ(shelf.there, 1) << "a task is lazy";
    EXPECT_EQ(co_await std::move(task), 1);
    shelf.put(2);
    const auto spawned = spawn(take(shelf));
    EXPECT_EQ(shelf.there, 2);
    EXPECT_EQ(co_await spawned, 2);
    EXPECT_EQ(shelf.tasks, 2);
    const auto body = spawn([&] { return take(shelf); });
    const auto later = [&]() -> Task<> {
      shelf.put(3);
      co_return;
    };
    const auto both = co_await gather(body, later());
    EXPECT_EQ(std::get<0>(both), 3);
    shelf.put(4);
    EXPECT_EQ(co_await shield(take(shelf)), 4);
    const std::function<Task<int>()> made = [&] { return take(shelf); };
    shelf.put(5);
    EXPECT_EQ(co_await made(), 5);
  });
}

TEST(AtOnce, TellsTheCancelOfAWaitAndLeavesAPendingOneToTheNext) {
  test::run([]() -> Task<> {
    Shelf shelf;
    shelf.put(7);
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      EXPECT_EQ(co_await take(shelf), 7) << "what does not suspend is not cancelled";
      auto outcome = co_await as_outcome(take(shelf));
      EXPECT_TRUE(!outcome && outcome.error().is_cancelled());
    });
    co_await task;
    task = spawn(take(shelf));
    co_await test::settle();
    task.cancel();
    co_await test::wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
  });
}

TEST(AtOnce, TellsWhatItThrewAsItsOutcome) {
  test::run([]() -> Task<> {
    Shelf shelf;
    shelf.put(7);
    shelf.throws = true;
    auto outcome = co_await as_outcome(take(shelf));
    EXPECT_FALSE(outcome);
    EXPECT_THROW(static_cast<void>(co_await take(shelf)), std::runtime_error);
  });
}

TEST(AtOnce, IsAwaitedOnce) {
  test::run([]() -> Task<> {
    Shelf shelf;
    shelf.put(7);
    auto done = take(shelf);
    co_await done;
    shelf.put(8);
    EXPECT_THROW(static_cast<void>(co_await done), UsageError);
    EXPECT_THROW(Task<int>(std::move(done)).discard(), UsageError);
    EXPECT_EQ(co_await take(shelf), 8);
    auto waits = take(shelf);
    auto first = spawn(await_it(waits));
    co_await test::settle();
    EXPECT_THROW(static_cast<void>(co_await waits), UsageError);
    shelf.put(9);
    EXPECT_EQ(co_await first, 9) << "the first has not noticed";
  });
}

TEST(AtOnce, IsNamedWhereItTookTooLong) {
  test::run([]() -> Task<> {
    Shelf shelf;
    std::string said;
    try {
      co_await timeout(1ms, take(shelf));
    } catch (const TimeoutError& error) {
      said = error.what();
    }
    EXPECT_NE(said.find("take_later()"), std::string::npos) << said;
  });
}

}  // namespace
