// Accepting, one turn at a time: who is given a connection, and who gets it in the end.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <sys/socket.h>

namespace {

using namespace eddy;
using test::wait_until_done;

// Both ways of accepting: one request for all, or one for each.
class ListenerTurns : public testing::TestWithParam<std::uint32_t> {
 public:
  template <class F>
  void run(F&& body) {
    const auto before = test::open_descriptors();
    test::run(std::forward<F>(body), {.without = GetParam()});
    EXPECT_EQ(test::open_descriptors(), before);
  }
};
INSTANTIATE_TEST_SUITE_P(Accept, ListenerTurns,
                         testing::Values(0u, std::uint32_t{feature_multishot_accept}));

// By a plain call, which takes no turn.
Socket connect_now(const Listener& listener) {
  const Address target = listener.local();
  Socket client(target.family(), SOCK_STREAM);
  EXPECT_EQ(::connect(client.fileno(), target.data(), target.size()), 0);
  return client;
}

// C1, C3: also in the turn in which it was woken with the connection
TEST_P(ListenerTurns, TheNextWhoWaitsGetsWhatACancelledAcceptWasGiven) {
  for (int turns = 0; turns < 5; ++turns) {
    run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      std::string taker;
      const auto take = [&](std::string name) -> Task<> {
        Stream stream = co_await listener.accept();
        taker = name;
      };
      auto first = spawn(take("first"));
      auto second = spawn(take("second"));
      co_await test::settle();
      const Socket client = connect_now(listener);
      co_await test::settle(turns);
      first.cancel();
      co_await test::settle(10);
      EXPECT_TRUE(first.done());
      EXPECT_EQ(taker, first.cancelled() ? "second" : "first") << turns;
      second.cancel();
      co_await wait_until_done(second);
    });
  }
}

// C1, C3
TEST_P(ListenerTurns, WhoComesLaterGetsWhatACancelledAcceptWasGiven) {
  for (int turns = 0; turns < 5; ++turns) {
    run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      const auto take = [&]() -> Task<Stream> { co_return co_await listener.accept(); };
      auto first = spawn(take());
      co_await test::settle();
      const Socket client = connect_now(listener);
      co_await test::settle(turns);
      first.cancel();
      co_await wait_until_done(first);
      auto second = spawn(take());
      co_await test::settle(10);
      EXPECT_EQ(second.done(), first.cancelled()) << turns;
      second.cancel();
      co_await wait_until_done(second);
    });
  }
}

TEST_P(ListenerTurns, AllWhoWaitGetAConnectionEach) {
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    int taken = 0;
    std::vector<JoinHandle<>> takers;
    for (int i = 0; i < 3; ++i) {
      takers.push_back(spawn([&]() -> Task<> {
        Stream stream = co_await listener.accept();
        ++taken;
      }));
    }
    co_await test::settle();
    for (int i = 1; i <= 3; ++i) {
      const Socket client = connect_now(listener);
      co_await test::settle(10);
      EXPECT_EQ(taken, i) << "nobody has called accept() since";
    }
    for (auto& taker : takers) {
      taker.cancel();
      co_await wait_until_done(taker);
    }
  });
}

// Those that nobody took in time come in their order, and end with the listener, not with its
// handle.
TEST_P(ListenerTurns, WhatWaitsIsTakenInOrderAndEndsWhenItIsClosed) {
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    std::vector<Socket> clients;
    clients.push_back(connect_now(listener));
    const Stream first = co_await listener.accept();
    for (int i = 0; i < 3; ++i) clients.push_back(connect_now(listener));
    co_await test::settle();
    const Stream second = co_await listener.accept();
    EXPECT_EQ(second.peer(), clients[1].local());
    co_await test::settle();
    const Stream third = co_await listener.accept();
    EXPECT_EQ(third.peer(), clients[2].local());
    listener.close();
    co_await test::settle();
    char byte;
    errno = 0;
    EXPECT_LE(::recv(clients[3].fileno(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_NE(errno, EAGAIN) << "it was told of the end";
  });
}

}  // namespace
