// Cancelled, timed out, without memory, with the loop closed under it: nothing is lost or left.
#include "by_hand.hpp"
#include "tls_ends.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/failing_memory.hpp"

#include <random>

namespace {

using namespace eddy;
using namespace test;

constexpr std::size_t no_room = 12'000'000;

// By contexts that are there already: whose sessions are resumed.
Task<> shake_again(TlsEnds& ends) { return shake(ends, client_context(), server_context()); }

// -- cancelled --

TEST(TlsCancel, OfAHandshakeAtAnyTurnLeavesNothing) {
  const auto before = open_descriptors();
  int through = 0;
  for (int turns = 0; turns < 24; ++turns) {
    for (const bool the_client : {true, false}) {
      test::run([&]() -> Task<> {
        Ends wire;
        TlsEnds ends;
        auto client =
            spawn(shake_as_client(ends.client, std::move(wire.a), client_context(), "localhost"));
        auto server = spawn(shake_as_server(ends.server, std::move(wire.b), server_context()));
        for (int i = 0; i < turns; ++i) co_await yield();
        auto& cancelled = the_client ? client : server;
        auto& other = the_client ? server : client;
        cancelled.cancel();
        co_await wait_until_done(cancelled);
        co_await wait_until_done(other);  // it hears of it, and ends
        through += !cancelled.cancelled();
        const bool whole = !ends.client.closed() && !ends.server.closed();
        if (whole) co_await expect_to_talk(ends);
      });
    }
  }
  EXPECT_GT(through, 0) << "the last ones came too late";
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TlsCancel, InTheMiddleOfARecordLosesNothing) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    std::mt19937 random(7);
    std::string sent, got;
    bool over = false;
    // A reader that is cancelled all the time.
    auto reading = spawn([&]() -> Task<> {
      while (!over || got.size() < sent.size()) {
        char buffer[3000];
        auto reader = spawn([&]() -> Task<> {
          const std::size_t count = co_await ends.client.read_some(buffer);
          got.append(buffer, count);
        });
        const auto turns = random() % 4;
        for (unsigned i = 0; i < turns; ++i) co_await yield();
        if (!over) reader.cancel();
        co_await wait_until_done(reader);
      }
    });
    const std::string all = pattern(400'000);
    while (sent.size() < all.size()) {
      const std::size_t count = std::min<std::size_t>(all.size() - sent.size(), random() % 20'000);
      co_await ends.server.write_all(Bytes(all.data() + sent.size(), count));
      sent.append(all, sent.size(), count);
    }
    over = true;
    co_await reading;
    EXPECT_TRUE(got == all);
    co_await end_both(ends);
  });
}

// What was encrypted goes first, so that the records stay in order: both ends still understand.
TEST(TlsCancel, OfAWriteLeavesTheConnectionSound) {
  for (int turns = 0; turns < 6; ++turns) {
    test::run([&]() -> Task<> {
      TlsEnds ends;
      co_await shake_again(ends);
      const std::string much = pattern(no_room);
      std::size_t tried = 0;
      for (int i = 0; i < 3; ++i) {
        auto writer = spawn([&]() -> Task<> { co_await ends.client.write_all(much); });
        for (int turn = 0; turn < turns; ++turn) co_await yield();
        tried += writer.cancel();
        co_await wait_until_done(writer);
      }
      EXPECT_EQ(tried, 3u);
      ends.client.shutdown_write();
      const std::string got = co_await ends.server.read_all();
      std::string_view rest = got;
      for (int i = 0; i < 3; ++i) {  // three beginnings, one after the other
        std::size_t same = 0;
        while (same < rest.size() && rest[same] == much[same]) ++same;
        rest.remove_prefix(same);
      }
      EXPECT_EQ(rest, "") << turns;
      co_await ends.server.write_all("fine");
      char buffer[4];
      co_await ends.client.read_exactly(buffer);
      co_await end_both(ends);
    });
  }
}

// Many at once, each cut off wherever it is: no descriptor, no byte, no session too many.
TEST(TlsCancel, OfTenThousandHandshakesLosesNothing) {
  const int all = can_count_allocations() ? 10'000 : 1'000;
  std::mt19937 random(3);
  int through = 0, broken = 0;
  Loop loop(test::options());
  loop.on_exception([](const ExceptionReport& report) { ADD_FAILURE() << report.message; });
  const auto one = [&](unsigned turns, unsigned who) -> Task<> {
    Ends wire;
    TlsEnds ends;
    auto client =
        spawn(shake_as_client(ends.client, std::move(wire.a), client_context(), "localhost"));
    auto server = spawn(shake_as_server(ends.server, std::move(wire.b), server_context()));
    for (unsigned i = 0; i < turns; ++i) co_await yield();
    if (who & 1) client.cancel();
    if (who & 2) server.cancel();
    co_await wait_until_done(client);
    co_await wait_until_done(server);
    ++(ends.client.closed() || ends.server.closed() ? broken : through);
  };
  const auto many = [&](int count) -> Task<> {
    std::vector<JoinHandle<>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(spawn(one(random() % 16, 1 + random() % 3)));
    for (auto& task : tasks) co_await task;
  };
  loop.run(many(50));
  const auto before = open_descriptors();
  std::ptrdiff_t held = 0;
  for (int done = 0; done < all; done += 50) {
    loop.run(many(50));
    if (done == all / 5) held = bytes_held();
  }
  EXPECT_LT(bytes_held() - held, 512 * 1024) << "one connection is some 10 KiB";
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_GT(broken, all / 4);
  EXPECT_GT(through, all / 50) << "some came too late";
  EXPECT_LE(client_context().sessions(), 256u);
}

// -- time --

TEST(TlsTime, IsUpForAPeerThatSaysNothing) {
  test::run([]() -> Task<> {
    for (const bool as_server : {true, false}) {
      Ends wire;
      tls::Stream stream;
      auto shaking =
          as_server ? shake_as_server(stream, std::move(wire.a), server_context())
                    : shake_as_client(stream, std::move(wire.a), client_context(), "localhost");
      const auto ended = co_await as_result(timeout(5s, std::move(shaking)));
      EXPECT_TRUE(!ended && ended.error() == std::errc::timed_out);
      const std::string said = co_await wire.b.read_all();
      EXPECT_EQ(said.empty(), as_server) << "the transport is closed; a client had said hello";
    }
  });
}

TEST(TlsTime, IsUpForAPeerThatIsTooSlow) {
  test::run([]() -> Task<> {
    Ends wire;
    ByHand peer(ByHand::client());
    peer.shake();
    const std::string hello = peer.take();
    tls::Stream stream;
    auto shaking =
        spawn(timeout(5s, shake_as_server(stream, std::move(wire.a), server_context())));
    std::size_t sent = 0;
    for (const char letter : hello) {
      const std::string byte(1, letter);
      const auto went = co_await as_result(wire.b.write_all(byte));
      if (!went) break;
      ++sent;
      co_await sleep(100ms);
    }
    const auto ended = co_await as_result(shaking);
    EXPECT_TRUE(!ended && ended.error() == std::errc::timed_out) << "bytes now and then";
    EXPECT_LT(sent, hello.size());
  });
}

TEST(TlsTime, OfAReadLeavesTheStreamAsItIs) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    const auto none = co_await as_result(timeout(5s, ends.client.readline()));
    EXPECT_TRUE(!none && none.error() == std::errc::timed_out);
    co_await expect_to_talk(ends);
    co_await end_both(ends);
  });
}

// -- close --

TEST(TlsClose, WaitsASecondForAPeerThatTakesNothing) {
  const auto before = open_descriptors();
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    co_await expect_to_talk(ends);
    const std::string much(no_room, 'x');
    auto writer = spawn([&]() -> Task<> { co_await ends.client.write_all(much); });
    co_await settle();
    const Instant began = Loop::current().now();
    static_cast<void>(co_await as_outcome(ends.client.close()));
    EXPECT_LE(Loop::current().now() - began, 2s);
    EXPECT_TRUE(ends.client.closed());
    const auto ended = co_await as_result(writer);
    EXPECT_TRUE(!ended && ended.error() == std::errc::operation_canceled);
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TlsClose, IsAtOnceWhenItIsCancelled) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    co_await expect_to_talk(ends);
    const std::string much(no_room, 'x');
    auto writer = spawn([&]() -> Task<> { co_await ends.client.write_all(much); });
    co_await settle();
    auto closing = spawn(ends.client.close());
    co_await settle();
    const Instant began = Loop::current().now();
    closing.cancel();
    co_await wait_until_done(closing);
    co_await wait_until_done(writer);
    EXPECT_EQ(Loop::current().now(), began);
    EXPECT_TRUE(ends.client.closed());
    const auto rest = co_await as_result(ends.server.read_all());
    EXPECT_TRUE(!rest && rest.error() == tls::Errc::truncated) << "it did not say goodbye";
  });
}

// Its server's tickets lie unread when it closes: that must not reset the connection.
TEST(TlsClose, OfAClientThatNeverReadLosesNothing) {
  test::run([]() -> Task<> {
    TcpEnds wire;
    co_await connect_ends(wire);
    TlsEnds ends;
    const Said said = co_await try_to_shake(ends, std::move(wire.a), std::move(wire.b),
                                            client_context(), server_context());
    EXPECT_TRUE(said.both_well());
    const std::string much = pattern(300'000);
    auto client = spawn([&]() -> Task<> {
      co_await ends.client.write_all(much);
      co_await ends.client.close();
    });
    const std::string got = co_await ends.server.read_all();
    EXPECT_TRUE(got == much);
    co_await ends.server.close();
    co_await client;
  });
}

TEST(TlsClose, LeavesWhatTheOtherHasSentToBeRead) {
  test::run([]() -> Task<> {
    Ends wire;
    ByHand peer(ByHand::client());
    tls::Stream server;
    auto shaking = spawn(shake_as_server(server, std::move(wire.a), server_context()));
    co_await shake_hands(peer, wire.b);
    co_await shaking;
    co_await server.write_all("hi");
    EXPECT_EQ(co_await hear(peer, wire.b), "hi");
    peer.write("all that I had to say");
    peer.close_notify();
    co_await flush(peer, wire.b);
    co_await wire.b.close();
    std::error_code code;
    for (int i = 0; i < 3 && !code; ++i) {
      const auto written = co_await as_result(server.write_all("are you there?"));
      if (!written) code = written.error();
    }
    EXPECT_EQ(code, std::errc::broken_pipe);
    EXPECT_EQ(co_await server.read_all(), "all that I had to say");
    co_await server.close();
  });
}

TEST(TlsClose, OfADroppedStreamEndsItsCalls) {
  const auto before = open_descriptors();
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    auto reader = spawn([&]() -> Task<> {
      char buffer[4];
      co_await ends.client.read_some(buffer);
    });
    co_await settle();
    ends.client = tls::Stream();
    const auto ended = co_await as_result(reader);
    EXPECT_TRUE(!ended && ended.error() == std::errc::operation_canceled);
    const auto rest = co_await as_result(ends.server.read_all());
    EXPECT_TRUE(!rest && rest.error() == tls::Errc::truncated);
  });
  EXPECT_EQ(open_descriptors(), before);
}

// -- loops --

TEST(TlsLoop, MayCloseUnderEveryCall) {
  const auto before = open_descriptors();
  for (int turns = 0; turns < 12; ++turns) {
    test::run([&]() -> Task<> {
      TlsEnds ends;
      co_await shake_again(ends);
      const auto hold = [](TlsEnds own) -> Task<> {
        const std::string much(no_room, 'x');
        char buffer[4];
        const auto write = [&]() -> Task<> { co_await own.client.write_all(much); };
        auto writing = spawn(write());
        static_cast<void>(co_await as_outcome(own.client.read_some(buffer)));
        static_cast<void>(co_await as_outcome(writing));
      };
      spawn(hold(std::move(ends)));
      Ends wire;
      const auto shaking = [](Stream over) -> Task<> {
        tls::Stream into;
        static_cast<void>(co_await as_outcome(
            shake_as_client(into, std::move(over), client_context(), "localhost")));
      };
      spawn(shaking(std::move(wire.a)));
      const auto closing = [](Ends over) -> Task<> {
        TlsEnds more;
        static_cast<void>(co_await try_to_shake(more, std::move(over.a), std::move(over.b),
                                                client_context(), server_context()));
        co_await more.client.close();
      };
      spawn(closing(Ends()));
      for (int i = 0; i < turns; ++i) co_await yield();
    });
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TlsLoop, MayBeGoneBeforeTheStream) {
  const auto before = open_descriptors();
  {
    TlsEnds ends;
    test::run([&]() -> Task<> { co_await shake(ends); });
    EXPECT_FALSE(ends.client.closed());
  }
  EXPECT_EQ(open_descriptors(), before);
}

// -- memory --

TEST(TlsMemory, IsBoundedWhenThePeerDoesNotRead) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    co_await expect_to_talk(ends);
    const std::string much(no_room, 'x');
    const std::ptrdiff_t before = bytes_held();
    auto writer = spawn([&]() -> Task<> { co_await ends.client.write_all(much); });
    co_await settle(50);
    EXPECT_FALSE(writer.done());
    EXPECT_LT(bytes_held() - before, 256 * 1024);
    ends.client.shutdown_write();
    co_await settle();
    EXPECT_LT(bytes_held() - before, 256 * 1024);
    writer.cancel();
    co_await wait_until_done(writer);
    EXPECT_LT(bytes_held() - before, 256 * 1024);
  });
}

TEST(TlsMemory, OfRecordsIsAllocatedByNobody) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  Loop loop(test::options());
  {
    TlsEnds ends;
    loop.run(shake(ends));
    const std::string piece(65536, 'x');
    std::string room(65536, '\0');
    const auto rounds = [&]() -> Task<> {
      for (int i = 0; i < 5; ++i) {
        auto writer = spawn([&]() -> Task<> { co_await ends.client.write_all(piece); });
        co_await ends.server.read_exactly(room);
        co_await writer;
      }
    };
    for (int i = 0; i < 3; ++i) loop.run(rounds());
    const std::size_t before = allocations(), openssl = allocations_of_openssl();
    loop.run(rounds());
    const std::size_t by_openssl = allocations_of_openssl() - openssl;
    EXPECT_EQ(allocations() - before - by_openssl, 0u) << "eddy's own";
    EXPECT_LE(by_openssl, 80u) << "OpenSSL's: two for each of 40 records";
  }
}

Task<> write_and_end(tls::Stream& stream, const std::string& much) {
  co_await stream.write_all(much);
  co_await stream.close();
}
Task<> talk_and_part(TlsEnds& ends) {
  co_await ends.client.write_all("a question\n");
  const std::string line = co_await ends.server.readline();
  EXPECT_EQ(line, "a question\n");
  static const std::string much = pattern(100'000);
  auto body = [&](TaskGroup& group) -> Task<> {  // one that fails ends the other
    group.spawn(write_and_end(ends.server, much));
    const std::string got = co_await ends.client.read_all();
    EXPECT_TRUE(got == much);
  };
  co_await task_group(body);
  co_await ends.client.close();
}

// Whichever allocation fails, of either end: an error comes out, and the loop goes on.
TEST(TlsMemory, ThatIsNotThereIsAnError) {
  const auto before = open_descriptors();
  const std::size_t failed = fail_each_allocation([](FailingMemory& memory) {
    TlsEnds ends;  // which outlive the tasks that are left behind
    test::run([&]() -> Task<> {
      Ends wire;
      bool well = false;
      // Who waits for one end may fail first: what the other ended with is nobody's then.
      Loop::current().on_exception([](const ExceptionReport&) {});
      memory.arm();
      try {
        const Said said = co_await try_to_shake(ends, std::move(wire.a), std::move(wire.b),
                                                client_context(), server_context());
        if (said.both_well()) {
          co_await talk_and_part(ends);
          well = true;
        }
      } catch (const std::exception&) {  // bad_alloc, or what the other end said of its own
      }
      memory.disarm();
      EXPECT_TRUE(well || memory.failed());
      TlsEnds others;
      co_await shake_again(others);
      co_await expect_to_talk(others);
    });
  });
  EXPECT_GT(failed, 0u);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
