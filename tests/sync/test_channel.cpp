// Channels: items between tasks, with an end for each side.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <memory>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

Task<> send_all(Sender<int> to, int first, int last) {
  for (int i = first; i <= last; ++i) co_await to.send(i);
}

TEST(Channel, BringsItemsInTheirOrder) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(2);
    auto producer = spawn(send_all(sender, 1, 5));
    sender = {};
    std::vector<int> all;
    while (auto item = co_await receiver.receive()) all.push_back(*item);
    EXPECT_EQ(all, (std::vector<int>{1, 2, 3, 4, 5}));
    EXPECT_TRUE(receiver.closed());
    co_await producer;
  });
}

TEST(Channel, HoldsItsSenderWhenItIsFull) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(2);
    Log log;
    auto producer = spawn([&]() -> Task<> {
      for (int i = 1; i <= 4; ++i) {
        co_await sender.send(i);
        log("sent" + std::to_string(i));
      }
    });
    co_await test::settle();
    EXPECT_EQ(log.text(), "sent1 sent2");
    EXPECT_EQ(receiver.size(), 2u);
    EXPECT_EQ(receiver.capacity(), 2u);
    for (int i = 1; i <= 4; ++i) EXPECT_EQ(co_await receiver.receive(), i);
    co_await producer;
  });
}

TEST(Channel, DoesNotWaitWhereNothingIsToBeWaitedFor) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(2);
    const auto turns = Loop::current().stats().turns;
    for (int i = 0; i < 1000; ++i) {
      co_await sender.send(i);
      EXPECT_EQ(co_await receiver.receive(), i);
    }
    sender = {};
    EXPECT_EQ(co_await receiver.receive(), std::nullopt);
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
}

TEST(Channel, EndsWhenTheLastSenderIsGone) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(4);
    auto copy = std::make_unique<Sender<int>>(sender);
    Log log;
    const auto receive = [&](std::string name) -> Task<> {
      const auto item = co_await receiver.receive();
      log(name + (item ? std::to_string(*item) : "-"));
    };
    auto all = spawn([&]() -> Task<> {
      co_await gather(receive("a"), receive("b"), receive("c"));
    });
    co_await test::settle();
    sender = {};
    co_await test::settle();
    EXPECT_EQ(log.text(), "") << "a copy may still send";
    co_await copy->send(1);
    copy.reset();
    co_await all;
    EXPECT_EQ(log.text(), "a1 b- c-");
    EXPECT_EQ(co_await receiver.receive(), std::nullopt) << "and stays ended";
  });
}

TEST(Channel, GivesWhatIsThereBeforeItsEnd) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(4);
    co_await sender.send(1);
    co_await sender.send(2);
    sender = {};
    EXPECT_FALSE(receiver.closed());
    EXPECT_EQ(co_await receiver.receive(), 1);
    EXPECT_EQ(receiver.try_receive(), 2);
    EXPECT_TRUE(receiver.closed());
    EXPECT_EQ(receiver.try_receive(), std::nullopt);
  });
}

TEST(Channel, RefusesItsSendersWhenTheLastReceiverIsGone) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<std::shared_ptr<int>>(1);
    const auto item = std::make_shared<int>(1);
    co_await sender.send(item);
    auto waiting = spawn([&]() -> Task<> { co_await sender.send(item); });
    co_await test::settle();
    auto copy = receiver;
    receiver = {};
    co_await test::settle();
    EXPECT_FALSE(waiting.done());
    EXPECT_FALSE(sender.closed());
    copy = {};
    EXPECT_THROW(co_await waiting, ChannelClosed);
    EXPECT_TRUE(sender.closed());
    EXPECT_EQ(item.use_count(), 1) << "what nobody can receive is dropped";
    EXPECT_THROW(co_await sender.send(item), ChannelClosed);
    EXPECT_FALSE(sender.try_send(item));
    EXPECT_EQ((co_await as_result(sender.send(item))).error(), std::errc::broken_pipe);
  });
}

// A call counts as a copy: what it holds is not lost between two moves of a handle
TEST(Channel, StaysOpenForACallThatWaits) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(1);
    co_await sender.send(1);
    auto sending = spawn(sender.send(2));
    co_await test::settle();
    sender = {};
    EXPECT_EQ(co_await receiver.receive(), 1);
    EXPECT_EQ(co_await receiver.receive(), 2);
    EXPECT_EQ(co_await receiver.receive(), std::nullopt);
    co_await sending;
    auto [again, last] = Channel<int>(1);
    auto receiving = spawn(last.receive());
    co_await test::settle();
    last = {};
    co_await again.send(3);
    EXPECT_EQ(co_await receiving, 3);
    EXPECT_THROW(co_await again.send(4), ChannelClosed);
  });
}

// C4: woken and then cancelled: it has taken nothing, and the next one is woken
TEST(Channel, KeepsTheItemOfAReceiverThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(2);
    auto first = spawn(receiver.receive());
    auto second = spawn(receiver.receive());
    co_await test::settle();
    EXPECT_TRUE(sender.try_send(7));
    EXPECT_EQ(receiver.try_receive(), std::nullopt) << "it is promised";
    first.cancel();
    EXPECT_EQ(co_await second, 7);
    EXPECT_TRUE(first.cancelled());
    auto alone = spawn(receiver.receive());
    co_await test::settle();
    EXPECT_TRUE(sender.try_send(8));
    alone.cancel();
    co_await wait_until_done(alone);
    EXPECT_EQ(receiver.try_receive(), 8);
  });
}

TEST(Channel, GivesAnItemOfACancelledReceiverToOneThatWouldHaveSeenTheEnd) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(2);
    auto first = spawn(receiver.receive());
    auto second = spawn(receiver.receive());
    auto third = spawn(receiver.receive());
    co_await test::settle();
    EXPECT_TRUE(sender.try_send(7));
    sender = {};
    first.cancel();
    EXPECT_EQ(co_await second, 7);
    EXPECT_EQ(co_await third, std::nullopt);
  });
}

TEST(Channel, PassesOnThePlaceOfASenderThatIsCancelledWhenItWasWoken) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(1);
    co_await sender.send(1);
    auto first = spawn(sender.send(2));
    auto second = spawn(sender.send(3));
    co_await test::settle();
    EXPECT_EQ(receiver.try_receive(), 1);
    EXPECT_FALSE(sender.try_send(9)) << "the place is promised";
    first.cancel();
    co_await second;
    EXPECT_TRUE(first.cancelled());
    EXPECT_EQ(receiver.try_receive(), 3);
  });
}

TEST(Channel, LeavesAnItemWithItsCallerUntilItIsSent) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<std::unique_ptr<int>>(1);
    auto item = std::make_unique<int>(1);
    co_await sender.send_from(item);
    EXPECT_EQ(item, nullptr);
    item = std::make_unique<int>(2);
    EXPECT_THROW(co_await timeout(1ms, sender.send_from(item)), TimeoutError);
    EXPECT_FALSE(sender.try_send(std::move(item)));
    auto woken = spawn([&]() -> Task<> { co_await sender.send_from(item); });
    co_await test::settle();
    const auto first = co_await receiver.receive();
    EXPECT_EQ(**first, 1);
    woken.cancel();
    co_await wait_until_done(woken);
    EXPECT_NE(item, nullptr) << "not lost by the cancel";
    receiver = {};
    EXPECT_THROW(co_await sender.send_from(item), ChannelClosed);
    EXPECT_NE(item, nullptr) << "nor by the end";
  });
}

TEST(Channel, SharesItsItemsBetweenReceivers) {
  test::run([]() -> Task<> {
    auto [sender, receiver] = Channel<int>(3);
    int sum = 0;
    const auto work = [&](Receiver<int> from) -> Task<> {
      while (auto item = co_await from.receive()) sum += *item;
    };
    auto workers = spawn([&]() -> Task<> {
      co_await gather(work(receiver), work(receiver), work(receiver));
    });
    co_await gather(send_all(sender, 0, 99), send_all(sender, 100, 199));
    sender = {};
    co_await workers;
    EXPECT_EQ(sum, 199 * 200 / 2);
  });
}

TEST(Channel, RefusesWhatCannotBe) {
  EXPECT_THROW(Channel<int>(0), UsageError);
  EXPECT_THROW(static_cast<void>(Sender<int>().try_send(1)), UsageError);
  EXPECT_THROW(static_cast<void>(Receiver<int>().receive()), UsageError);
  EXPECT_THROW(static_cast<void>(Receiver<int>().closed()), UsageError);
}

TEST(Channel, IsMadeBeforeItsLoopAndOutlivesIt) {
  auto [sender, receiver] = Channel<int>(1);
  EXPECT_TRUE(sender.try_send(1));
  test::run([&]() -> Task<> { EXPECT_EQ(co_await receiver.receive(), 1); });
  EXPECT_TRUE(sender.try_send(2));
  EXPECT_EQ(receiver.try_receive(), 2);
}

TEST(Channel, AllocatesNothingAfterItWasMade) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  auto [sender, receiver] = Channel<int>(2);
  Loop loop(test::options());
  const auto main = [&]() -> Task<> {
    auto producer = spawn(send_all(sender, 0, 99));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(co_await receiver.receive(), i);
    co_await producer;
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

TEST(Channel, RefusesACapacityBelowZero) {
  EXPECT_THROW(Channel<int>(-1), UsageError);
  EXPECT_THROW(Channel<int>(0), UsageError);
}

TEST(Channel, EndsItsReceiverWhereTheLastSenderIsReplaced) {
  test::run([]() -> Task<> {
    Channel<int> channel(1);
    Receiver<int> receiver = channel.receiver;
    Sender<int> sender = channel.sender;
    channel.sender = Channel<int>(1).sender;
    EXPECT_FALSE(receiver.closed());
    sender = Channel<int>(1).sender;
    EXPECT_FALSE(co_await receiver.receive());
  });
}

}  // namespace
