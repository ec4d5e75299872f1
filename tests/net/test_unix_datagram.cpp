#include "despite_cancel.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/run.hpp"

#include <fcntl.h>

#include <string>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

Address name(const char* what) {
  return Address::abstract("eddy-test-" + std::to_string(::getpid()) + what);
}

// Sends until there is no room; how many that were.
int fill(UnixDatagram& from, const Address* to = nullptr) {
  int count = 0;
  const int fd = from.socket().fileno();
  while (::sendto(fd, "fill", 4, MSG_DONTWAIT, to ? to->data() : nullptr, to ? to->size() : 0) == 4)
    ++count;
  return count;
}

// To the peer it is connected to, or to `at`.
SendDatagram send(UnixDatagram& from, Bytes bytes, bool connected, const Address& at) {
  return connected ? from.send(bytes) : from.send_to(bytes, at);
}

TEST(UnixDatagram, CarriesDatagramsByPathAndByName) {
  const test::Directory directory;
  test::run([&]() -> Task<> {
    for (const Address& at : {Address::unix_path(directory.path("socket")), name("plain")}) {
      UnixDatagram server = UnixDatagram::bind(at);
      UnixDatagram client = UnixDatagram::open();
      EXPECT_EQ(server.local(), at);
      char buffer[16];
      co_await client.send_to("hello", at);
      const ReceivedFrom got = co_await server.receive_from(buffer);
      EXPECT_EQ(Bytes(buffer, got.count).text(), "hello");
      EXPECT_FALSE(got.from) << "it has no address";
      client.connect(at);
      co_await client.send("much too long for it");
      EXPECT_TRUE((co_await server.receive(buffer)).truncated);
    }
    EXPECT_THROW(UnixDatagram::bind(Address::unix_path(directory.path("socket"))), Error);
    EXPECT_THROW(UnixDatagram::bind(Address::loopback(0)), UsageError);
  });
}

TEST(UnixDatagram, ComesInPairs) {
  test::run([]() -> Task<> {
    auto [a, b] = UnixDatagram::pair();
    char buffer[4];
    co_await a.send("1");
    co_await b.send("22");
    co_await b.send("");
    EXPECT_EQ((co_await b.receive(buffer)).count, 1u);
    EXPECT_EQ((co_await a.receive_from(buffer)).count, 2u);
    EXPECT_EQ((co_await a.receive(buffer)).count, 0u);
    co_await b.close();
    const auto refused = co_await as_result(a.send("x"));
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
  });
}

TEST(UnixDatagram, SaysWhomItCouldNotReach) {
  test::run([]() -> Task<> {
    UnixDatagram socket = UnixDatagram::open();
    try {
      co_await socket.send_to("x", name("nobody"));
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), std::errc::connection_refused);
      EXPECT_NE(std::string(error.what()).find("nobody"), std::string::npos) << error.what();
    }
    EXPECT_THROW(socket.connect(name("nobody")), Error);
  });
}

// The kernel's own retry would send an empty datagram.
TEST(UnixDatagram, WaitsForAReceiverThatIsFull) {
  for (const bool connected : {true, false}) {
    test::run([&]() -> Task<> {
      const Address at = name("full");
      UnixDatagram receiver = UnixDatagram::bind(at), sender = UnixDatagram::open();
      if (connected) sender.connect(at);
      const int before = fill(sender, connected ? nullptr : &at);
      auto writer = spawn([&]() -> Task<> {
        for (int i = 0; i < 3; ++i) co_await send(sender, "payload", connected, at);
      });
      co_await test::settle();
      EXPECT_FALSE(writer.done());
      EXPECT_THROW(co_await sender.send_to("x", at), UsageError) << "one at a time";
      char buffer[16];
      for (int i = 0; i < before + 3; ++i) {
        const Received got = co_await receiver.receive(buffer);
        EXPECT_EQ(Bytes(buffer, got.count).text(), i < before ? "fill" : "payload");
      }
      co_await writer;
    });
  }
}

TEST(UnixDatagram, StopsWaitingForAReceiverThatIsGone) {
  for (const bool connected : {true, false}) {
    test::run([&]() -> Task<> {
      const Address at = name("gone");
      UnixDatagram receiver = UnixDatagram::bind(at), sender = UnixDatagram::open();
      if (connected) sender.connect(at);
      fill(sender, connected ? nullptr : &at);
      auto writer = spawn([&]() -> Task<> {
        co_await send(sender, "x", connected, at);
      });
      co_await test::settle();
      co_await receiver.close();
      EXPECT_EQ((co_await as_result(writer)).error(), std::errc::connection_refused);
    });
  }
}

TEST(UnixDatagram, WaitsForRoomOfItsOwn) {
  test::run([]() -> Task<> {
    auto [a, b] = UnixDatagram::pair();
    const int before = fill(a);
    auto writer = spawn([&a]() -> Task<> { co_await a.send("payload"); });
    co_await test::settle();
    EXPECT_FALSE(writer.done());
    char buffer[16];
    for (int i = 0; i <= before; ++i) {
      const Received got = co_await b.receive(buffer);
      EXPECT_EQ(Bytes(buffer, got.count).text(), i < before ? "fill" : "payload");
    }
    co_await writer;
  });
}

// C1, C2, C4, C13: cancelled at every turn of waiting for room: it has gone or it has not, and the
// task knows
TEST(UnixDatagram, CancelsASendThatWaits) {
  for (const bool connected : {true, false}) {
    for (int turns = 0; turns < 8; ++turns) {
      test::run([&]() -> Task<> {
        const Address at = name("cancel");
        UnixDatagram receiver = UnixDatagram::bind(at), sender = UnixDatagram::open();
        if (connected) sender.connect(at);
        int expected = fill(sender, connected ? nullptr : &at);
        bool sent = false;
        auto writer = spawn([&]() -> Task<> {
          co_await send(sender, "payload", connected, at);
          sent = true;
          co_await yield();
        });
        char buffer[16];
        for (int i = 0; i < turns; ++i) {
          if (i == 3) {
            EXPECT_EQ(::recv(receiver.socket().fileno(), buffer, sizeof buffer, 0), 4);
            --expected;
          }
          co_await yield();
        }
        EXPECT_TRUE(writer.cancel() || writer.done());
        co_await wait_until_done(writer);
        if (sent) ++expected;
        for (int i = 0; i < expected; ++i) {
          const Received got = co_await receiver.receive(buffer);
          EXPECT_EQ(got.count, sent && i == expected - 1 ? 7u : 4u);
        }
        EXPECT_EQ(::recv(receiver.socket().fileno(), buffer, sizeof buffer, MSG_DONTWAIT), -1);
      });
    }
  }
}

TEST(UnixDatagram, EndsWhatIsInProgressWhenItIsClosedOrDropped) {
  const auto before = test::open_descriptors();
  for (const bool close : {true, false}) {
    for (const bool connected : {true, false}) {
      test::run([&]() -> Task<> {
        const Address at = name("ends");
        UnixDatagram receiver = UnixDatagram::bind(at), sender = UnixDatagram::open();
        if (connected) sender.connect(at);
        fill(sender, connected ? nullptr : &at);
        char buffer[4];
        UniqueFd places[1];
        auto writer = spawn([&]() -> Task<> {
          co_await send(sender, "x", connected, at);
        });
        auto reader = spawn([&]() -> Task<> { co_await sender.receive_with(buffer, places); });
        co_await test::settle();
        if (close) {
          co_await sender.close();
        } else {
          sender = UnixDatagram();
        }
        EXPECT_EQ((co_await as_result(reader)).error(), std::errc::operation_canceled);
        EXPECT_EQ((co_await as_result(writer)).error(), std::errc::operation_canceled);
      });
    }
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

// F02
TEST(UnixDatagram, EndsWithItsLoop) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    const auto wait = [](bool connected) -> Task<> {
      const Address at = name(connected ? "loop1" : "loop2");
      UnixDatagram receiver = UnixDatagram::bind(at), sender = UnixDatagram::open();
      if (connected) sender.connect(at);
      fill(sender, connected ? nullptr : &at);
      co_await send(sender, "x", connected, at);
    };
    spawn(wait(true));
    spawn(wait(false));
    co_await test::settle();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(UnixDatagram, PassesDescriptors) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    auto [a, b] = UnixDatagram::pair();
    int pipes[4];
    EXPECT_EQ(::pipe2(pipes, O_CLOEXEC) + ::pipe2(pipes + 2, O_CLOEXEC), 0);
    co_await a.send_with("two pipes", pipes);
    for (const int fd : pipes) ::close(fd);
    char buffer[16];
    UniqueFd places[8];
    const ReceivedWith got = co_await b.receive_with(buffer, places);
    EXPECT_EQ(Bytes(buffer, got.count).text(), "two pipes");
    EXPECT_EQ(got.descriptors, 4u);
    EXPECT_FALSE(got.truncated || got.descriptors_truncated);
    for (int i = 0; i < 4; i += 2) {
      EXPECT_EQ(::write(places[i + 1].get(), "works", 5), 5);
      EXPECT_EQ(::read(places[i].get(), buffer, sizeof buffer), 5);
      EXPECT_EQ(::fcntl(places[i].get(), F_GETFD), FD_CLOEXEC);
    }
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(UnixDatagram, SaysWhenDescriptorsFoundNoPlace) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    const Address at = name("places");
    UnixDatagram a = UnixDatagram::open(), b = UnixDatagram::bind(at);
    const int three[] = {0, 1, 2};
    char buffer[16];
    UniqueFd places[3];
    for (std::size_t room = 0; room < 4; ++room) {
      co_await a.send_with_to("three", three, at);
      const std::span<UniqueFd> given(places, std::min<std::size_t>(room, 3));
      const ReceivedWith got = co_await b.receive_with(buffer, given);
      EXPECT_EQ(got.count, 5u);
      EXPECT_EQ(got.descriptors, given.size());
      EXPECT_EQ(got.descriptors_truncated, room < 3);
    }
    co_await a.send_with_to("three", three, at);
    EXPECT_EQ((co_await b.receive(buffer)).count, 5u) << "without any";
    co_await a.send_with_to("none", std::span<const int>(), at);
    const ReceivedWith none = co_await b.receive_with(buffer, places);
    EXPECT_EQ(none.descriptors, 0u);
    const std::vector<int> many(most_descriptors, 0), too_many(most_descriptors + 1, 0);
    EXPECT_THROW(static_cast<void>(a.send_with_to("x", too_many, at)), UsageError);
    co_await a.send_with_to("many", many, at);
    std::vector<UniqueFd> room(most_descriptors);
    const ReceivedWith all = co_await b.receive_with(buffer, room);
    EXPECT_EQ(all.descriptors, most_descriptors);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(UnixDatagram, RefusesADescriptorThatIsNotOpen) {
  test::run([]() -> Task<> {
    auto [a, b] = UnixDatagram::pair();
    const int bad[] = {-1};
    const auto sent = co_await as_result(a.send_with("x", bad));
    EXPECT_EQ(sent.error(), std::errc::bad_file_descriptor);
  });
}

// C1, C2, C4, C13
TEST(UnixDatagram, LosesNoDescriptorWhenAReceiveIsCancelled) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 6; ++turns) {
    test::run([&]() -> Task<> {
      auto [a, b] = UnixDatagram::pair();
      const int one[] = {0};
      const auto read = [&b]() -> Task<std::string> {
        char buffer[8];
        UniqueFd places[2];
        const ReceivedWith received = co_await b.receive_with(buffer, places);
        co_return std::string(buffer, received.count) + std::to_string(received.descriptors);
      };
      const auto send = [&a, &one]() -> Task<> { co_await a.send_with("x", one); };
      const std::string got = co_await test::read_despite_cancel(turns, read, send);
      EXPECT_EQ(got, "x1") << turns;
    });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(UnixDatagram, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  auto [a, b] = UnixDatagram::pair();
  const auto rounds = [&a, &b]() -> Task<> {
    const int one[] = {0};
    char buffer[64];
    UniqueFd places[2];
    for (int i = 0; i < 10; ++i) {
      co_await a.send_with("ping", one);
      co_await b.receive_with(buffer, places);
      co_await b.send("pong");
      co_await a.receive(buffer);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
