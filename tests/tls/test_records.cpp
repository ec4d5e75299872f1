// What comes over the wire: cut anywhere, changed, broken off, or never TLS at all.
#include "half_by_hand.hpp"

#include <openssl/ssl.h>

#include <random>

namespace {

using namespace eddy;
using namespace test;

TEST(TlsRecords, MayBeCutAnywhere) {
  test::run([]() -> Task<> {
    HalfByHand half(a_server());
    co_await connect_by_hand(half);
    const std::string text = "a record of this size";
    for (std::size_t cut = 0;; ++cut) {
      half.peer.write(text);
      half.peer.write("second");
      const std::string wire = half.peer.take();
      if (cut > wire.size()) break;
      std::string got(text.size() + 6, '\0');
      auto reading = spawn([&]() -> Task<> { co_await half.ours.read_exactly(got); });
      co_await half.wire.b.write_all(Bytes(wire.data(), cut));
      co_await settle(4);
      co_await half.wire.b.write_all(Bytes(wire.data() + cut, wire.size() - cut));
      co_await reading;
      EXPECT_EQ(got, text + "second") << cut;
    }
    co_await half.ours.close();
  });
}

// Every flight of a handshake, in two pieces, or byte by byte.
Task<> shake_in_pieces(HalfByHand& half, std::size_t cut) {
  static const tls::ClientContext client = trusting();
  auto shaking = spawn(shake_as_client(half.ours, std::move(half.wire.a), client, "localhost"));
  for (bool done = half.peer.shake();; done = half.peer.shake()) {
    std::string out = half.peer.take();
    while (!out.empty()) {
      // The last flight is tickets, which nobody reads yet: single bytes would fill the socket.
      const std::size_t count = done && cut == 1 ? out.size() : std::min(out.size(), cut);
      co_await half.wire.b.write_all(Bytes(out.data(), count));
      co_await settle(cut == 1 ? 1 : 4);
      out.erase(0, count);
      if (cut > 1) cut = 1 << 20;  // the rest at once
    }
    if (done) break;
    char piece[4096];
    const std::size_t count = co_await half.wire.b.read_some(piece);
    half.peer.give({piece, count});
  }
  co_await shaking;
}

TEST(TlsRecords, OfAHandshakeMayBeCutAnywhere) {
  for (std::size_t cut = 1; cut < 900; cut += cut < 8 ? 1 : 13) {
    test::run([&]() -> Task<> {
      HalfByHand half(a_server());
      co_await shake_in_pieces(half, cut);
      co_await say(half.peer, half.wire.b, "text");
      EXPECT_EQ(co_await read_some(half.ours), 4u) << cut;
      co_await half.ours.close();
    });
  }
}

// Changed in one bit, wherever that is: an error, and never another text.
TEST(TlsRecords, ThatWereChangedAreAnError) {
  for (std::size_t at = 0;; ++at) {
    bool over = false;
    test::run([&]() -> Task<> {
      HalfByHand half(a_server());
      co_await connect_by_hand(half);
      half.peer.write("sixteen letters.");
      std::string wire = half.peer.take();
      over = at >= wire.size();
      if (over) co_return;
      wire[at] ^= 1;
      co_await half.wire.b.write_all(wire);
      half.wire.b.shutdown_write();  // if its length has grown
      const Thrown first = co_await thrown_by(read_some(half.ours));
      const bool told = first.code == tls::Errc::protocol || first.code == tls::Errc::truncated;
      EXPECT_TRUE(told) << at << ": " << first.what;
      const Thrown again = co_await thrown_by(read_some(half.ours));
      EXPECT_EQ(again.code, first.code) << "and it stays one";
      co_await half.ours.close();
    });
    if (over) break;
  }
}

TEST(TlsRecords, OfAHandshakeThatWereChangedEndIt) {
  std::mt19937 random(1);
  for (int round = 0; round < 150; ++round) {
    test::run([&]() -> Task<> {
      HalfByHand half(a_server());
      auto shaking =
          spawn(shake_as_client(half.ours, std::move(half.wire.a), trusting(), "localhost"));
      char piece[4096];
      const std::size_t count = co_await half.wire.b.read_some(piece);
      half.peer.give({piece, count});
      EXPECT_FALSE(half.peer.shake());
      std::string flight = half.peer.take();
      flight[random() % flight.size()] ^= static_cast<char>(1 << random() % 8);
      co_await half.wire.b.write_all(flight);
      half.wire.b.shutdown_write();
      const auto shaken = co_await as_outcome(shaking);
      EXPECT_FALSE(shaken);
    });
  }
}

// -- the end --

TEST(TlsTruncation, IsAnErrorWhereverItIs) {
  for (std::size_t cut = 0;; cut += 3) {
    bool over = false;
    test::run([&]() -> Task<> {
      HalfByHand half(a_server());
      co_await connect_by_hand(half);
      half.peer.write("a line\n");
      const std::string whole = half.peer.take();
      half.peer.write("and half of a li");
      const std::string part = half.peer.take();
      over = cut > part.size();
      if (over) co_return;
      co_await half.wire.b.write_all(whole);
      co_await half.wire.b.write_all(Bytes(part.data(), cut));
      co_await half.wire.b.close();
      EXPECT_EQ(co_await half.ours.readline(), "a line\n") << "what came before is there";
      const Thrown thrown = co_await thrown_by(half.ours.read_all());
      EXPECT_EQ(thrown.code, tls::Errc::truncated) << cut << ": " << thrown.what;
      EXPECT_TRUE(contains(thrown.what, "close_notify")) << thrown.what;
      const Thrown again = co_await thrown_by(read_some(half.ours));
      EXPECT_EQ(again.code, tls::Errc::truncated);
      co_await half.ours.close();
    });
    if (over) break;
  }
}

TEST(TlsTruncation, OfALineIsNoLine) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    co_await ends.server.write_all("no end");
    ends.server = tls::Stream();  // dropped
    const Thrown thrown = co_await thrown_by([](tls::Stream& stream) -> Task<std::string> {
      std::string line = co_await stream.readline();
      co_return line;
    }(ends.client));
    EXPECT_EQ(thrown.code, tls::Errc::truncated) << thrown.what;
  });
}

TEST(TlsTruncation, InAHandshakeIsAnError) {
  for (const char* sent : {"", "\x16\x03\x01"}) {
    test::run([&]() -> Task<> {
      Ends wire;
      co_await wire.b.write_all(Bytes(std::string_view(sent)));
      co_await wire.b.close();
      tls::Stream stream;
      const auto server = showing(certificates().localhost);
      const Thrown thrown =
          co_await thrown_by(shake_as_server(stream, std::move(wire.a), server));
      EXPECT_EQ(thrown.code, tls::Errc::truncated) << thrown.what;
    });
  }
}

TEST(TlsEnd, IsToldByCloseNotify) {
  test::run([]() -> Task<> {
    HalfByHand half(a_server());
    co_await connect_by_hand(half);
    half.peer.write("all of it");
    half.peer.close_notify();
    co_await flush(half.peer, half.wire.b);
    EXPECT_EQ(co_await half.ours.read_all(), "all of it") << "the transport is still open";
    EXPECT_EQ(co_await read_some(half.ours), 0u);
    co_await half.ours.write_all("thank you");
    EXPECT_EQ(co_await hear(half.peer, half.wire.b), "thank you") << "the other half is open";
    half.ours.shutdown_write();
    co_await hear(half.peer, half.wire.b);
    EXPECT_TRUE(half.peer.ended()) << "it says so too";
    co_await half.ours.close();
    char piece[8];
    EXPECT_EQ(co_await half.wire.b.read_some(piece), 0u) << "and says it once";
  });
}

TEST(TlsEnd, OfCloseIsSaidToThePeer) {
  test::run([]() -> Task<> {
    HalfByHand half(a_server());
    co_await connect_by_hand(half);
    co_await say(half.peer, half.wire.b, "x");
    EXPECT_EQ(co_await read_some(half.ours), 1u);
    const std::string much = pattern(150'000);
    co_await half.ours.write_all(much);
    auto closing = spawn(half.ours.close());
    std::string got;
    while (!half.peer.ended()) {
      const std::string some = co_await hear(half.peer, half.wire.b);
      got += some;
      if (some.empty()) break;
    }
    EXPECT_TRUE(half.peer.ended()) << "close_notify";
    EXPECT_TRUE(got == much);
    co_await closing;
  });
}

// -- keys --

TEST(TlsKeys, AreUpdatedByThePeerWhileBothTalk) {
  test::run([]() -> Task<> {
    HalfByHand half(a_server());
    co_await connect_by_hand(half);
    for (int i = 0; i < 20; ++i) {
      half.peer.update_keys(i % 2 == 0);
      half.peer.write("new keys");
      co_await flush(half.peer, half.wire.b);
      char buffer[8];
      co_await half.ours.read_exactly(buffer);
      EXPECT_EQ(Bytes(buffer, 8).text(), "new keys");
      co_await half.ours.write_all("understood");
      EXPECT_EQ(co_await hear_exactly(half.peer, half.wire.b, 10), "understood") << i;
    }
    co_await half.ours.close();
  });
}

// Somebody who only reads answers as well.
TEST(TlsKeys, AreUpdatedByAnEndThatWritesNothing) {
  test::run([]() -> Task<> {
    HalfByHand half(a_server());
    co_await connect_by_hand(half);
    auto reading = spawn([&]() -> Task<> { EXPECT_EQ(co_await half.ours.read_all(), "abc"); });
    for (const char* text : {"a", "b", "c"}) {
      half.peer.update_keys(true);
      co_await say(half.peer, half.wire.b, text);
    }
    half.peer.close_notify();
    co_await flush(half.peer, half.wire.b);
    co_await reading;
    co_await half.ours.write_all("with new keys");
    EXPECT_EQ(co_await hear_exactly(half.peer, half.wire.b, 13), "with new keys");
    co_await half.ours.close();
  });
}

TEST(TlsKeys, AreUpdatedByUs) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    for (int i = 0; i < 10; ++i) {
      ends.client.update_keys(i % 2 == 0);
      ends.server.update_keys(i % 3 == 0);
      co_await expect_to_talk(ends);
    }
    co_await end_both(ends);
    tls::ClientOptions old = trusting_options();
    old.max_version = tls::Version::tls12;
    TlsEnds before;
    co_await shake(before, trusting(old), showing(certificates().localhost));
    EXPECT_THROW(before.client.update_keys(), UsageError) << "TLS 1.2 has none";
    co_await expect_to_talk(before);
    co_await end_both(before);
  });
}

TEST(TlsKeys, AreNotRenegotiated) {
  test::run([]() -> Task<> {
    ByHand::Wish wish = ByHand::client();
    wish.version = TLS1_2_VERSION;
    wish.renegotiates = true;
    HalfByHand half(wish);
    co_await connect_by_hand(half);
    auto reading = spawn(read_some(half.ours));
    std::string answer;
    try {
      half.peer.renegotiate();
      co_await flush(half.peer, half.wire.b);
      for (int i = 0; i < 3; ++i) co_await hear(half.peer, half.wire.b);
      answer = "it did";
    } catch (const std::exception& refused) {
      answer = refused.what();
    }
    EXPECT_TRUE(contains(answer, "renegotiation") || contains(answer, "alert")) << answer;
    reading.cancel();
    co_await wait_until_done(reading);
    co_await half.ours.close();
  });
}

TEST(TlsKeys, AreNotRenegotiatedByAServer) {
  test::run([]() -> Task<> {
    ByHand::Wish wish = a_server();
    wish.version = TLS1_2_VERSION;
    wish.renegotiates = true;
    HalfByHand half(wish);
    co_await connect_by_hand(half);
    half.peer.renegotiate();
    half.peer.take().swap(wish.host);  // the request for it
    co_await half.wire.b.write_all(wish.host);
    half.wire.b.shutdown_write();
    const Thrown thrown = co_await thrown_by(read_some(half.ours));
    EXPECT_NE(thrown.what, "");
    const std::string heard = [&] {
      try {
        return half.peer.read();
      } catch (const std::exception& refused) {
        return std::string(refused.what());
      }
    }();
    EXPECT_EQ(heard, "") << "it sent no hello";
    co_await half.ours.close();
  });
}

TEST(TlsRecords, OfTicketsAloneAreNoText) {
  test::run([]() -> Task<> {
    HalfByHand half(a_server());
    co_await connect_by_hand(half);
    auto reading = spawn(read_some(half.ours));
    for (int i = 0; i < 5; ++i) {
      SSL_new_session_ticket(half.peer.raw());
      half.peer.shake();
      co_await flush(half.peer, half.wire.b);
      co_await settle();
      EXPECT_FALSE(reading.done());
    }
    co_await say(half.peer, half.wire.b, "text");
    EXPECT_EQ(co_await reading, 4u);
    co_await half.ours.close();
  });
}

TEST(TlsRecords, MayBeSmallAndMany) {
  test::run([]() -> Task<> {
    ByHand::Wish wish = ByHand::client();
    wish.record = 512;
    HalfByHand half(wish);
    co_await connect_by_hand(half);
    const std::string text = pattern(100'000);
    half.peer.write(text);
    half.peer.close_notify();
    auto sending = spawn(flush(half.peer, half.wire.b));
    const std::string got = co_await half.ours.read_all();
    EXPECT_TRUE(got == text);
    co_await sending;
    co_await half.ours.close();
  });
}

// -- no TLS at all --

TEST(TlsPeer, ThatSpeaksSomethingElseIsToldApart) {
  for (const std::string& sent :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string(100, '\0'), std::string(70000, '\xff')}) {
    for (const bool as_server : {true, false}) {
      test::run([&]() -> Task<> {
        Ends wire;
        auto sending = spawn([&]() -> Task<> {
          static_cast<void>(co_await as_outcome(wire.b.write_all(sent)));
          wire.b.shutdown_write();
        });
        tls::Stream stream;
        const auto server = showing(certificates().localhost);
        auto shaking = as_server
                           ? shake_as_server(stream, std::move(wire.a), server)
                           : shake_as_client(stream, std::move(wire.a), trusting(), "localhost");
        const Thrown thrown = co_await thrown_by(std::move(shaking));
        const bool told = thrown.code == tls::Errc::handshake || thrown.code == tls::Errc::protocol;
        EXPECT_TRUE(told) << thrown.what;
        co_await sending;
      });
    }
  }
}

TEST(TlsPeer, ThatSaysWhyItGoesIsHeard) {
  test::run([]() -> Task<> {
    ByHand::Wish wish = ByHand::client();
    wish.host = "somebody.else";
    Ends wire;
    ByHand peer(wish);
    tls::Stream stream;
    auto shaking =
        spawn(shake_as_server(stream, std::move(wire.a), showing(certificates().localhost)));
    std::string why;
    try {
      co_await shake_hands(peer, wire.b);
    } catch (const std::exception& error) {
      why = error.what();
    }
    EXPECT_TRUE(contains(why, "verify failed")) << why;
    co_await flush(peer, wire.b);
    const Thrown thrown = co_await thrown_by([](JoinHandle<> task) -> Task<> {
      co_await task;
    }(shaking));
    EXPECT_EQ(thrown.code, tls::Errc::refused) << thrown.what;
    EXPECT_TRUE(contains(thrown.what, "bad certificate")) << thrown.what;
  });
}

}  // namespace
