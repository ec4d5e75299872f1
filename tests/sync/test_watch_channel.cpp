// Watch channels: the latest value, and when it changes.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <memory>
#include <stdexcept>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

TEST(WatchChannel, TellsOfAChange) {
  test::run([]() -> Task<> {
    WatchSender<std::string> sender("first");
    auto receiver = sender.subscribe();
    EXPECT_EQ(receiver.value(), "first");
    EXPECT_FALSE(receiver.has_changed()) << "it subscribed to what comes";
    auto waiting = spawn(receiver.changed());
    co_await test::settle();
    EXPECT_FALSE(waiting.done());
    sender.send("second");
    EXPECT_TRUE(co_await waiting);
    EXPECT_EQ(receiver.value(), "second");
    EXPECT_FALSE(receiver.has_changed());
  });
}

TEST(WatchChannel, ShowsTheLatestOfSeveralValues) {
  test::run([]() -> Task<> {
    WatchSender<int> sender(0);
    auto receiver = sender.subscribe();
    for (int i = 1; i <= 5; ++i) sender.send(i);
    const auto turns = Loop::current().stats().turns;
    EXPECT_TRUE(co_await receiver.changed());
    EXPECT_EQ(Loop::current().stats().turns, turns) << "it waits for nothing";
    EXPECT_EQ(receiver.value(), 5);
    EXPECT_THROW(co_await timeout(1ms, receiver.changed()), TimeoutError) << "once";
  });
}

TEST(WatchChannel, TellsEveryReceiverInTheNextTurn) {
  test::run([]() -> Task<> {
    WatchSender<int> sender(0);
    auto receiver = sender.subscribe();
    Log log;
    const auto watch = [&](WatchReceiver<int> from, std::string name) -> Task<> {
      const bool changed = co_await from.changed();
      if (changed) log(name + std::to_string(from.value()));
    };
    auto all = spawn([&]() -> Task<> {
      co_await gather(watch(receiver, "a"), watch(receiver, "b"), watch(sender.subscribe(), "c"));
    });
    co_await test::settle();
    EXPECT_EQ(sender.receivers(), 4u);
    sender.send(1);
    log("sent");
    co_await all;
    EXPECT_EQ(log.text(), "sent a1 b1 c1");
    EXPECT_TRUE(receiver.has_changed()) << "its copies have seen it, it has not";
  });
}

TEST(WatchChannel, TellsAllTasksThatWaitByOneReceiver) {
  test::run([]() -> Task<> {
    WatchSender<int> sender(0);
    auto receiver = sender.subscribe();
    auto first = spawn(receiver.changed());
    auto second = spawn(receiver.changed());
    co_await test::settle();
    sender.send(1);
    EXPECT_TRUE(co_await first);
    EXPECT_TRUE(co_await second);
  });
}

TEST(WatchChannel, EndsWhenTheLastSenderIsGone) {
  test::run([]() -> Task<> {
    auto sender = std::make_unique<WatchSender<int>>(1);
    auto copy = std::make_unique<WatchSender<int>>(*sender);
    auto receiver = sender->subscribe();
    auto late = receiver;
    auto waiting = spawn(sender->subscribe().changed());
    co_await test::settle();
    sender.reset();
    co_await test::settle();
    EXPECT_FALSE(waiting.done());
    EXPECT_FALSE(receiver.closed());
    copy.reset();
    EXPECT_FALSE(co_await waiting);
    EXPECT_TRUE(receiver.closed());
    EXPECT_FALSE(co_await receiver.changed());
    EXPECT_EQ(receiver.value(), 1) << "the last value stays";
    WatchSender<int> other(1);
    late = other.subscribe();
    other.send(2);
    {
      const WatchSender<int> last = std::move(other);
    }
    EXPECT_TRUE(co_await late.changed()) << "what was not seen comes before the end";
    EXPECT_FALSE(co_await late.changed());
  });
}

TEST(WatchChannel, HasSeenNothingWhenItIsCancelled) {
  test::run([]() -> Task<> {
    WatchSender<int> sender(0);
    auto receiver = sender.subscribe();
    auto woken = spawn(receiver.changed());
    co_await test::settle();
    sender.send(1);
    woken.cancel();
    co_await wait_until_done(woken);
    EXPECT_TRUE(woken.cancelled());
    EXPECT_TRUE(receiver.has_changed());
    EXPECT_TRUE(co_await receiver.changed());
  });
}

TEST(WatchChannel, ChangesItsValueInPlace) {
  WatchSender<std::vector<int>> sender({1});
  auto receiver = sender.subscribe();
  sender.modify([](std::vector<int>& value) { value.push_back(2); });
  EXPECT_TRUE(receiver.has_changed());
  receiver.mark_seen();
  EXPECT_FALSE(sender.modify_if([](std::vector<int>&) { return false; }));
  EXPECT_THROW(sender.modify([](std::vector<int>&) { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_FALSE(receiver.has_changed());
  EXPECT_TRUE(sender.modify_if([](std::vector<int>& value) { return value.clear(), true; }));
  EXPECT_TRUE(receiver.has_changed());
  EXPECT_TRUE(sender.value().empty());
}

TEST(WatchChannel, RefusesWhatCannotBe) {
  EXPECT_THROW(static_cast<void>(WatchReceiver<int>().changed()), UsageError);
  EXPECT_THROW(static_cast<void>(WatchReceiver<int>().value()), UsageError);
  WatchSender<int> sender(1);
  const WatchSender<int> taken = std::move(sender);
  EXPECT_THROW(sender.send(1), UsageError);
}

TEST(WatchChannel, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  Loop loop(test::options());
  const auto main = []() -> Task<> {
    WatchSender<int> sender(0);
    for (int i = 0; i < 100; ++i) {
      auto waiting = spawn(sender.subscribe().changed());
      co_await yield();
      sender.send(i);
      EXPECT_TRUE(co_await waiting);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

}  // namespace
