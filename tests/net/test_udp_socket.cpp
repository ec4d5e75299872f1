#include "despite_cancel.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/run.hpp"

#include <string>

namespace {

using namespace eddy;
using test::wait_until_done;

UdpSocket here() { return UdpSocket::bind(Address::loopback(0)); }

// Two that are connected to each other.
struct Ends {
  Ends() {
    a.connect(b.local());
    b.connect(a.local());
  }
  UdpSocket a = here(), b = here();
};

TEST(UdpSocket, CarriesDatagramsBothWays) {
  test::run([]() -> Task<> {
    UdpSocket server = here(), client = here();
    char buffer[16];
    co_await client.send_to("hello", server.local());
    const ReceivedFrom got = co_await server.receive_from(buffer);
    EXPECT_EQ(Bytes(buffer, got.count).text(), "hello");
    EXPECT_FALSE(got.truncated);
    EXPECT_EQ(got.from, client.local());
    client.connect(server.local());
    EXPECT_EQ(client.peer(), server.local());
    co_await server.send_to("back", got.from);
    const Received back = co_await client.receive(buffer);
    EXPECT_EQ(Bytes(buffer, back.count).text(), "back");
    co_await client.send("once more");
    EXPECT_EQ((co_await server.receive(buffer)).count, 9u);
    client.connect(Address());
    const auto lost = co_await as_result(client.send("to whom"));
    EXPECT_EQ(lost.error(), std::errc::destination_address_required);
    co_await server.close();
    co_await server.close();
    EXPECT_TRUE(server.closed());
  });
}

TEST(UdpSocket, WorksOverIpv6) {
  test::run([]() -> Task<> {
    UdpSocket server = UdpSocket::bind(Address::loopback6(0), {.only_v6 = true});
    UdpSocket client = UdpSocket::bind(Address::loopback6(0));
    char buffer[16];
    co_await client.send_to("six", server.local());
    const ReceivedFrom got = co_await server.receive_from(buffer);
    EXPECT_EQ(Bytes(buffer, got.count).text(), "six");
    EXPECT_EQ(got.from, client.local());
  });
}

TEST(UdpSocket, SaysWhenADatagramWasLongerThanTheBuffer) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[4];
    for (int i = 0; i < 2; ++i) co_await ends.a.send("longer");
    co_await ends.a.send("next");
    const ReceivedFrom first = co_await ends.b.receive_from(buffer);
    EXPECT_TRUE(first.truncated);
    EXPECT_EQ(Bytes(buffer, first.count).text(), "long");
    const Received second = co_await ends.b.receive(buffer);
    EXPECT_TRUE(second.truncated);
    EXPECT_EQ(second.count, 4u);
    const Received third = co_await ends.b.receive(buffer);
    EXPECT_FALSE(third.truncated);
    EXPECT_EQ(Bytes(buffer, third.count).text(), "next");
  });
}

TEST(UdpSocket, CarriesEmptyDatagrams) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[4];
    for (int i = 0; i < 3; ++i) co_await ends.a.send("");
    EXPECT_EQ((co_await ends.b.receive(buffer)).count, 0u);
    const ReceivedFrom from = co_await ends.b.receive_from(buffer);
    EXPECT_EQ(from.count, 0u);
    EXPECT_EQ(from.from, ends.a.local());
    const Received none = co_await ends.b.receive(MutableBytes());
    EXPECT_FALSE(none.truncated);
    co_await ends.a.send("x");
    const Received cut = co_await ends.b.receive(MutableBytes());
    EXPECT_TRUE(cut.truncated && cut.count == 0);
  });
}

TEST(UdpSocket, TellsTheNextCallThatNobodyWasThere) {
  test::run([]() -> Task<> {
    UdpSocket client = here(), gone = here();
    const std::string peer = gone.local().format();
    client.connect(gone.local());
    co_await gone.close();
    char buffer[4];
    const auto refused = std::errc::connection_refused;
    co_await client.send("x");
    EXPECT_EQ((co_await as_result(client.receive(buffer))).error(), refused);
    co_await client.send("x");
    EXPECT_EQ((co_await as_result(client.send("y"))).error(), refused);
    co_await client.send("x");
    try {
      co_await client.receive_from(buffer);
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), refused);
      EXPECT_NE(std::string(error.what()).find(peer), std::string::npos) << error.what();
    }
  });
}

TEST(UdpSocket, TellsAReceiveThatWaits) {
  test::run([]() -> Task<> {
    UdpSocket client = here(), gone = here();
    client.connect(gone.local());
    co_await gone.close();
    auto reader = spawn([&]() -> Task<> {
      char buffer[4];
      co_await client.receive(buffer);
    });
    co_await test::settle();
    co_await client.send("x");
    EXPECT_EQ((co_await as_result(reader)).error(), std::errc::connection_refused);
  });
}

TEST(UdpSocket, RefusesWhatIsTooLong) {
  test::run([]() -> Task<> {
    UdpSocket a = here(), b = here();
    const std::string much(70'000, 'x');
    try {
      co_await a.send_to(much, b.local());
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), std::errc::message_size);
      EXPECT_NE(std::string(error.what()).find(b.local().format()), std::string::npos);
    }
  });
}

TEST(UdpSocket, RefusesAnAddressThatIsTaken) {
  test::run([]() -> Task<> {
    UdpSocket first = here();
    EXPECT_THROW(UdpSocket::bind(first.local()), Error);
    EXPECT_THROW(UdpSocket::bind(Address::abstract("x")), UsageError);
    UdpSocket shared = UdpSocket::bind(Address::loopback(0), {.reuse_port = true});
    UdpSocket other = UdpSocket::bind(shared.local(), {.reuse_port = true});
    EXPECT_EQ(shared.local(), other.local());
    co_return;
  });
}

TEST(UdpSocket, HasOneReader) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[4], other[4];
    auto reader = spawn([&]() -> Task<> { co_await ends.a.receive(buffer); });
    co_await test::settle();
    EXPECT_THROW(co_await ends.a.receive(other), UsageError);
    EXPECT_THROW(co_await ends.a.receive_from(other), UsageError);
    reader.cancel();
    co_await wait_until_done(reader);
    EXPECT_TRUE(reader.cancelled());
    co_await ends.b.send("x");
    EXPECT_EQ((co_await ends.a.receive(other)).count, 1u) << "and the next one may";
  });
}

// C1, C2, C3, C4, C13: cancelled at every turn, and with the datagram on its way: it is not lost
TEST(UdpSocket, LosesNoDatagramWhenAReceiveIsCancelled) {
  for (const bool with_address : {false, true}) {
    for (int turns = 0; turns < 6; ++turns) {
      test::run([&]() -> Task<> {
        Ends ends;
        const auto read = [&]() -> Task<std::string> {
          char buffer[8];
          std::size_t count = 0;
          if (with_address) {
            const ReceivedFrom received = co_await ends.b.receive_from(buffer);
            count = received.count;
          } else {
            const Received received = co_await ends.b.receive(buffer);
            count = received.count;
          }
          co_return std::string(buffer, count);
        };
        const auto send = [&]() -> Task<> { co_await ends.a.send("bytes"); };
        const std::string got = co_await test::read_despite_cancel(turns, read, send);
        EXPECT_EQ(got, "bytes") << turns;
      });
    }
  }
}

// C2, C13: a send that was cancelled before it began has not gone; one that the kernel took has
TEST(UdpSocket, CancelsASendOrSendsIt) {
  for (int turns = 0; turns < 4; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      bool sent = false;
      auto writer = spawn([&]() -> Task<> {
        this_task().cancel();
        if (turns % 2) co_await as_outcome(yield());
        co_await ends.a.send("x");
        sent = true;
      });
      for (int i = 0; i < turns; ++i) co_await yield();
      co_await wait_until_done(writer);
      char buffer[4];
      co_await ends.a.send("last one");
      const Received received = co_await ends.b.receive(buffer);
      EXPECT_EQ(received.truncated, !sent) << "the first is x, if it was sent";
    });
  }
}

TEST(UdpSocket, EndsWhatIsInProgressWhenItIsClosed) {
  test::run([]() -> Task<> {
    for (const bool connected : {false, true}) {
      UdpSocket socket = here();
      if (connected) socket.connect(socket.local());
      char buffer[4];
      auto reader = spawn([&]() -> Task<> { co_await socket.receive_from(buffer); });
      co_await test::settle();
      auto late = socket.receive(buffer);
      co_await socket.close();
      EXPECT_EQ((co_await as_result(reader)).error(), std::errc::operation_canceled);
      EXPECT_EQ((co_await as_result(std::move(late))).error(), std::errc::operation_canceled);
      EXPECT_THROW(static_cast<void>(socket.receive(buffer)), UsageError);
      EXPECT_THROW(static_cast<void>(socket.send("y")), UsageError);
    }
  });
}

TEST(UdpSocket, EndsWhatIsInProgressWhenItIsDropped) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    auto socket = std::make_unique<UdpSocket>(here());
    char buffer[4];
    auto reader = spawn([&]() -> Task<> { co_await socket->receive(buffer); });
    co_await test::settle();
    socket.reset();
    EXPECT_EQ((co_await as_result(reader)).error(), std::errc::operation_canceled);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// C1: the request is not lost when the socket goes with it, in either order
TEST(UdpSocket, IsCancelledAndDroppedInOneTurn) {
  for (const bool cancel_first : {false, true}) {
    test::run([&]() -> Task<> {
      auto socket = std::make_unique<UdpSocket>(here());
      auto reader = spawn([&]() -> Task<> {
        char buffer[4];
        co_await socket->receive(buffer);
      });
      co_await test::settle();
      if (cancel_first) reader.cancel();
      socket.reset();
      if (!cancel_first) reader.cancel();
      co_await wait_until_done(reader);
      EXPECT_TRUE(reader.cancelled());
    });
  }
}

// F02
TEST(UdpSocket, EndsWithItsLoop) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    const auto wait = []() -> Task<> {
      UdpSocket socket = here();
      char buffer[4];
      co_await socket.receive_from(buffer);
    };
    spawn(wait());
    co_await test::settle();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// More receives than the ring has places: those that queue end as well.
TEST(UdpSocket, IsDroppedWhileItsReceivesQueueForThePlacesOfTheRing) {
  test::run([]() -> Task<> {
    std::vector<UdpSocket> sockets;
    std::vector<TaskHandle> readers;
    for (int i = 0; i < 200; ++i) sockets.push_back(here());
    for (auto& socket : sockets) {
      readers.push_back(spawn([&socket]() -> Task<> {
        char buffer[4];
        const auto got = co_await as_result(socket.receive(buffer));
        EXPECT_EQ(got.error(), std::errc::operation_canceled);
      }));
    }
    co_await yield();  // all of them have begun, in this very turn
    EXPECT_GT(Loop::current().stats().queued, 0u);
    for (auto& socket : sockets) socket = UdpSocket();
    for (auto& reader : readers) co_await wait_until_done(reader);
  });
}

TEST(UdpSocket, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Ends ends;
  const auto rounds = [&]() -> Task<> {
    const Address b = ends.b.local();
    char buffer[64];
    for (int i = 0; i < 10; ++i) {
      co_await ends.a.send_to("ping", b);
      co_await ends.b.receive_from(buffer);
      co_await ends.b.send("pong");
      co_await ends.a.receive(buffer);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
