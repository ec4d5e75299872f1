// Broadcast channels: every item to every receiver.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <memory>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

TEST(Broadcast, GivesEveryItemToEveryReceiver) {
  test::run([]() -> Task<> {
    BroadcastSender<int> sender(8);
    std::vector<std::vector<int>> all(3);
    const auto collect = [&](BroadcastReceiver<int> from, int who) -> Task<> {
      while (auto item = co_await from.receive()) all[who].push_back(*item);
    };
    auto receivers = spawn([&]() -> Task<> {
      co_await gather(collect(sender.subscribe(), 0), collect(sender.subscribe(), 1),
                      collect(sender.subscribe(), 2));
    });
    co_await test::settle();
    for (int i = 1; i <= 6; ++i) {
      EXPECT_EQ(sender.send(i), 3u);
      if (i % 2) co_await yield();
    }
    {
      const BroadcastSender<int> last = std::move(sender);
    }
    co_await receivers;
    for (const auto& items : all) EXPECT_EQ(items, (std::vector<int>{1, 2, 3, 4, 5, 6}));
  });
}

TEST(Broadcast, RunsItsReceiversInTheNextTurn) {
  test::run([]() -> Task<> {
    BroadcastSender<int> sender(1);
    Log log;
    const auto receive = [&](BroadcastReceiver<int> from, std::string name) -> Task<> {
      const auto item = co_await from.receive();
      log(name + std::to_string(*item));
    };
    auto a = spawn(receive(sender.subscribe(), "a"));
    auto b = spawn(receive(sender.subscribe(), "b"));
    co_await test::settle();
    sender.send(1);
    log("sent");
    co_await a;
    co_await b;
    EXPECT_EQ(log.text(), "sent a1 b1");
  });
}

TEST(Broadcast, TellsAReceiverThatLagsAndGoesOnWithTheOldest) {
  test::run([]() -> Task<> {
    BroadcastSender<int> sender(4);
    auto receiver = sender.subscribe();
    for (int i = 1; i <= 10; ++i) sender.send(i);
    EXPECT_EQ(receiver.size(), 4u);
    EXPECT_THROW(co_await receiver.receive(), ReceiverLagged);
    EXPECT_EQ(receiver.missed(), 6u);
    for (int i = 7; i <= 10; ++i) EXPECT_EQ(co_await receiver.receive(), i);
    sender.send(11);
    EXPECT_EQ(co_await receiver.receive(), 11);
    for (int i = 0; i < 5; ++i) sender.send(i);
    EXPECT_EQ((co_await as_result(receiver.receive())).error(), std::errc::value_too_large);
    EXPECT_EQ(receiver.missed(), 7u);
    EXPECT_EQ(co_await receiver.receive(), 1);
  });
}

TEST(Broadcast, GivesWhatComesAfterTheSubscription) {
  test::run([]() -> Task<> {
    BroadcastSender<int> sender(4);
    EXPECT_EQ(sender.send(1), 0u) << "nobody is there";
    auto first = sender.subscribe();
    sender.send(2);
    auto second = sender.subscribe();
    auto copy = first;
    EXPECT_EQ(sender.receivers(), 3u);
    EXPECT_EQ(sender.send(3), 3u);
    EXPECT_EQ(co_await first.receive(), 2);
    EXPECT_EQ(co_await first.receive(), 3);
    EXPECT_EQ(co_await second.receive(), 3);
    EXPECT_EQ(co_await copy.receive(), 2) << "a copy has to come what the first had";
    EXPECT_EQ(copy.size(), 1u);
  });
}

TEST(Broadcast, EndsWhenTheLastSenderIsGoneAndAllWasReceived) {
  test::run([]() -> Task<> {
    auto sender = std::make_unique<BroadcastSender<int>>(4);
    auto copy = std::make_unique<BroadcastSender<int>>(*sender);
    auto receiver = sender->subscribe();
    auto waiting = spawn(sender->subscribe().receive());
    co_await test::settle();
    sender.reset();
    co_await test::settle();
    EXPECT_FALSE(waiting.done());
    copy->send(1);
    copy.reset();
    EXPECT_EQ(co_await waiting, 1);
    EXPECT_FALSE(receiver.closed());
    EXPECT_EQ(co_await receiver.receive(), 1);
    EXPECT_TRUE(receiver.closed());
    EXPECT_EQ(co_await receiver.receive(), std::nullopt);
  });
}

TEST(Broadcast, LosesNothingByACancel) {
  test::run([]() -> Task<> {
    BroadcastSender<int> sender(4);
    auto receiver = sender.subscribe();
    EXPECT_THROW(co_await timeout(1ms, receiver.receive()), TimeoutError);
    auto woken = spawn([&]() -> Task<> { co_await receiver.receive(); });
    co_await test::settle();
    sender.send(1);
    woken.cancel();
    co_await wait_until_done(woken);
    EXPECT_TRUE(woken.cancelled());
    EXPECT_EQ(co_await receiver.receive(), 1);
  });
}

TEST(Broadcast, HasAReceiverForEachTask) {
  test::run([]() -> Task<> {
    BroadcastSender<int> sender(4);
    auto receiver = sender.subscribe();
    auto first = spawn(receiver.receive());
    co_await test::settle();
    EXPECT_THROW(co_await receiver.receive(), UsageError);
    sender.send(1);
    EXPECT_EQ(co_await first, 1);
    EXPECT_THROW(BroadcastSender<int>(0), UsageError);
    EXPECT_THROW(static_cast<void>(BroadcastReceiver<int>().receive()), UsageError);
  });
}

TEST(Broadcast, KeepsNoItemThatNobodyCanReceive) {
  BroadcastSender<std::shared_ptr<int>> sender(4);
  const auto item = std::make_shared<int>(1);
  {
    auto receiver = sender.subscribe();
    sender.send(item);
    EXPECT_EQ(item.use_count(), 2);
  }
  EXPECT_EQ(item.use_count(), 1);
  sender.send(item);
  EXPECT_EQ(item.use_count(), 1);
}

TEST(Broadcast, AllocatesNothingAfterItWasMade) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  BroadcastSender<int> sender(4);
  Loop loop(test::options());
  const auto main = [&]() -> Task<> {
    auto receiver = sender.subscribe();
    for (int i = 0; i < 100; ++i) {
      auto waiting = spawn([&]() -> Task<bool> {
        const auto item = co_await as_result(receiver.receive());
        co_return item.has_value();
      });
      co_await yield();
      for (int k = 0; k < 6; ++k) sender.send(i);
      EXPECT_FALSE(co_await waiting) << "it lagged";
      for (int k = 0; k < 4; ++k) EXPECT_EQ(co_await receiver.receive(), i);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

// One below zero can be copied once less often.
struct Breaks {
  explicit Breaks(int id) : number(id) {}
  Breaks(const Breaks& other) : number(other.number < 0 ? other.number + 1 : other.number) {
    if (other.number == -1) throw std::runtime_error("it cannot be copied");
  }
  Breaks& operator=(const Breaks&) = default;
  int number;
};

TEST(Broadcast, KeepsTheOthersWhereAnItemCannotBeMoved) {
  test::run([]() -> Task<> {
    BroadcastSender<Breaks> sender(2);
    auto receiver = sender.subscribe();
    sender.send(Breaks(1));
    sender.send(Breaks(2));
    EXPECT_THROW(sender.send(Breaks(-2)), std::runtime_error) << "on its way into the channel";
    std::vector<int> got;
    while (got.size() < 2) {
      auto item = co_await as_outcome(receiver.receive());
      if (!item) continue;  // it has missed one
      got.push_back((*item)->number);
      sender.send(Breaks(3));
    }
    EXPECT_EQ(got, (std::vector<int>{2, 3}));
  });
}

TEST(Broadcast, RefusesACapacityBelowZero) {
  EXPECT_THROW(BroadcastSender<int>(-1), UsageError);
  EXPECT_THROW(BroadcastSender<int>(0), UsageError);
}

}  // namespace
