// What is awaited under a token.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <memory>
#include <string>

namespace {

using namespace eddy;

Task<int> give(int value, Duration length) {
  co_await sleep(length);
  co_return value;
}

std::string message_of(const Expected<int>& outcome) {
  if (outcome) return "a value";
  try {
    outcome.error().raise();
  } catch (const Cancelled& cancelled) {
    return std::string(cancelled.message());
  } catch (const std::exception& other) {
    return other.what();
  }
}

TEST(WithToken, GivesTheValueOfWhatEndsBefore) {
  test::run([]() -> Task<> {
    CancellationSource source;
    const auto token = source.token();
    EXPECT_EQ(co_await with_token(token, give(7, 1ms)), 7);
    co_await with_token(token, sleep(1ms));
    EXPECT_EQ(co_await with_token(CancellationToken(), give(8, 1ms)), 8) << "of no source";
    const auto moved = co_await move_on_when(
        token, []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }());
    EXPECT_EQ(**moved, 3);
    EXPECT_TRUE(co_await move_on_when(token, sleep(1ms)));
    int number = 5;
    EXPECT_EQ(&co_await with_token(token, [](int& n) -> Task<int&> { co_return n; }(number)),
              &number);
  });
}

TEST(WithToken, EndsWhatIsAwaitedWhenItFiresAndTheTaskGoesOn) {
  test::run([]() -> Task<> {
    CancellationSource source;
    std::string inside;
    const auto body = [&]() -> Task<int> {
      auto slept = co_await as_outcome(give(1, 1h));
      inside = message_of(slept);
      co_await yield();  // cleans up
      co_await fail(std::move(slept.error()));
      co_return 1;
    };
    auto firing = spawn([&]() -> Task<> {
      co_await sleep(1ms);
      source.cancel("stop");
    });
    const auto outcome = co_await as_outcome(with_token(source.token(), body()));
    EXPECT_EQ(message_of(outcome), "stop");
    EXPECT_EQ(inside, "stop") << "the reason is there inside, too";
    EXPECT_EQ(this_task().cancelling(), 0u);
    co_await sleep(1ms);  // not cancelled
    co_await firing;
  });
}

TEST(MoveOnWhen, GivesNothingWhenItFires) {
  test::run([]() -> Task<> {
    CancellationSource source;
    call_later(1ms, [&] { source.cancel(); });
    EXPECT_FALSE(co_await move_on_when(source.token(), give(7, 1h)));
    EXPECT_FALSE(co_await move_on_when(source.token(), sleep(1h))) << "fired already";
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

TEST(WithToken, ThatHasFiredDoesNotStartATask) {
  test::run([]() -> Task<> {
    CancellationSource source;
    source.cancel("before");
    bool began = false;
    const auto body = [&]() -> Task<int> {
      began = true;
      co_return 1;
    };
    EXPECT_EQ(message_of(co_await as_outcome(with_token(source.token(), body()))), "before");
    EXPECT_FALSE(co_await move_on_when(source.token(), body()));
    EXPECT_FALSE(began);
    Lock lock;
    const auto guard = co_await with_token(source.token(), lock.scoped());
    EXPECT_TRUE(lock.locked()) << "what is ready is given";
    auto task = spawn(give(1, 1h));
    EXPECT_FALSE(co_await move_on_when(source.token(), task));
    EXPECT_TRUE(task.cancelled()) << "as by any cancel of who waits for it";
  });
}

// C13
TEST(WithToken, GivesWhatCameInTheSameTurn) {
  test::run([]() -> Task<> {
    CancellationSource source;
    Queue<int> queue;
    call_later(1ms, [&] {
      queue.put_nowait(5);
      source.cancel("too late");
    });
    const auto stubborn = [&]() -> Task<int> {
      auto got = co_await as_outcome(queue.get());
      co_return got ? *got : 6;
    };
    EXPECT_EQ(co_await with_token(source.token(), stubborn()), 6) << "a value all the same";
    EXPECT_EQ(queue.size(), 1u) << "the queue took its item back (C4)";
    EXPECT_EQ(this_task().cancelling(), 0u);
    this_task().cancel("another");
    try {
      co_await yield();
      co_await sleep(1ms);
      ADD_FAILURE() << "not cancelled";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "another") << "no reason is left over";
    }
    this_task().uncancel();
  });
}

TEST(WithToken, LeavesNoReasonBehindWhereItCameTooLate) {
  test::run([]() -> Task<> {
    CancellationSource source;
    const auto body = [&]() -> Task<int> {
      co_await yield();
      source.cancel("too late");  // asks this task, which does not wait any more
      co_return 5;
    };
    EXPECT_EQ(co_await with_token(source.token(), body()), 5);
    EXPECT_EQ(this_task().cancelling(), 0u);
    this_task().cancel("another");
    const auto outcome = co_await as_outcome(give(1, 1ms));
    EXPECT_EQ(message_of(outcome), "another");
    this_task().uncancel();
    co_await sleep(1ms);
  });
}

// C5: a foreign request is never swallowed, whenever it comes
TEST(MoveOnWhen, GivesWayToACancelFromOutside) {
  test::run([]() -> Task<> {
    for (const bool pending : {false, true}) {
      for (const bool before : {false, true}) {
        CancellationSource source;
        if (before) source.cancel();
        bool came_out = false;
        Event event;
        auto task = spawn([&]() -> Task<> {
          if (pending) this_task().cancel("outside");
          const auto outcome =
              co_await as_outcome(move_on_when(source.token(), event.wait()));
          came_out = !outcome && outcome.error().is_cancelled();
          co_await sleep(1ms);
        });
        co_await yield();
        if (!pending) task.cancel("outside");
        source.cancel();
        co_await test::wait_until_done(task);
        EXPECT_TRUE(came_out) << pending << before;
      }
    }
  });
}

TEST(WithToken, NestsAndEachTakesBackItsOwn) {
  test::run([]() -> Task<> {
    CancellationSource outer, inner;
    bool went_on = false;
    const auto body = [&]() -> Task<int> {
      EXPECT_FALSE(co_await move_on_when(inner.token(), sleep(1h)));
      went_on = true;
      co_await timeout(1h, sleep(30min));
      co_return 1;
    };
    call_later(1ms, [&] { inner.cancel("inner"); });
    call_later(2ms, [&] { outer.cancel("outer"); });
    const auto outcome = co_await as_outcome(with_token(outer.token(), timeout(2h, body())));
    EXPECT_TRUE(went_on);
    EXPECT_EQ(message_of(outcome), "outer");
    const auto both =
        co_await move_on_when(CancellationToken(), move_on_after(1ms, sleep(1h)));
    EXPECT_EQ(both, std::optional(false));
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

TEST(WithToken, OfAChildAndItsParentAtOnceIsOneRequestEach) {
  test::run([]() -> Task<> {
    CancellationSource parent;
    CancellationSource child(parent.token());
    call_later(1ms, [&] { parent.cancel("both"); });
    const auto outcome = co_await as_outcome(
        with_token(parent.token(), with_token(child.token(), give(1, 1h))));
    EXPECT_EQ(message_of(outcome), "both");
    EXPECT_EQ(this_task().cancelling(), 0u);
    co_await sleep(1ms);
  });
}

TEST(WithToken, LetsFailuresOut) {
  test::run([]() -> Task<> {
    CancellationSource source;
    const auto fails = []() -> Task<> { co_await timeout(1ms, sleep(1h)); };
    EXPECT_THROW(co_await with_token(source.token(), fails()), TimeoutError);
    EXPECT_THROW(co_await move_on_when(source.token(), fails()), TimeoutError);
  });
}

TEST(WithToken, StopsManyTasksAtOnce) {
  test::run([]() -> Task<> {
    CancellationSource shutdown;
    Event never;
    int stopped = 0;
    const auto worker = [&]() -> Task<> {
      if (!co_await move_on_when(shutdown.token(), never.wait())) ++stopped;
    };
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 100; ++i) group.spawn(worker());
      co_await sleep(1ms);
      shutdown.cancel();
    });
    EXPECT_EQ(stopped, 100);
  });
}

// K8
TEST(WithToken, OfAnotherLoopIsRefused) {
  CancellationSource source;
  Loop other(test::options());
  auto theirs = other.spawn([](CancellationToken token) -> Task<> {
    static_cast<void>(co_await move_on_when(token, sleep(1h)));
  }(source.token()));
  other.turn();
  test::run([&]() -> Task<> {
    EXPECT_THROW(co_await with_token(source.token(), sleep(1ms)), UsageError);
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
  source.cancel();
  for (int i = 0; i < 3; ++i) other.turn();
  EXPECT_TRUE(theirs.done());
}

TEST(WithToken, AroundWhatRefusesToBeAwaitedLeavesNothing) {
  test::run([]() -> Task<> {
    CancellationSource source;
    source.cancel();
    EXPECT_THROW(co_await with_token(source.token(), this_task()), UsageError);
    EXPECT_EQ(this_task().cancelling(), 0u);
    co_await sleep(1ms);
  });
}

TEST(WithToken, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([]() -> Task<> {
    const auto use = []() -> Task<> {
      CancellationSource source;
      auto firing = spawn([](CancellationSource& fires) -> Task<> {
        co_await sleep(1ms);
        fires.cancel("a reason that is too long to be kept in the object itself");
      }(source));
      co_await with_token(source.token(), yield());
      EXPECT_FALSE(co_await move_on_when(source.token(), sleep(1h)));
      EXPECT_FALSE(co_await move_on_when(source.token(), give(1, 1h)));
      co_await firing;
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
