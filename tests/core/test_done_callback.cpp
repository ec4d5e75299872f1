// Callbacks of on_done() that are taken back.
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <array>
#include <memory>
#include <new>
#include <optional>

namespace {

using namespace eddy;

Task<> ends() { co_return; }

TEST(DoneCallback, DoesNotRunOnceRemoved) {
  test::run([]() -> Task<> {
    test::Log log;
    auto task = spawn(test::settle(2));
    task.on_done([&](const TaskHandle&) { log("first"); });
    DoneCallback second = task.on_done([&](const TaskHandle&) { log("second"); });
    task.on_done([&](const TaskHandle&) { log("third"); });
    EXPECT_TRUE(second.pending());
    EXPECT_TRUE(second.remove());
    EXPECT_FALSE(second.pending());
    EXPECT_FALSE(second.remove()) << "a second time";
    co_await task;
    co_await test::settle();
    EXPECT_EQ(log.text(), "first third");
  });
}

// C4
TEST(DoneCallback, CanBeRemovedWhenItsTaskHasEndedAndItsTurnHasNotCome) {
  test::run([]() -> Task<> {
    test::Log log;
    auto task = spawn(ends());
    DoneCallback second;
    task.on_done([&](const TaskHandle&) { log(second.remove() ? "removed" : "too late"); });
    second = task.on_done([&](const TaskHandle&) { log("second"); });
    co_await test::settle();
    EXPECT_EQ(log.text(), "removed");
    EXPECT_FALSE(second.pending());
  });
}

TEST(DoneCallback, CannotBeRemovedByItselfOrAfterwards) {
  test::run([]() -> Task<> {
    auto task = spawn(ends());
    DoneCallback callback;
    bool ran = false;
    callback = task.on_done([&](const TaskHandle&) {
      EXPECT_FALSE(callback.pending());
      EXPECT_FALSE(callback.remove());
      ran = true;
    });
    const DoneCallback copy = callback;
    EXPECT_TRUE(copy.pending());
    co_await test::settle();
    EXPECT_TRUE(ran);
    EXPECT_FALSE(callback.remove());
    EXPECT_FALSE(copy.pending());
    EXPECT_FALSE(DoneCallback().remove());
    EXPECT_FALSE(DoneCallback().pending());
  });
}

TEST(DoneCallback, OfATaskThatIsDoneCanBeRemovedBeforeItsTurn) {
  test::run([]() -> Task<> {
    auto task = spawn(ends());
    co_await task;
    bool ran = false;
    DoneCallback callback = task.on_done([&](const TaskHandle&) { ran = true; });
    EXPECT_TRUE(callback.remove());
    co_await test::settle();
    EXPECT_FALSE(ran);
  });
}

TEST(DoneCallback, GivesUpWhatItHoldsWhenItIsRemovedOrHasRun) {
  test::run([]() -> Task<> {
    const auto held = std::make_shared<int>(1);
    auto task = spawn(test::settle(1));
    auto function = [held](const TaskHandle&) {};
    DoneCallback removed = task.on_done(function);
    DoneCallback runs = task.on_done(function);
    EXPECT_EQ(held.use_count(), 4);
    EXPECT_TRUE(removed.remove());
    EXPECT_EQ(held.use_count(), 3);
    co_await task;
    DoneCallback ready = task.on_done(function);
    EXPECT_TRUE(ready.remove());
    co_await test::settle();
    EXPECT_EQ(held.use_count(), 2) << "the one that ran is still named";
    EXPECT_FALSE(runs.pending());
  });
}

// The last owner of what is removed may be the callback itself
TEST(DoneCallback, MayOwnWhatRemovesIt) {
  test::run([]() -> Task<> {
    auto task = spawn(test::settle(2));
    struct Owner {
      ~Owner() { EXPECT_FALSE(callback.remove()); }
      DoneCallback callback;
    };
    auto owner = std::make_shared<Owner>();
    Owner& kept = *owner;
    kept.callback = task.on_done([owner = std::move(owner)](const TaskHandle&) {});
    EXPECT_TRUE(kept.callback.remove());
    co_await task;
  });
}

// B6
TEST(DoneCallback, ThatIsNamedKeepsNoTaskFromBeingReported) {
  int reports = 0;
  Loop loop(test::options());
  loop.on_exception([&](const ExceptionReport&) { ++reports; });
  const auto fails = []() -> Task<> {
    co_await yield();
    throw std::runtime_error("lost");
  };
  DoneCallback ran, removed;
  {
    auto task = loop.spawn(fails());
    ran = task.on_done([](const TaskHandle&) {});
    removed = task.on_done([](const TaskHandle&) {});
    EXPECT_TRUE(removed.remove());
  }
  while (loop.turn()) {
  }
  EXPECT_EQ(reports, 1);
}

TEST(DoneCallback, OutlivesItsLoop) {
  bool called = false;
  DoneCallback removed, ran;
  JoinHandle<> task;
  {
    Loop loop(test::options());
    task = loop.spawn(test::settle(9));
    removed = task.on_done([&](const TaskHandle&) { ADD_FAILURE(); });
    ran = task.on_done([&](const TaskHandle&) { called = true; });
    loop.turn();
    EXPECT_TRUE(removed.remove()) << "outside of any turn";
  }
  EXPECT_TRUE(called) << "the end of the loop ends its tasks";
  EXPECT_FALSE(ran.pending());
  EXPECT_FALSE(ran.remove());
  EXPECT_FALSE(removed.remove());
}

TEST(DoneCallback, CanBeRemovedByATaskOfAnotherLoop) {
  Loop other(test::options());
  auto theirs = other.spawn(ends());
  bool called = false;
  DoneCallback callback = theirs.on_done([&](const TaskHandle&) { called = true; });
  test::run([&]() -> Task<> {
    EXPECT_TRUE(callback.remove());
    co_return;
  });
  while (other.turn()) {
  }
  EXPECT_TRUE(theirs.done());
  EXPECT_FALSE(called);
}

TEST(DoneCallback, WithoutMemoryIsNone) {
  const int alive = test::Tracker::alive;
  const auto failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop(test::options());
    auto task = loop.spawn(ends());
    DoneCallback callback;
    int called = 0;
    std::array<char, 100> large{};
    memory.arm();
    try {
      callback = task.on_done([&called, large, tracker = test::Tracker(1)](const TaskHandle&) {
        called += 1 + large[0];
      });
    } catch (const std::bad_alloc&) {
    }
    memory.disarm();
    EXPECT_EQ(callback.pending(), !memory.failed());
    EXPECT_EQ(callback.remove(), !memory.failed());
    while (loop.turn()) {
    }
    EXPECT_EQ(called, 0);
  });
  EXPECT_GT(failed, 0u);
  EXPECT_EQ(test::Tracker::alive, alive);
}

TEST(DoneCallback, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  test::run([]() -> Task<> {
    const auto use = []() -> Task<> {
      auto task = spawn(ends());
      int called = 0;
      DoneCallback removed = task.on_done([&](const TaskHandle&) { ++called; });
      DoneCallback late = task.on_done([&](const TaskHandle&) { ++called; });
      const DoneCallback runs = task.on_done([&](const TaskHandle&) { called += late.remove(); });
      removed.remove();
      co_await task;
      late = task.on_done([&](const TaskHandle&) { ++called; });
      late.remove();
      co_await test::settle(2);
      EXPECT_EQ(called, 1) << "the second ran, the third came too late";
    };
    for (int i = 0; i < 3; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
