// What a stranger tries: alerts at the wrong time, floods, names that widen, sessions that wander.
#include "half_by_hand.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <fstream>

namespace {

using namespace eddy;
using namespace test;

// -- alerts --

TEST(TlsAlert, ThatEndsTheConnectionInAHandshakeIsToldAsThat) {
  constexpr std::string_view close_notify("\x15\x03\x03\0\x02\x01\0", 7);
  for (const bool as_server : {true, false}) {
    test::run([&]() -> Task<> {
      Ends wire;
      co_await wire.b.write_all(close_notify);
      tls::Stream stream;
      auto shaking =
          as_server ? shake_as_server(stream, std::move(wire.a), server_context())
                    : shake_as_client(stream, std::move(wire.a), client_context(), "localhost");
      const Thrown thrown = co_await thrown_by(std::move(shaking));
      EXPECT_EQ(thrown.code, as_server ? tls::Errc::handshake : tls::Errc::truncated)
          << thrown.what;
    });
  }
}

TEST(TlsAlert, EndsBothSidesForTheSameReason) {
  constexpr std::string_view unencrypted("\x15\x03\x03\0\x02\x02\x28", 7);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    test::run([&]() -> Task<> {
      HalfByHand half(a_server(version));
      co_await connect_by_hand(half);
      co_await half.wire.b.write_all(unencrypted);
      const Thrown read = co_await thrown_by(read_some(half.ours));
      EXPECT_EQ(read.code, tls::Errc::protocol) << read.what;
      const Thrown written = co_await thrown_by(half.ours.write_all("text"));
      EXPECT_EQ(written.code, read.code) << written.what;
      EXPECT_EQ(written.what, read.what);
      if (version == TLS1_3_VERSION) {
        EXPECT_THROW(half.ours.update_keys(), tls::Error);
      }
      co_await half.ours.close();
    });
  }
}

TEST(TlsAlert, ThatRefusesAClientsCertificateIsToldToWhoWritesAsWell) {
  test::run([]() -> Task<> {
    tls::ServerOptions options;
    options.client_certificate = tls::ClientCertificate::required;
    options.client_ca_file = certificates().roots;
    TcpEnds wire;
    co_await connect_ends(wire);
    TlsEnds ends;
    auto serving = spawn(shake_as_server(ends.server, std::move(wire.b),
                                         showing(certificates().localhost, options)));
    co_await shake_as_client(ends.client, std::move(wire.a), trusting(), "localhost");
    co_await ends.client.write_all("GET / HTTP/1.0\r\n\r\n");  // before it is refused
    static_cast<void>(co_await as_outcome(serving));
    const Thrown read = co_await thrown_by(read_some(ends.client));
    EXPECT_EQ(read.code, tls::Errc::refused) << read.what;
    EXPECT_TRUE(contains(read.what, "certificate required")) << read.what;
    const Thrown written = co_await thrown_by(ends.client.write_all("more"));
    EXPECT_EQ(written.code, tls::Errc::refused) << written.what;
  });
}

// -- floods --

// A peer's flood ends with an error or is read over; it holds neither memory nor the loop.
TEST(TlsFlood, OfRecordsThatSayNothingIsAnError) {
  for (const bool as_server : {true, false}) {
    test::run([&]() -> Task<> {
      Ends wire;
      std::string flood;
      for (int i = 0; i < 1000; ++i) flood += std::string_view("\x14\x03\x03\0\x01\x01", 6);
      tls::Stream stream;
      auto shaking = spawn(
          as_server ? shake_as_server(stream, std::move(wire.a), server_context())
                    : shake_as_client(stream, std::move(wire.a), client_context(), "localhost"));
      ByHand peer(ByHand::client());
      peer.shake();
      if (as_server) co_await wire.b.write_all(peer.take());
      co_await wire.b.write_all(flood);
      std::string what;
      std::error_code code;
      note(co_await as_outcome(shaking), what, code);
      EXPECT_EQ(code, tls::Errc::handshake) << what;
    });
  }
}

TEST(TlsFlood, OfARecordThatIsTooLongIsAnErrorAtOnce) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    test::run([&]() -> Task<> {
      HalfByHand half(a_server(version));
      co_await connect_by_hand(half);
      co_await half.wire.b.write_all(std::string_view("\x17\x03\x03\xff\xff and so on", 15));
      const Thrown read = co_await thrown_by(read_some(half.ours));
      EXPECT_EQ(read.code, tls::Errc::protocol) << read.what;
      EXPECT_TRUE(contains(read.what, "length")) << read.what;
      co_await half.ours.close();
    });
  }
}

TEST(TlsFlood, OfKeyUpdatesHoldsNoMemory) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  test::run([]() -> Task<> {
    HalfByHand half(a_server(TLS1_3_VERSION));
    co_await connect_by_hand(half);
    std::string flood;
    for (int i = 0; i < 50'000; ++i) {
      half.peer.update_keys(true);
      SSL_do_handshake(half.peer.raw());
      if (i % 100 == 0) flood += half.peer.take();
    }
    flood += half.peer.take();
    EXPECT_GT(flood.size(), 1'000'000u);
    const std::ptrdiff_t before = bytes_held();
    auto reading = spawn(read_some(half.ours));
    auto writing = spawn([&]() -> Task<> { co_await half.wire.b.write_all(flood); });
    co_await settle(200);
    EXPECT_FALSE(reading.done());
    EXPECT_LT(bytes_held() - before, 512 * 1024);
    reading.cancel();
    writing.cancel();
    co_await wait_until_done(reading);
    co_await wait_until_done(writing);
  });
}

// -- names and sessions --

TEST(TlsTrust, IsForOneHostAndNotForAllBelowADomain) {
  EXPECT_TRUE(said_of(certificates().wildcard, "www.example.org.").both_well()) << "a whole name";
  EXPECT_TRUE(said_of(certificates().localhost, "[::1]").both_well());
  for (const char* host : {".example.org", ".www.example.org", ".", "..", "www.example.org.."}) {
    const Said said = said_of(certificates().wildcard, host);
    EXPECT_NE(said.client, "") << host;
  }
}

// The key under which a session is kept is the caller's; whom it is with is not.
TEST(TlsSession, IsOfTheHostThatWasVerified) {
  for (const tls::Version most : {tls::Version::tls12, tls::Version::tls13}) {
    test::run([&]() -> Task<> {
      tls::ClientOptions options = trusting_options();
      options.max_version = most;
      const tls::ClientContext client = trusting(options);
      const tls::ServerContext server = showing(certificates().localhost);
      std::string went;
      for (const char* host : {"localhost", "localhost", "127.0.0.2", "other.example.org"}) {
        Ends wire;
        TlsEnds ends;
        auto serving = spawn(shake_as_server(ends.server, std::move(wire.b), server));
        const auto shake = [&]() -> Task<> {
          ends.client = co_await tls::handshake(std::move(wire.a), client, host, "by a proxy");
        };
        const Thrown thrown = co_await thrown_by(shake());
        static_cast<void>(co_await as_outcome(serving));
        went += co_await how_it_went(ends, thrown.what);
      }
      EXPECT_EQ(went, "-rxx");
    });
  }
}

TEST(TlsReload, OfThoseWhoSignClientsEndsTheirSessions) {
  test::run([]() -> Task<> {
    const auto& all = certificates();
    const std::string current = all.folder + "signers.pem";
    const auto put = [&](const std::string& roots) { std::ofstream(current) << text_of(roots); };
    put(all.roots);
    tls::ServerOptions options;
    options.client_certificate = tls::ClientCertificate::required;
    options.client_ca_file = current;
    const tls::ServerContext server = showing(all.localhost, options);
    tls::ClientOptions own = trusting_options();
    own.certificate_file = all.for_clients.chain;
    own.key_file = all.for_clients.key;
    const tls::ClientContext client = trusting(own);
    std::string went;
    for (int i = 0; i < 4; ++i) {
      if (i == 2) server.reload();
      if (i == 3) {
        put(all.other_roots);
        server.reload();
      }
      TlsEnds ends;
      const Said said = co_await try_to_shake(ends, client, server);
      went += co_await how_it_went(ends, said.server);
    }
    EXPECT_EQ(went, "-rrx");
  });
}

// -- what was not asked for --

TEST(TlsProtocol, ThatWasNotOfferedIsNotSpoken) {
  for (const char* offered : {"h2,http/1.1", ""}) {
    test::run([&]() -> Task<> {
      tls::ClientOptions options = trusting_options();
      options.alpn = offered;
      ByHand peer(a_server());
      const auto choose = [](SSL*, const unsigned char** out, unsigned char* size,
                             const unsigned char*, unsigned, void*) {
        *out = reinterpret_cast<const unsigned char*>("rogue");
        *size = 5;
        return SSL_TLSEXT_ERR_OK;
      };
      SSL_CTX_set_alpn_select_cb(SSL_get_SSL_CTX(peer.raw()), choose, nullptr);
      Ends wire;
      tls::Stream stream;
      auto shaking =
          spawn(shake_as_client(stream, std::move(wire.a), trusting(options), "localhost"));
      static_cast<void>(co_await as_outcome(shake_hands(peer, wire.b)));
      std::string what;
      std::error_code code;
      note(co_await as_outcome(shaking), what, code);
      if (*offered) {
        EXPECT_EQ(code, tls::Errc::handshake) << what;
      } else {
        EXPECT_EQ(what, "");
      }
    });
  }
}

// What is sent before the handshake is over could be sent again by anybody.
TEST(TlsSession, TakesNothingBeforeTheHandshakeIsOver) {
  test::run([]() -> Task<> {
    ByHand::Wish wish = ByHand::client();
    wish.version = TLS1_3_VERSION;
    HalfByHand half(wish);
    co_await connect_by_hand(half);
    co_await half.ours.write_all("x");
    EXPECT_EQ(co_await hear(half.peer, half.wire.b), "x");
    const SSL_SESSION* const session = SSL_get0_session(half.peer.raw());
    EXPECT_EQ(SSL_SESSION_is_resumable(session), 1);
    EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0u);
    co_await half.ours.close();
  });
}

TEST(TlsTrust, IsNotGivenToAKeyThatIsTooShort) {
  const std::string folder = certificates().folder;
  const Identity weak{folder + "weak.pem", folder + "weak.key"};
  const std::string command = "openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=localhost -days "
                              "2 -addext subjectAltName=DNS:localhost -keyout " +
                              weak.key + " -out " + weak.chain + " 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  try {
    showing(weak);
    ADD_FAILURE() << "it is shown";
  } catch (const tls::Error& error) {
    EXPECT_EQ(error.kind(), tls::Errc::credentials);
    EXPECT_TRUE(contains(error.what(), "key too small")) << error.what();
  }
  test::run([&]() -> Task<> {
    tls::ClientOptions options;
    options.ca_file = weak.chain;
    ByHand::Wish wish = ByHand::server(weak);
    wish.weak = true;
    ByHand peer(wish);
    Ends wire;
    tls::Stream stream;
    auto shaking =
        spawn(shake_as_client(stream, std::move(wire.a), trusting(options), "localhost"));
    static_cast<void>(co_await as_outcome(shake_hands(peer, wire.b)));
    std::string what;
    std::error_code code;
    note(co_await as_outcome(shaking), what, code);
    EXPECT_EQ(code, tls::Errc::verification) << what;
    EXPECT_TRUE(contains(what, "key too weak")) << what;
  });
}

TEST(TlsHandshake, ThatAThousandLeaveHalfOpenHoldsLittle) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator";
  test::run([]() -> Task<> {
    ByHand peer(ByHand::client());
    peer.shake();
    const std::string hello = peer.take();
    std::vector<Ends> wires(1000);
    std::vector<tls::Stream> streams(wires.size());
    std::vector<JoinHandle<>> shaking;
    const std::ptrdiff_t before = bytes_held();
    for (std::size_t i = 0; i < wires.size(); ++i) {
      shaking.push_back(
          spawn(shake_as_server(streams[i], std::move(wires[i].a), server_context())));
      co_await wires[i].b.write_all(Bytes(hello.data(), i % 2 ? hello.size() : 100));
    }
    co_await settle(20);
    EXPECT_LT((bytes_held() - before) / 1000, 96 * 1024) << "three of OpenSSL's buffers of 16 KiB";
    for (auto& one : shaking) one.cancel();
    for (auto& one : shaking) co_await wait_until_done(one);
    EXPECT_LT((bytes_held() - before) / 1000, 8 * 1024);
  });
}

// -- verbs --

TEST(TlsStream, KeepsPiecesThatAreTemporary) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    auto writing = ends.client.write_vectored(std::vector<Bytes>{"one ", "two ", "three"});
    std::vector<Bytes> other(3, Bytes("xxxx"));
    co_await std::move(writing);
    char got[13];
    co_await ends.server.read_exactly(got);
    EXPECT_EQ(Bytes(got, 13).text(), "one two three");
    co_await end_both(ends);
  });
}

TEST(TlsStream, SendsAFileAloneAndMayLoseIt) {
  const test::Directory directory;
  const std::string path = directory.path("a file");
  std::ofstream(path) << pattern(4'000'000);
  test::run([&]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    File file = co_await open(path);
    auto sending = spawn([&]() -> Task<> { co_await ends.client.send_file(file); });
    co_await settle();
    EXPECT_FALSE(sending.done()) << "nobody reads";
    EXPECT_THROW(co_await ends.client.write_all("!"), UsageError);
    file = File();
    std::string got(100'000, '\0');
    co_await ends.server.read_exactly(got);
    EXPECT_TRUE(got == pattern(100'000));
    auto reading = spawn([&]() -> Task<> {
      for (std::size_t count = 1; count > 0;) count = co_await ends.server.read_some(got);
    });
    const auto sent = co_await as_result(sending);
    EXPECT_TRUE(!sent && sent.error() == std::errc::operation_canceled);
    reading.cancel();
    co_await wait_until_done(reading);
    co_await end_both(ends);
  });
}

TEST(TlsHandshake, IsOverWithoutRoomForTickets) {
  test::run([]() -> Task<> {
    auto [there, back] = duplex(16);
    TlsEnds ends;
    auto serving = spawn(shake_as_server(ends.server, std::move(back), server_context()));
    co_await shake_as_client(ends.client, std::move(there), trusting(), "localhost");
    auto writing = spawn([&]() -> Task<> { co_await ends.client.write_all("a question\n"); });
    co_await settle(50);
    EXPECT_TRUE(serving.done());
    serving.cancel();
    writing.cancel();
    co_await wait_until_done(serving);
    co_await wait_until_done(writing);
  });
}

// -- others who use OpenSSL on this thread --

void leave_an_error() { ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH); }

TEST(TlsErrors, OfOthersAreNotOurs) {
  test::run([]() -> Task<> {
    Ends wire;
    TlsEnds ends;
    leave_an_error();
    auto serving = spawn(shake_as_server(ends.server, std::move(wire.b), server_context()));
    leave_an_error();
    co_await shake_as_client(ends.client, std::move(wire.a), trusting(), "localhost");
    co_await serving;
    EXPECT_EQ(ERR_peek_error(), 0u);
    for (int i = 0; i < 3; ++i) {
      leave_an_error();
      co_await ends.client.write_all("ping");
      leave_an_error();
      char buffer[4];
      co_await ends.server.read_exactly(buffer);
      leave_an_error();
      ends.server.update_keys();
    }
    leave_an_error();
    EXPECT_TRUE(ends.client.peer_certificate());
    leave_an_error();
    co_await ends.client.close();
    leave_an_error();
    EXPECT_EQ(co_await read_some(ends.server), 0u);
    co_await ends.server.close();
    EXPECT_EQ(ERR_peek_error(), 0u);
    leave_an_error();
    EXPECT_NO_THROW(trusting());
    leave_an_error();
    EXPECT_NO_THROW(showing(certificates().by_intermediate));
    EXPECT_EQ(ERR_peek_error(), 0u);
  });
}

TEST(TlsErrors, AreNotLeftToOthers) {
  const auto& all = certificates();
  ERR_clear_error();
  for (const Identity* shown : {&all.expired, &all.self_signed, &all.another_host, &all.localhost,
                                &all.without_its_link, &all.not_for_servers}) {
    for (const std::string& host : {std::string("localhost"), std::string("[::1]"),
                                    std::string(300, 'x'), std::string(".x"), std::string()}) {
      said_of(*shown, host);
      EXPECT_EQ(ERR_peek_error(), 0u) << shown->chain << host;
    }
  }
  said_of(all.localhost, "localhost", {});
  EXPECT_EQ(ERR_peek_error(), 0u);
  test::run([&]() -> Task<> {
    Ends alone;
    tls::Stream none;
    const Thrown thrown = co_await thrown_by(
        shake_as_client(none, std::move(alone.a), trusting(), std::string(300, 'x')));
    EXPECT_TRUE(contains(thrown.what, "no name of a host")) << thrown.what;
    EXPECT_EQ(ERR_peek_error(), 0u);
    for (const std::string& sent : {std::string("GET / HTTP/1.0\r\n\r\n"),
                                    std::string(90, '\xff')}) {
      Ends wire;
      co_await wire.b.write_all(sent);
      wire.b.shutdown_write();
      tls::Stream stream;
      co_await thrown_by(shake_as_server(stream, std::move(wire.a), server_context()));
      EXPECT_EQ(ERR_peek_error(), 0u);
    }
  });
}

// -- keys --

TEST(TlsCredentials, MayBeBehindAPassword) {
  const auto& all = certificates();
  const std::string locked = all.folder + "locked.key";
  const std::string command = "openssl pkey -in " + all.localhost.key + " -aes256 -passout pass:" +
                              "sesame -out " + locked + " 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  const Identity files{all.localhost.chain, locked};
  const auto why = [&](const char* password) -> std::string {
    try {
      tls::ServerOptions options;
      options.key_password = password;
      const tls::ServerContext context = showing(files, options);
      context.reload();
      context.reload(text_of(files.chain), text_of(files.key));
    } catch (const tls::Error& error) {
      EXPECT_EQ(error.kind(), tls::Errc::credentials);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(why("sesame"), "");
  EXPECT_TRUE(contains(why(""), "password")) << why("");
  EXPECT_TRUE(contains(why(""), "locked.key")) << why("");
  EXPECT_TRUE(contains(why("barley"), "password")) << why("barley");
  EXPECT_TRUE(contains(why(std::string(5000, 'x').c_str()), "password"));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(TlsCredentials, OfTwoWhoAreNotThePairAreToldApart) {
  const auto& all = certificates();
  const std::string other_kind = all.folder + "rsa.key";
  const std::string command =
      "openssl genpkey -algorithm RSA -out " + other_kind + " 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  for (const std::string& key : {all.expired.key, other_kind}) {
    std::string why;
    try {
      showing({all.localhost.chain, key});
    } catch (const tls::Error& error) {
      why = error.what();
    }
    EXPECT_TRUE(contains(why, "not that of the certificate")) << why;
    EXPECT_TRUE(contains(why, key)) << why;
  }
  EXPECT_EQ(ERR_peek_error(), 0u);
}

// -- what is said --

TEST(TlsPeer, ThatDoesNotSpeakTlsIsSaidToBeThat) {
  test::run([]() -> Task<> {
    for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "220 smtp.example.org\r\n"}) {
      Ends wire;
      co_await wire.b.write_all(Bytes(std::string_view(answer)));
      wire.b.shutdown_write();
      tls::Stream stream;
      const Thrown thrown = co_await thrown_by(
          shake_as_client(stream, std::move(wire.a), trusting(), "localhost"));
      EXPECT_EQ(thrown.code, tls::Errc::handshake);
      EXPECT_TRUE(contains(thrown.what, "does not speak TLS")) << thrown.what;
    }
  });
}

}  // namespace
