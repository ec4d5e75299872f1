#include "core/kernel.hpp"
#include "support/allocations.hpp"
#include "support/foreign.hpp"
#include "support/run.hpp"

#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

Task<int> give(int value, Duration length) {
  co_await sleep(length);
  co_return value;
}
Task<int> fail_after(Duration length) {
  co_await sleep(length);
  throw std::runtime_error("x");
}
Task<std::string> careful(Log& log, std::string name, Duration cleanup) {
  auto slept = co_await as_outcome(sleep(1h));
  if (slept) co_return "slept";
  co_await sleep(cleanup);
  log(name);
  slept.error().raise();
}

TEST(Select, GivesWhatTheFirstGivesByName) {
  test::run([]() -> Task<> {
    Queue<std::string> lines;
    Event stop;
    const auto ask = [&] {
      return select(named<"line">(lines.get()), named<"stop">(stop.wait()),
                    named<"late">(give(3, 1h)));
    };
    auto selects = spawn([&]() -> Task<> {
      auto chosen = co_await ask();
      EXPECT_EQ(chosen.index(), 0u);
      EXPECT_TRUE(chosen.has<"line">());
      EXPECT_FALSE(chosen.has<"stop">());
      EXPECT_EQ(chosen.get<"line">(), "a");
      EXPECT_EQ(chosen.get<0>(), "a");
      EXPECT_THROW(chosen.get<"late">(), UsageError);
      auto next = co_await ask();
      EXPECT_TRUE(next.has<"stop">());
      next.get<"stop">();
    });
    co_await test::settle();
    lines.put_nowait("a");
    co_await test::settle();
    stop.set();
    co_await selects;
    EXPECT_EQ(Loop::current().stats().tasks, 1u);
    EXPECT_EQ(Loop::current().stats().timers, 0u);
  });
}

TEST(Select, OfWhatIsReadyTakesTheFirstInOrderAndSuspendsNothing) {
  test::run([]() -> Task<> {
    Loop::current().set_debug(true);
    Queue<int> queue;
    Event never;
    Event set;
    set.set();
    queue.put_nowait(5);
    queue.put_nowait(6);
    const auto before = Loop::current().stats();
    for (const int expected : {5, 6}) {
      auto chosen = co_await select(never.wait(), give(1, 0s), timeout(1s, give(1, 0s)),
                                    queue.get(), set.wait());
      EXPECT_EQ(chosen.index(), 3u);
      EXPECT_EQ(chosen.get<3>(), expected);
    }
    auto chosen = co_await select(queue.get(), set.wait());
    EXPECT_EQ(chosen.index(), 1u);
    EXPECT_EQ(Loop::current().stats().turns, before.turns);
    EXPECT_EQ(Loop::current().stats().tasks, before.tasks);
    Loop::current().set_debug(false);
  });
}

TEST(Select, ReportsNoTaskThatHadNoNeedToBegin) {
  test::run([]() -> Task<> {
    Loop::current().set_debug(true);
    CancellationSource source;
    const auto token = source.token();
    Event set;
    set.set();
    EXPECT_EQ((co_await select(as_result(give(1, 0s)), set.wait())).index(), 1u);
    EXPECT_EQ((co_await select(wait_for(give(1, 0s), 1s), set.wait())).index(), 1u);
    EXPECT_EQ((co_await select(move_on_after(1s, give(1, 0s)), set.wait())).index(), 1u);
    EXPECT_EQ((co_await select(with_token(token, give(1, 0s)), set.wait())).index(), 1u);
    EXPECT_EQ((co_await select(move_on_when(token, give(1, 0s)), set.wait())).index(), 1u);
    EXPECT_EQ((co_await select(select(give(1, 0s), give(2, 0s)), set.wait())).index(), 1u);
    EXPECT_EQ((co_await select(set.wait(), select(give(1, 0s), give(2, 0s)))).index(), 0u);
    Loop::current().set_debug(false);
  });
}

TEST(Select, IsWonByATaskThatEndsAtOnce) {
  test::run([]() -> Task<> {
    const auto at_once = []() -> Task<int> { co_return 4; };
    Log log;
    auto chosen = co_await select(careful(log, "loser", 0s), at_once(), fail_after(0s));
    EXPECT_EQ(chosen.index(), 1u);
    EXPECT_EQ(chosen.get<1>(), 4);
    EXPECT_EQ(log.text(), "loser");
  });
}

TEST(Select, EndsTheOthersBeforeItResumes) {
  test::run([]() -> Task<> {
    Log log;
    const Instant start = Loop::current().now();
    auto chosen = co_await select(give(1, 5ms), give(2, 1ms), careful(log, "loser", 2ms));
    EXPECT_EQ(chosen.get<1>(), 2);
    EXPECT_EQ(log.text(), "loser");
    EXPECT_EQ(Loop::current().now() - start, 3ms);
    EXPECT_EQ(Loop::current().stats().tasks, 1u);
  });
}

TEST(Select, ThrowsWhatTheFirstFailedWith) {
  test::run([]() -> Task<> {
    Log log;
    EXPECT_THROW(co_await select(fail_after(1ms), careful(log, "loser", 0ms)), std::runtime_error);
    EXPECT_EQ(log.text(), "loser");
    Queue<int> over;
    over.shutdown();
    EXPECT_THROW(co_await select(over.get(), give(1, 0s)), QueueShutDown);
    const auto result = co_await as_result(select(over.get(), give(1, 0s)));
    EXPECT_EQ(result.error().value(), QueueShutDown::number);
  });
}

// H2
TEST(Select, IgnoresWhatALoserThrows) {
  test::run([]() -> Task<> {
    const auto throws_when_cancelled = []() -> Task<> {
      static_cast<void>(co_await as_outcome(sleep(1h)));
      throw std::logic_error("loser");
    };
    auto chosen = co_await select(internal::call(throws_when_cancelled), give(1, 1ms));
    EXPECT_EQ(chosen.index(), 1u);
    EXPECT_FALSE(chosen.has<0>());
  });
}

// Q2: both were woken in one turn
TEST(Select, GivesBackAnItemThatALoserWasPromised) {
  test::run([]() -> Task<> {
    Queue<int> first;
    Queue<int> second;
    auto selects = spawn([&]() -> Task<int> {
      auto chosen = co_await select(first.get(), second.get());
      EXPECT_EQ(chosen.index(), 1u);
      EXPECT_FALSE(chosen.has<0>());
      co_return chosen.get<1>();
    });
    co_await test::settle();
    second.put_nowait(2);  // woken first: its turn is first
    first.put_nowait(1);
    EXPECT_EQ(co_await selects, 2);
    EXPECT_EQ(first.size(), 1u);
    EXPECT_EQ(first.get_nowait(), 1);
  });
}

// C13: the kernel has read both
TEST(Select, HasWhatTheKernelGaveToALoserAllTheSame) {
  test::run([]() -> Task<> {
    test::Pipe pipes[2];
    char bytes[2] = {};
    for (auto& pipe : pipes) pipe.put("x");
    auto chosen = co_await select(test::read(pipes[0].out.get(), &bytes[0], 1),
                                  test::read(pipes[1].out.get(), &bytes[1], 1));
    EXPECT_TRUE(chosen.has<0>() && chosen.has<1>());
    EXPECT_EQ(chosen.get<0>() + chosen.get<1>(), 2);
    EXPECT_EQ(std::string_view(bytes, 2), "xx");
  });
}

TEST(Select, HasTheValueOfALoserThatDoesNotListenAlsoWhenTheFirstFailed) {
  test::run([]() -> Task<> {
    const auto does_not_listen = []() -> Task<int> {
      static_cast<void>(co_await as_outcome(sleep(1h)));
      co_return 9;
    };
    auto chosen = co_await select(fail_after(1ms), internal::call(does_not_listen));
    EXPECT_EQ(chosen.index(), 0u);
    EXPECT_TRUE(chosen.has<0>() && chosen.has<1>());
    EXPECT_EQ(chosen.get<1>(), 9);
    EXPECT_THROW(chosen.get<0>(), std::runtime_error);
  });
}

TEST(Select, OfHandlesCancelsTheLoserUnlessItIsShielded) {
  test::run([]() -> Task<> {
    auto loser = spawn(give(1, 1h));
    auto other = spawn(give(2, 1s));
    auto winner = spawn(give(3, 1ms));
    auto chosen = co_await select(loser, shield(other), winner);
    EXPECT_EQ(chosen.get<2>(), 3);
    EXPECT_TRUE(loser.cancelled());
    EXPECT_EQ(co_await other, 2);
  });
}

TEST(Select, TakesWhatIsNotEddys) {
  test::run([]() -> Task<> {
    test::Callbacks callbacks;
    const auto answer = [&]() -> Task<> {
      co_await sleep(1ms);
      callbacks.call();
      co_await sleep(1h);
    };
    auto chosen = co_await select(test::Call(callbacks), internal::call(answer));
    EXPECT_EQ(chosen.index(), 0u);
    EXPECT_EQ(chosen.get<0>(), 7);
  });
}

Task<int> int_task(int value) { co_return value; }
TEST(Select, GivesReferencesAndWhatCanOnlyBeMoved) {
  test::run([]() -> Task<> {
    int number = 1;
    const auto refer = [&]() -> Task<int&> {
      co_await yield();
      co_return number;
    };
    const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
    auto referred = co_await select(internal::call(refer), give(1, 1h));
    EXPECT_EQ(&referred.get<0>(), &number);
    auto moved = co_await select(internal::call(make), give(1, 1h));
    const std::unique_ptr<int> got = std::move(moved.get<0>());
    EXPECT_EQ(*got, 4);
  });
}

TEST(Select, OfOneIsThatOne) {
  test::run([]() -> Task<> {
    auto chosen = co_await select(named<"only">(int_task(3)));
    EXPECT_EQ(chosen.get<"only">(), 3);
  });
}

// C1, C5: nothing outlives it, however often it is cancelled
TEST(Select, EndsAllWhenItIsCancelled) {
  for (const int times : {1, 2, 3}) {
    test::run([&]() -> Task<> {
      Log log;
      auto task = spawn([&]() -> Task<> {
        co_await select(careful(log, "a", 5ms), careful(log, "b", 6ms));
        ADD_FAILURE() << "the cancel was lost";
      });
      co_await test::settle();
      for (int i = 0; i < times; ++i) {
        EXPECT_TRUE(task.cancel("enough"));
        if (i == 0) co_await test::settle();
      }
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(Loop::current().stats().tasks, 1u) << "all have ended";
    });
  }
}

// C2, C3
TEST(Select, BeginsNothingWhenACancelIsPending) {
  test::run([]() -> Task<> {
    bool began = false;
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      const auto begins = [&]() -> Task<> {
        began = true;
        co_return;
      };
      co_await select(internal::call(begins), give(1, 1h));
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(began);
  });
}

// C13: what came all the same is given, and the request is for the next wait
TEST(Select, GivesWhatCameDespiteACancel) {
  test::run([]() -> Task<> {
    int got = 0;
    auto task = spawn([&]() -> Task<> {
      const auto does_not_listen = []() -> Task<int> {
        static_cast<void>(co_await as_outcome(sleep(1h)));
        co_return 9;
      };
      auto chosen = co_await select(give(1, 1h), internal::call(does_not_listen));
      got = chosen.get<1>();
      co_await yield();
      ADD_FAILURE() << "the cancel was lost";
    });
    co_await test::settle();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(got, 9);
  });
}

// C4: the item was promised when the cancel came
TEST(Select, KeepsAnItemThatItsCancelCameTooLateFor) {
  test::run([]() -> Task<> {
    Queue<int> queue;
    int got = 0;
    auto task = spawn([&]() -> Task<> {
      auto chosen = co_await select(queue.get(), give(1, 1h));
      got = chosen.get<0>();
    });
    co_await test::settle();
    queue.put_nowait(3);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_EQ(got + static_cast<int>(queue.size()) * 3, 3) << "neither taken nor there";
  });
}

TEST(Select, IsCutShortByATimeout) {
  test::run([]() -> Task<> {
    Event never;
    const Instant start = Loop::current().now();
    EXPECT_THROW(co_await timeout(1s, select(never.wait(), give(1, 1h))), TimeoutError);
    EXPECT_FALSE(co_await move_on_after(1s, select(never.wait(), give(1, 1h))));
    EXPECT_EQ(Loop::current().now() - start, 2s);
    auto nested = co_await select(select(never.wait(), give(1, 2s)), sleep(1h));
    EXPECT_EQ(nested.get<0>().get<1>(), 1);
  });
}

// A circle: one of those that wait has to leave.
TEST(Select, OfATaskThatWaitsForItCanBeCancelled) {
  test::run([]() -> Task<> {
    JoinHandle<> other;
    auto selects = spawn([&]() -> Task<> { co_await select(other, give(1, 1h)); });
    other = spawn([&]() -> Task<> { co_await selects; });
    co_await test::settle();
    selects.cancel();
    co_await wait_until_done(selects);
    co_await wait_until_done(other);
    EXPECT_TRUE(selects.cancelled());
  });
}

// F02
TEST(Select, EndsWithItsLoop) {
  Log log;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> { co_await select(careful(log, "a", 1ms), careful(log, "b", 2ms)); });
    co_await test::settle();
  });
  EXPECT_EQ(log.text(), "a b");
}

TEST(Select, IsAwaitedOnceAndInATask) {
  test::run([]() -> Task<> {
    auto once = select(int_task(1));
    co_await once;
    EXPECT_THROW(co_await once, UsageError);
  });
  Event event;
  EXPECT_THROW(select(event.wait()).await_suspend(std::noop_coroutine()), UsageError);
}

// ∅
TEST(Select, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP();
  test::run([]() -> Task<> {
    Queue<int> queue(4);
    Event event;
    std::size_t before = 0;
    for (int i = 0; i < 10; ++i) {
      if (i == 5) before = test::allocations();
      auto chosen = co_await select(named<"job">(queue.get()), named<"no">(event.wait()),
                                    named<"tick">(sleep(1ms)));
      EXPECT_TRUE(chosen.has<"tick">());
      queue.put_nowait(i);
      auto ready = co_await select(queue.get(), event.wait());
      EXPECT_EQ(ready.get<0>(), i);
    }
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
