// Rows of core and sync: descriptors of other libraries, what callbacks set, and channels.
#include "support/awaitables.hpp"

#include <eddy/core/call_later.hpp>
#include <eddy/core/poll_fd.hpp>
#include <eddy/core/ticker.hpp>
#include <eddy/sync/broadcast_channel.hpp>
#include <eddy/sync/channel.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/future.hpp>
#include <eddy/sync/watch_channel.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {

using namespace test;

// Nothing to read until wake(), and no room for another write.
struct Foreign {
  Foreign() : counter(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
              full(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    EXPECT_EQ(::eventfd_write(full.get(), ~std::uint64_t{1}), 0);
  }
  void wake() {
    EXPECT_EQ(::eventfd_write(counter.get(), 1), 0);
    eventfd_t count;
    static_cast<void>(!::eventfd_read(full.get(), &count));
  }
  UniqueFd counter;
  UniqueFd full;
};

const Rows<Foreign> foreign = {
    {"poll_fd", [](Foreign& w) { return only(poll_fd(w.counter.get(), POLLIN)); }, together},
    {"readable", [](Foreign& w) { return only(readable(w.counter.get())); }, together},
    {"writable", [](Foreign& w) { return only(writable(w.full.get())); }, together},
};

struct Timed {
  Task<> begin() {
    ticker.emplace(5ms);
    co_return;
  }
  std::optional<Ticker> ticker;
  Event called;
};

const Rows<Timed> timed = {
    {"call_later",
     [](Timed& w) -> Task<> {
       TimerHandle call = call_later(5ms, [&w] { w.called.set(); });
       const auto waited = co_await as_outcome(w.called.wait());
       call.cancel();
       if (!waited) co_await fail(waited.error());
     },
     by_time},
    {"Ticker::tick", [](Timed& w) { return only(w.ticker->tick()); },
     {.comes = Comes::by_time, .second = Second::refused}},
};

struct Set {
  void wake() { if (!setter.done()) setter.set_value(7); }
  FutureSetter<int> setter;
};

const Rows<Set> futures = {
    {"Future",
     [](Set& w) -> Task<> { EXPECT_EQ(co_await w.setter.future(), 7); }, at_once(together)}};

// Empty until an item comes for each wake(); none may be lost.
struct Piped {
  void wake() {
    EXPECT_TRUE(channel.sender.try_send(7));
    ++sent;
  }
  Task<> check() {
    while (channel.receiver.try_receive()) ++received;
    EXPECT_EQ(received, sent) << "an item was lost, or came twice";
    co_return;
  }
  Channel<int> channel{8};
  int sent = 0;
  int received = 0;
};

const Rows<Piped> receivers = {
    {"Receiver::receive",
     [](Piped& w) -> Task<> {
       EXPECT_EQ(co_await w.channel.receiver.receive(), 7);
       ++w.received;
     },
     at_once()},
};

// Without a sender from wake() on.
struct Ended {
  void wake() { channel.sender = Sender<int>(); }
  Channel<int> channel{1};
};

const Rows<Ended> ended = {
    {"Receiver::receive of_the_end",
     [](Ended& w) -> Task<> { EXPECT_EQ(co_await w.channel.receiver.receive(), std::nullopt); },
     at_once(together)},
};

// Full until one item is taken for each wake().
struct Filled {
  Task<> begin() { co_await channel.sender.send(1); }
  void wake() { EXPECT_TRUE(channel.receiver.try_receive()); }
  Task<> check() {
    while (channel.receiver.try_receive()) ++left;
    EXPECT_EQ(left, sent) << "an item was lost, or sent by a call that was cancelled";
    EXPECT_TRUE(channel.sender.try_send(3)) << "a place was lost";
    co_return;
  }
  Channel<int> channel{1};
  int sent = 0;
  int left = 0;
};

const Rows<Filled> senders = {
    {"Sender::send",
     [](Filled& w) -> Task<> {
       co_await w.channel.sender.send(2);
       ++w.sent;
     },
     at_once(apart)},
    {"Sender::send_from",
     [](Filled& w) -> Task<> {
       int item = 2;
       co_await w.channel.sender.send_from(item);
       ++w.sent;
     },
     at_once(apart)},
};

struct Broadcasting {
  void wake() { EXPECT_EQ(sender.send(++sent), 1u); }
  Task<> check() {
    while (received < sent) {
      const auto item = co_await receiver.receive();
      EXPECT_EQ(item, ++received);
    }
    EXPECT_EQ(receiver.missed(), 0u);
    EXPECT_EQ(receiver.size(), 0u) << "an item was lost, or came twice";
  }
  BroadcastSender<int> sender{8};
  BroadcastReceiver<int> receiver = sender.subscribe();
  int sent = 0;
  int received = 0;
};

const Rows<Broadcasting> broadcasts = {
    {"BroadcastReceiver::receive",
     [](Broadcasting& w) -> Task<> {
       const auto item = co_await w.receiver.receive();
       EXPECT_EQ(item, ++w.received);
     },
     at_once(refused)},
};

struct Watched {
  void wake() { sender.send(1); }
  Task<> check() {
    EXPECT_EQ(receiver.value(), 1);
    EXPECT_EQ(receiver.has_changed(), !told) << "a change was lost";
    co_return;
  }
  WatchSender<int> sender{0};
  WatchReceiver<int> receiver = sender.subscribe();
  bool told = false;
};

const Rows<Watched> watches = {
    {"WatchReceiver::changed",
     [](Watched& w) -> Task<> {
       w.told = co_await w.receiver.changed();
       EXPECT_TRUE(w.told);
     },
     at_once(together)},
};

}  // namespace
