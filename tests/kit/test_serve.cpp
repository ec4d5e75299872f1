#include "support/directory.hpp"
#include "support/run.hpp"

#include <sys/resource.h>

namespace {

using namespace eddy;
using test::wait_until_done;

Task<> echo(Stream stream) {
  char buffer[64];
  for (;;) {
    const auto got = co_await as_result(stream.read_some(buffer));
    if (!got || *got == 0) break;
    const auto sent = co_await as_result(stream.write_all(Bytes(buffer, *got)));
    if (!sent) break;
  }
}

Task<std::string> ask(Address address, std::string question) {
  Stream stream = co_await connect(address);
  co_await stream.write_all(question);
  std::string answer(question.size(), '\0');
  co_await stream.read_exactly(answer);
  co_return answer;
}

// Whether the peer is still there, without waiting: what was answered, or "" at the end.
Task<std::string> ask_again(Stream& stream) {
  const auto sent = co_await as_result(stream.write_all("x"));
  char buffer[1];
  const auto got = co_await as_result(stream.read_some(buffer));
  co_return sent && got && *got == 1 ? "x" : "";
}

TEST(Serve, HandlesEachConnectionInATaskOfItsOwn) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto server = spawn(serve(listener, &echo));
    Stream silent = co_await connect(listener.local());
    for (int i = 0; i < 20; ++i) EXPECT_EQ(co_await ask(listener.local(), "hello"), "hello");
    EXPECT_EQ(co_await ask_again(silent), "x");
    server.cancel();
    co_await wait_until_done(server);
    EXPECT_TRUE(server.cancelled());
    EXPECT_EQ(co_await ask_again(silent), "") << "nothing outlives the call";
  });
}

TEST(Serve, HasNoMoreConnectionsAtOnceThanItsLimit) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    int now = 0, most = 0, served = 0;
    const auto handler = [&](Stream stream) -> Task<> {
      most = std::max(most, ++now);
      ++served;
      co_await echo(std::move(stream));
      --now;
    };
    auto server = spawn(serve(listener, handler, {.limit = 3}));
    std::vector<Task<std::string>> clients;
    for (int i = 0; i < 30; ++i) clients.push_back(ask(listener.local(), "hi"));
    const auto answers = co_await gather(std::move(clients));
    for (const auto& answer : answers) EXPECT_EQ(answer, "hi");
    EXPECT_LE(most, 3);
    EXPECT_EQ(served, 30);
    server.cancel();
    co_await wait_until_done(server);
  });
}

TEST(Serve, ReportsWhatAHandlerThrowsAndGoesOn) {
  Loop loop(test::options());
  std::vector<std::string> reports;
  loop.on_exception([&](const ExceptionReport& report) {
    reports.push_back(std::string(report.message).substr(0, 12));
    EXPECT_THROW(std::rethrow_exception(report.exception), std::runtime_error);
  });
  const auto body = [&]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    int count = 0;
    const auto handler = [&](Stream stream) -> Task<> {
      if (++count == 1) throw std::runtime_error("the first");
      co_await echo(std::move(stream));
    };
    // Not a coroutine: throws before there is a task.
    const auto throws_at_once = [&](Stream stream) -> Task<> {
      if (count == 2) {
        ++count;
        throw std::runtime_error("the third");
      }
      return handler(std::move(stream));
    };
    auto server = spawn(serve(listener, throws_at_once));
    Stream first = co_await connect(listener.local());
    EXPECT_EQ(co_await ask_again(first), "");
    EXPECT_EQ(co_await ask(listener.local(), "second"), "second");
    Stream third = co_await connect(listener.local());
    EXPECT_EQ(co_await ask_again(third), "");
    EXPECT_EQ(co_await ask(listener.local(), "fourth"), "fourth");
    server.cancel();
    co_await wait_until_done(server);
  };
  loop.run(body());
  EXPECT_EQ(reports, std::vector<std::string>(2, "the handler "));
}

TEST(Serve, LetsConnectionsGoOnForTheDrainAndThenEndsThem) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const Address address = listener.local();
    auto server = spawn(serve(listener, &echo, {.drain = 5s}));
    Stream ends = co_await connect(address);
    Stream stays = co_await connect(address);
    EXPECT_EQ(co_await ask_again(ends), "x");
    EXPECT_EQ(co_await ask_again(stays), "x");
    server.cancel();
    co_await test::settle();
    EXPECT_TRUE(listener.closed());
    EXPECT_EQ(co_await ask_again(ends), "x") << "it may go on";
    co_await ends.close();
    const Instant start = Loop::current().now();
    co_await wait_until_done(server);
    EXPECT_GE(Loop::current().now() - start, 4s);
    EXPECT_TRUE(server.cancelled());
    EXPECT_EQ(co_await ask_again(stays), "");
  });
}

TEST(Serve, EndsTheDrainWithItsLastConnectionOrASecondCancel) {
  test::run([]() -> Task<> {
    for (const bool again : {false, true}) {
      Listener listener = listen(Address::loopback(0));
      auto server = spawn(serve(listener, &echo, {.drain = 1h}));
      Stream stream = co_await connect(listener.local());
      EXPECT_EQ(co_await ask_again(stream), "x");
      server.cancel();
      co_await test::settle();
      EXPECT_FALSE(server.done());
      const Instant start = Loop::current().now();
      if (again) {
        server.cancel();
      } else {
        co_await stream.close();
      }
      co_await wait_until_done(server);
      EXPECT_TRUE(server.cancelled());
      EXPECT_LT(Loop::current().now() - start, 1h);
    }
  });
}

TEST(Serve, EndsAfterTheLastConnectionWhenItsListenerIsClosed) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto server = spawn(serve(listener, &echo));
    Stream stream = co_await connect(listener.local());
    EXPECT_EQ(co_await ask_again(stream), "x");
    listener.close();
    co_await test::settle();
    EXPECT_FALSE(server.done());
    EXPECT_EQ(co_await ask_again(stream), "x");
    co_await stream.close();
    co_await server;
  });
}

// C1, C3: whatever the turn, all connections are closed and nobody's memory is used afterwards
TEST(Serve, EndsWhenItIsCancelledAtAnyTurn) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 14; ++turns) {
    test::run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      const Address address = listener.local();
      auto server = spawn(serve(listener, &echo));
      std::vector<JoinHandle<std::string>> clients;
      for (int i = 0; i < 5; ++i) clients.push_back(spawn(ask(address, "hello")));
      co_await test::settle(turns);
      server.cancel();
      co_await wait_until_done(server);
      EXPECT_TRUE(server.cancelled());
      for (auto& client : clients) {
        client.cancel();
        co_await wait_until_done(client);
      }
    });
    EXPECT_EQ(test::open_descriptors(), before) << turns;
  }
}

TEST(Serve, EndsWithItsLoop) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    const auto server = []() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      spawn([address = listener.local()]() -> Task<> { co_await ask(address, "hello"); });
      co_await serve(listener, &echo, {.drain = 1h});
    };
    spawn(server());
    co_await test::settle(8);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// Out of descriptors: those who are served are served on, and who waits gets a turn later.
TEST(Serve, WaitsForADescriptorWhenThereIsNone) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto server = spawn(serve(listener, &echo));
    Stream served = co_await connect(listener.local());
    EXPECT_EQ(co_await ask_again(served), "x");
    std::vector<Socket> waiting;
    for (int i = 0; i < 3; ++i) waiting.emplace_back(AF_INET, SOCK_STREAM);
    rlimit old{};
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
    rlimit none = old;
    none.rlim_cur = static_cast<rlim_t>(UniqueFd(::dup(0)).get());  // the next one that is free
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    for (Socket& socket : waiting) {
      const Address address = listener.local();
      EXPECT_EQ(::connect(socket.fileno(), address.data(), address.size()), 0);
    }
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(co_await ask_again(served), "x");
      co_await sleep(50ms);
    }
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
    for (Socket& socket : waiting) {
      Stream stream(std::move(socket));
      EXPECT_EQ(co_await ask_again(stream), "x");
    }
    server.cancel();
    co_await wait_until_done(server);
  });
}

}  // namespace
