// Tokens: a request to stop that belongs to no task.
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/run.hpp"

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace eddy;

Task<> waits(CancellationToken token, test::Log& log, std::string name) {
  co_await token.cancelled();
  log(name + ":" + std::string(token.reason()));
}

TEST(Cancellation, EndsTheWaitsInTheOrderOfTheirComing) {
  test::run([]() -> Task<> {
    test::Log log;
    CancellationSource source;
    auto first = spawn(waits(source.token(), log, "a"));
    auto second = spawn(waits(source.token(), log, "b"));
    co_await test::settle();
    EXPECT_FALSE(source.is_cancelled());
    EXPECT_TRUE(source.cancel("done"));
    EXPECT_EQ(log.text(), "") << "nobody runs within";
    co_await second;
    EXPECT_EQ(log.text(), "a:done b:done");
    co_await first;
  });
}

TEST(Cancellation, FiresOnceAndForGood) {
  test::run([]() -> Task<> {
    const CancellationSource source;
    const CancellationSource copy = source;
    const CancellationToken token = source.token();
    EXPECT_FALSE(token.is_cancelled());
    EXPECT_NO_THROW(token.throw_if_cancelled());
    EXPECT_EQ(token.reason(), "");
    EXPECT_TRUE(copy.cancel("first"));
    EXPECT_FALSE(source.cancel("second"));
    EXPECT_TRUE(token.is_cancelled());
    EXPECT_TRUE(source.is_cancelled());
    EXPECT_EQ(token.reason(), "first");
    EXPECT_EQ(source.reason(), "first");
    EXPECT_TRUE(token == copy.token());
    EXPECT_FALSE(token == CancellationSource().token());
    try {
      token.throw_if_cancelled();
      ADD_FAILURE() << "nothing thrown";
    } catch (const Cancelled& cancelled) {
      EXPECT_EQ(cancelled.message(), "first");
    }
    co_return;
  });
}

// L5
TEST(Cancellation, ThatHasFiredDoesNotSuspend) {
  test::run([]() -> Task<> {
    CancellationSource source;
    source.cancel();
    const auto turns = Loop::current().stats().turns;
    co_await source.token().cancelled();
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

TEST(Cancellation, OfNoSourceNeverFires) {
  test::run([]() -> Task<> {
    const CancellationToken none;
    EXPECT_FALSE(none.is_cancelled());
    EXPECT_EQ(none.reason(), "");
    EXPECT_FALSE(co_await move_on_after(1h, none.cancelled()));
  });
}

TEST(Cancellation, ByASourceThatIsDroppedDoesNotCome) {
  test::run([]() -> Task<> {
    auto source = std::make_unique<CancellationSource>();
    const CancellationToken token = source->token();
    source.reset();
    EXPECT_FALSE(co_await move_on_after(1h, token.cancelled()));
    EXPECT_FALSE(token.is_cancelled());
  });
}

// C1, C4
TEST(Cancellation, LeavesOthersAloneWhenAWaitIsCancelledBeforeWhileAndAfter) {
  test::run([]() -> Task<> {
    test::Log log;
    CancellationSource source;
    auto before = spawn(waits(source.token(), log, "before"));
    before.cancel();
    auto during = spawn(waits(source.token(), log, "during"));
    auto woken = spawn(waits(source.token(), log, "woken"));
    auto other = spawn(waits(source.token(), log, "other"));
    co_await test::settle();
    during.cancel();
    co_await test::settle();
    source.cancel();
    woken.cancel();
    co_await other;
    EXPECT_TRUE(before.cancelled() && during.cancelled() && woken.cancelled());
    EXPECT_EQ(log.text(), "other:");
  });
}

TEST(Cancellation, OfAChildComesWithItsParentAndMayComeBefore) {
  test::run([]() -> Task<> {
    test::Log log;
    CancellationSource parent;
    CancellationSource child(parent.token());
    CancellationSource grandchild(child.token());
    CancellationSource early(parent.token());
    auto a = spawn(waits(grandchild.token(), log, "grandchild"));
    auto b = spawn(waits(parent.token(), log, "parent"));
    auto c = spawn(waits(early.token(), log, "early"));
    co_await test::settle();
    EXPECT_TRUE(early.cancel("alone"));
    EXPECT_FALSE(parent.is_cancelled());
    co_await c;
    EXPECT_TRUE(parent.cancel("all"));
    EXPECT_TRUE(grandchild.is_cancelled());
    EXPECT_EQ(early.reason(), "alone");
    EXPECT_FALSE(child.cancel("late"));
    co_await a;
    EXPECT_EQ(log.text(), "early:alone parent:all grandchild:all");
    EXPECT_EQ(CancellationSource(child.token()).reason(), "all") << "made afterwards";
    EXPECT_FALSE(CancellationSource(CancellationToken()).is_cancelled());
    co_await b;
  });
}

TEST(Cancellation, OfAChildThatDiedIsNothingToItsParent) {
  test::run([]() -> Task<> {
    CancellationSource parent;
    { const CancellationSource child(parent.token()); }
    CancellationToken orphan;
    {
      CancellationSource source;
      orphan = CancellationSource(source.token()).token();
    }
    EXPECT_FALSE(orphan.is_cancelled());
    EXPECT_TRUE(parent.cancel());
    co_return;
  });
}

// Edges 8
TEST(Cancellation, ComesThroughAnyNumberOfGenerations) {
  test::run([]() -> Task<> {
    CancellationSource first;
    {
      CancellationSource last = first;
      for (int i = 0; i < 200000; ++i) last = CancellationSource(last.token());
      const CancellationToken token = last.token();
      first.cancel("down");
      EXPECT_EQ(token.reason(), "down");
    }
    CancellationSource unfired;
    for (int i = 0; i < 200000; ++i) unfired = CancellationSource(unfired.token());
    co_return;
  });
}

// K8
TEST(Cancellation, BelongsToOneLoop) {
  CancellationSource source;
  Loop other(test::options());
  auto theirs = other.spawn([](CancellationToken token) -> Task<> {
    co_await token.cancelled();
  }(source.token()));
  other.turn();
  test::run([&]() -> Task<> {
    EXPECT_THROW(co_await source.token().cancelled(), UsageError);
    EXPECT_TRUE(source.cancel()) << "from any loop of the thread";
    co_await source.token().cancelled();
  });
  other.turn();
  EXPECT_TRUE(theirs.done());
}

TEST(Cancellation, FiresFromOutsideOfAnyTurn) {
  CancellationSource source;
  Loop loop(test::options());
  auto task = loop.spawn([](CancellationToken token) -> Task<> {
    co_await token.cancelled();
  }(source.token()));
  loop.turn();
  source.cancel();
  loop.turn();
  EXPECT_TRUE(task.done());
}

TEST(Cancellation, IsLeftByTheEndOfTheLoopAndOutlivesIt) {
  CancellationSource source;
  JoinHandle<> task;
  {
    Loop loop(test::options());
    task = loop.spawn([](CancellationToken token) -> Task<> {
      co_await token.cancelled();
    }(source.token()));
    loop.turn();
  }
  EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(source.cancel());
}

TEST(Cancellation, RefusesASourceThatWasMovedFrom) {
  CancellationSource source;
  const CancellationSource taken = std::move(source);
  EXPECT_THROW(source.cancel(), UsageError);
  EXPECT_THROW(source.token(), UsageError);
  EXPECT_FALSE(taken.is_cancelled());
}

TEST(Cancellation, WithoutMemoryForItsReasonIsNone) {
  const auto failed = test::fail_each_allocation([](test::FailingMemory& memory) {
    CancellationSource source;
    const CancellationToken token = source.token();
    memory.arm();
    bool fired = false;
    try {
      const CancellationSource child(token);
      fired = source.cancel("a reason that is too long to be kept in the object itself");
    } catch (const std::bad_alloc&) {
    }
    memory.disarm();
    EXPECT_EQ(fired, !memory.failed());
    EXPECT_EQ(token.is_cancelled(), fired);
    EXPECT_EQ(source.cancel(), !fired);
  });
  EXPECT_GT(failed, 0u);
}

TEST(Cancellation, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([]() -> Task<> {
    const auto use = []() -> Task<> {
      CancellationSource source;
      CancellationSource child(source.token());
      auto task = spawn([](CancellationToken token) -> Task<> {
        co_await token.cancelled();
      }(child.token()));
      co_await yield();
      source.cancel("a reason that is too long to be kept in the object itself");
      co_await task;
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
