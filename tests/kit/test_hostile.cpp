// A server among peers that mean no good: slow, silent, endless, gone at any moment.
#include "line_server.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"

namespace {

using namespace eddy;
using test::expect_service;
using test::LineServer;
using test::reset_at_close;
using test::settle;
using test::wait_until_done;

template <class F>
void against_a_server(F body, Duration limit = {}) {
  const auto before = test::open_descriptors();
  test::run([&]() -> Task<> {
    LineServer server(limit);
    co_await body(server);
    co_await expect_service(server);
    co_await server.stop();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// Connected by plain calls: nothing of the loop's has run when it returns.
Socket connect_now(const Address& address) {
  Socket socket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(::connect(socket.fileno(), address.data(), address.size()), 0);
  return socket;
}

TEST(Hostile, SlowSendersAreServedByteByByte) {
  against_a_server([](LineServer& server) -> Task<> {
    const auto talk = [&](int number) -> Task<> {
      const std::string line = "slow " + std::to_string(number) + '\n';
      Stream stream = co_await connect(server.address);
      for (const char& byte : line) {
        co_await stream.write_all(Bytes(&byte, 1));
        co_await settle(number % 3);
      }
      EXPECT_EQ(co_await stream.readline(), line);
    };
    std::vector<Task<>> all;
    for (int i = 0; i < 20; ++i) all.push_back(talk(i));
    co_await gather(std::move(all));
    co_await server.until_over(20);
    EXPECT_EQ(server.ended, 20);
  });
}

TEST(Hostile, APeerThatIsTooSlowIsSentAway) {
  const auto body = [](LineServer& server) -> Task<> {
    Stream stream = co_await connect(server.address);
    co_await stream.write_all("never the e");
    EXPECT_EQ(co_await stream.read_all(), "");
    co_await server.until_over(1);
    EXPECT_EQ(server.timed_out, 1);
  };
  against_a_server(body, 10s);
}

TEST(Hostile, APeerThatReadsNothingIsSentAway) {
  const auto body = [](LineServer& server) -> Task<> {
    Stream stream = co_await connect(server.address);
    const std::string line = std::string(1000, 'x') + '\n';
    const auto flood = [&]() -> Task<> {
      for (;;) co_await stream.write_all(line);
    };
    auto flooding = spawn(flood);
    co_await wait_until_done(flooding);
    co_await server.until_over(1);
    EXPECT_EQ(server.timed_out, 1);
  };
  against_a_server(body, 10s);
}

TEST(Hostile, AHalfClosedPeerGetsItsAnswers) {
  against_a_server([](LineServer& server) -> Task<> {
    Stream stream = co_await connect(server.address);
    co_await stream.write_all("one\ntwo\nlast");
    stream.shutdown_write();
    EXPECT_EQ(co_await stream.read_all(), "one\ntwo\nlast");
    Stream silent = co_await connect(server.address);
    silent.shutdown_write();
    EXPECT_EQ(co_await silent.read_all(), "");
  });
}

TEST(Hostile, ResetsBeforeTheAcceptHurtNobodyElse) {
  against_a_server([](LineServer& server) -> Task<> {
    for (int i = 0; i < 30; ++i) {
      Socket socket = connect_now(server.address);
      if (i % 2) {
        EXPECT_EQ(::send(socket.fileno(), "a line\n", 7, MSG_NOSIGNAL), 7);
      }
      reset_at_close(socket);
    }
    co_await server.until_over(30);
    EXPECT_EQ(server.ended + server.broken, 30);
  });
}

// Before it speaks, in a line, between lines, with answers that were not read.
TEST(Hostile, ResetsAtEveryTurnHurtNobodyElse) {
  against_a_server([](LineServer& server) -> Task<> {
    int made = 0;
    for (int turns = 0; turns < 8; ++turns) {
      for (const char* said : {"", "a part", "a line\n", "a line\nand a part"}) {
        Stream stream = co_await connect(server.address);
        ++made;
        reset_at_close(stream.socket());
        if (*said) co_await stream.write_all(said);
        for (int i = 0; i < turns; ++i) co_await yield();
        stream = Stream();
      }
    }
    co_await server.until_over(made);
    EXPECT_EQ(server.ended + server.broken, made);
    EXPECT_GT(server.broken, 8);
  });
}

TEST(Hostile, AResetInTheMiddleOfAnAnswerEndsItsConnectionOnly) {
  against_a_server([](LineServer& server) -> Task<> {
    Stream stream = co_await connect(server.address);
    reset_at_close(stream.socket());
    const std::string line = std::string(1000, 'x') + '\n';
    const auto flood = [&]() -> Task<> {
      for (;;) co_await stream.write_all(line);
    };
    auto flooding = spawn(flood);
    const auto submitted = [] { return Loop::current().stats().submitted; };
    // Both sides wait for room: the server's answer is stuck in the middle.
    for (auto last = ~submitted(); last != submitted();) {
      last = submitted();
      co_await settle(20);
    }
    EXPECT_EQ(server.over, 0);
    flooding.cancel();
    co_await wait_until_done(flooding);
    stream = Stream();
    co_await server.until_over(1);
    EXPECT_EQ(server.broken, 1);
  });
}

TEST(Hostile, AResetInTheMiddleOfAFileEndsItsConnectionOnly) {
  test::Directory directory;
  directory.write("f", std::string(8'000'000, 'x'));
  const auto before = test::open_descriptors();
  test::run([&]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    File file = co_await open(directory.path("f"));
    std::vector<std::string> ends;
    Event ended;
    const auto handler = [&](Stream stream) -> Task<> {
      auto sent = co_await as_outcome(stream.send_file(file));
      ends.push_back(sent ? "sent" : sent.error().is_cancelled() ? "cancelled" : "broken");
      ended.set();
      if (!sent && sent.error().is_cancelled()) co_await fail(std::move(sent.error()));
    };
    auto server = spawn(serve(listener, handler));
    for (int turns = 0; turns < 8; ++turns) {
      Stream stream = co_await connect(listener.local());
      std::string part(100'000, '\0');
      if (turns % 2) co_await stream.read_exactly(part);
      for (int i = 0; i < turns; ++i) co_await yield();
      reset_at_close(stream.socket());
      co_await stream.close();
      while (ends.size() <= static_cast<std::size_t>(turns)) {
        ended.clear();
        co_await ended.wait();
      }
      EXPECT_EQ(ends.back(), "broken") << turns;
    }
    Stream stream = co_await connect(listener.local());
    EXPECT_EQ((co_await stream.read_all()).size(), 8'000'000u);
    server.cancel();
    co_await wait_until_done(server);
    co_await file.close();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Hostile, ResetsDuringTheDrainEndIt) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 6; ++turns) {
    test::run([&]() -> Task<> {
      LineServer server({}, {.drain = 1h});
      std::vector<Stream> clients;
      for (int i = 0; i < 10; ++i) {
        clients.push_back(co_await connect(server.address));
        reset_at_close(clients.back().socket());
        co_await clients.back().write_all(i % 2 ? "a part" : "a line\n");
      }
      co_await server.until_begun(10);
      const Instant start = Loop::current().now();
      server.serving->cancel();
      for (int i = 0; i < turns; ++i) co_await yield();
      clients.clear();
      co_await server.until_over(10);
      EXPECT_EQ(server.ended + server.broken, 10);
      co_await wait_until_done(*server.serving);
      EXPECT_LT(Loop::current().now() - start, 1h);
    });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Hostile, AnEndlessLineCostsNoMoreThanItsLimit) {
  against_a_server([](LineServer& server) -> Task<> {
    const std::string much(64 * 1024, 'x');
    for (int i = 0; i < 3; ++i) {
      co_await settle();
      const auto before = test::bytes_held();
      test::most_bytes_held();
      Stream stream = co_await connect(server.address);
      const auto flood = [&]() -> Task<> {
        for (;;) co_await stream.write_all(much);
      };
      auto flooding = spawn(flood);
      co_await wait_until_done(flooding);
      co_await server.until_over(i + 1);
      EXPECT_LT(test::most_bytes_held() - before, 128 * 1024);
      EXPECT_EQ(server.too_long, i + 1);
    }
  });
}

TEST(Hostile, GarbageIsEchoedOrRefused) {
  against_a_server([](LineServer& server) -> Task<> {
    unsigned state = 12345;
    for (int round = 0; round < 30; ++round) {
      std::string garbage;
      for (int i = 0; i < 600; ++i) {
        state = state * 1103515245 + 12345;
        garbage += static_cast<char>(state >> 16);
      }
      garbage.push_back('\n');
      Stream stream = co_await connect(server.address);
      co_await stream.write_all(garbage);
      stream.shutdown_write();
      EXPECT_TRUE(co_await stream.read_all() == garbage);
    }
  });
}

// It tries again now and then, serves whom it has, and takes the others when it can. The limit is
// there from the start: the kernel looks at it when it is asked to accept, not when it does.
TEST(Hostile, NoDescriptorLeftIsNotTheEndAndNoSpin) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    std::vector<Stream> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(Stream(Socket(AF_INET, SOCK_STREAM)));
    std::optional<test::FewDescriptors> few(std::in_place, 6u);  // the server's, and five more
    LineServer server;
    const Address target = server.address;
    for (auto& client : clients) {  // the kernel's backlog takes them
      EXPECT_EQ(::connect(client.socket().fileno(), target.data(), target.size()), 0);
    }
    co_await sleep(1s);
    EXPECT_EQ(server.begun, 5);
    const Stats start = Loop::current().stats();
    co_await sleep(60s);
    const Stats end = Loop::current().stats();
    EXPECT_LT(end.turns - start.turns, 600u) << "it rests between two tries";
    EXPECT_LT(end.enters - start.enters, 600u);
    EXPECT_EQ(server.begun, 5);
    co_await clients[0].write_all("served on\n");
    EXPECT_EQ(co_await clients[0].readline(), "served on\n");
    co_await clients[0].close();
    co_await server.until_begun(6);
    few.reset();
    for (std::size_t i = 1; i < clients.size(); ++i) {
      co_await clients[i].write_all("patient\n");
      EXPECT_EQ(co_await clients[i].readline(), "patient\n");
    }
    clients.clear();
    co_await expect_service(server);
    co_await server.stop();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
