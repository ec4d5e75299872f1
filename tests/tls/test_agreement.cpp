// What the two ends agree on: versions, protocols, who the client is, and earlier sessions.
#include "by_hand.hpp"
#include "tls_ends.hpp"

#include <openssl/ssl.h>

#include <filesystem>
#include <thread>

namespace {

using namespace eddy;
using namespace test;

tls::ClientContext client_that_offers(const char* names) {
  tls::ClientOptions options = trusting_options();
  options.alpn = names;
  return trusting(options);
}
tls::ServerContext server_that_speaks(const char* names) {
  tls::ServerOptions options;
  options.alpn = names;
  return showing(certificates().localhost, options);
}

// Which protocol they come to.
std::string agreed(const char* offered, const char* spoken) {
  return test::run([&]() -> Task<std::string> {
    TlsEnds ends;
    co_await shake(ends, client_that_offers(offered), server_that_speaks(spoken));
    EXPECT_EQ(ends.client.alpn(), ends.server.alpn());
    std::string name(ends.client.alpn());
    co_await end_both(ends);
    co_return name;
  });
}

TEST(TlsProtocol, IsTheFirstOfTheServersThatTheClientOffers) {
  EXPECT_EQ(agreed("http/1.1,h2", "h2,http/1.1"), "h2");
  EXPECT_EQ(agreed("http/1.1", "h2,http/1.1"), "http/1.1");
  EXPECT_EQ(agreed("x,y,z", "z"), "z");
}

TEST(TlsProtocol, IsNoneWhereOneSideNamesNone) {
  EXPECT_EQ(agreed("", "h2"), "");
  EXPECT_EQ(agreed("h2", ""), "");
}

TEST(TlsProtocol, IsRefusedWhereNoneIsCommon) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    const Said said =
        co_await try_to_shake(ends, client_that_offers("h2"), server_that_speaks("http/1.1"));
    EXPECT_EQ(said.client_code, tls::Errc::refused) << said.client;
    EXPECT_TRUE(contains(said.client, "application protocol")) << said.client;
    EXPECT_EQ(said.server_code, tls::Errc::handshake) << said.server;
  });
}

TEST(TlsVersion, IsTheNewestThatBothSpeak) {
  test::run([]() -> Task<> {
    tls::ClientOptions old = trusting_options();
    old.max_version = tls::Version::tls12;
    TlsEnds ends;
    co_await shake(ends, trusting(old), showing(certificates().localhost));
    EXPECT_EQ(ends.client.version(), tls::Version::tls12);
    EXPECT_EQ(ends.server.version(), tls::Version::tls12);
    co_await expect_to_talk(ends);
    co_await end_both(ends);
  });
}

TEST(TlsVersion, IsRefusedWhereNoneIsCommon) {
  test::run([]() -> Task<> {
    tls::ClientOptions old = trusting_options();
    old.max_version = tls::Version::tls12;
    tls::ServerOptions modern;
    modern.min_version = tls::Version::tls13;
    TlsEnds ends;
    const Said said =
        co_await try_to_shake(ends, trusting(old), showing(certificates().localhost, modern));
    EXPECT_EQ(said.client_code, tls::Errc::refused) << said.client;
    EXPECT_TRUE(contains(said.client, "version")) << said.client;
    EXPECT_EQ(said.server_code, tls::Errc::handshake) << said.server;
    EXPECT_TRUE(contains(said.server, "version") || contains(said.server, "protocol"))
        << said.server;
  });
}

// -- who the client is --

tls::ServerContext server_that_asks(tls::ClientCertificate how) {
  tls::ServerOptions options;
  options.client_certificate = how;
  options.client_ca_file = certificates().roots;
  return showing(certificates().localhost, options);
}
tls::ClientContext client_that_shows(const Identity& who,
                                     tls::Version most = tls::Version::tls13) {
  tls::ClientOptions options = trusting_options();
  options.certificate_file = who.chain;
  options.key_file = who.key;
  options.max_version = most;
  return trusting(options);
}

TEST(TlsClientCertificate, IsShownAndBelieved) {
  for (const tls::Version most : {tls::Version::tls12, tls::Version::tls13}) {
    test::run([&]() -> Task<> {
      TlsEnds ends;
      co_await shake(ends, client_that_shows(certificates().for_clients, most),
                     server_that_asks(tls::ClientCertificate::required));
      const auto shown = ends.server.peer_certificate();
      EXPECT_TRUE(shown && shown->common_name == "a client");
      co_await expect_to_talk(ends);
      co_await end_both(ends);
    });
  }
}

// With TLS 1.3 the client is through before the server has looked: it hears of it when it reads.
Task<std::string> what_the_client_hears(TlsEnds& ends, const Said& said) {
  if (!said.client.empty()) co_return said.client;
  char buffer[4];
  std::string what;
  std::error_code code;
  const auto heard = co_await as_outcome(ends.client.read_some(buffer));
  note(heard, what, code);
  EXPECT_EQ(code, tls::Errc::refused) << what;
  co_return what;
}

TEST(TlsClientCertificate, IsDemanded) {
  for (const tls::Version most : {tls::Version::tls12, tls::Version::tls13}) {
    test::run([&]() -> Task<> {
      tls::ClientOptions options = trusting_options();
      options.max_version = most;
      TlsEnds ends;
      const Said said = co_await try_to_shake(ends, trusting(options),
                                              server_that_asks(tls::ClientCertificate::required));
      EXPECT_EQ(said.server_code, tls::Errc::verification) << said.server;
      EXPECT_TRUE(contains(said.server, "certificate")) << said.server;
      const std::string heard = co_await what_the_client_hears(ends, said);
      EXPECT_NE(heard, "");
    });
  }
}

TEST(TlsClientCertificate, IsRefusedWhenItIsBad) {
  for (const auto how : {tls::ClientCertificate::optional, tls::ClientCertificate::required}) {
    for (const Identity* who : {&certificates().client_of_another, &certificates().localhost,
                                &certificates().expired}) {
      test::run([&]() -> Task<> {
        TlsEnds ends;
        const Said said =
            co_await try_to_shake(ends, client_that_shows(*who), server_that_asks(how));
        EXPECT_EQ(said.server_code, tls::Errc::verification) << said.server << who->chain;
        const std::string heard = co_await what_the_client_hears(ends, said);
        EXPECT_NE(heard, "");
      });
    }
  }
}

TEST(TlsClientCertificate, MayBeLeftOutWhereItIsOptional) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends, trusting(), server_that_asks(tls::ClientCertificate::optional));
    EXPECT_FALSE(ends.server.peer_certificate());
    co_await expect_to_talk(ends);
    co_await end_both(ends);
  });
}

// -- earlier sessions --

// Whether each of several connections was resumed, as both ends say.
Task<std::string> resumptions(tls::ClientContext client, tls::ServerContext server, int count,
                              const char* host = "localhost") {
  std::string seen;
  for (int i = 0; i < count; ++i) {
    TlsEnds ends;
    co_await shake(ends, client, server, host);
    seen += co_await how_it_went(ends);
  }
  co_return seen;
}

TEST(TlsSession, IsResumed) {
  for (const tls::Version most : {tls::Version::tls12, tls::Version::tls13}) {
    test::run([&]() -> Task<> {
      tls::ClientOptions options = trusting_options();
      options.max_version = most;
      const tls::ClientContext client = trusting(options);
      const tls::ServerContext server = showing(certificates().localhost);
      EXPECT_EQ(co_await resumptions(client, server, 4), "-rrr");
      EXPECT_EQ(client.sessions() > 0, true);
      EXPECT_EQ(server.stats().accepted, 4u);
      EXPECT_EQ(server.stats().resumed, 3u);
      EXPECT_EQ(co_await resumptions(client, server, 2, "127.0.0.1"), "-r") << "another host";
    });
  }
}

TEST(TlsSession, IsNotResumedWhereOneSideRemembersNothing) {
  test::run([]() -> Task<> {
    tls::ClientOptions options = trusting_options();
    options.sessions = 0;
    const tls::ServerContext server = showing(certificates().localhost);
    EXPECT_EQ(co_await resumptions(trusting(options), server, 2), "--");
    tls::ServerOptions without;
    without.tickets = false;
    const tls::ServerContext forgetful = showing(certificates().localhost, without);
    EXPECT_EQ(co_await resumptions(trusting(), forgetful, 2), "--");
    EXPECT_EQ(co_await resumptions(trusting(), server, 1), "-") << "each client for itself";
  });
}

TEST(TlsSession, IsForgottenWhenThereAreTooMany) {
  test::run([]() -> Task<> {
    tls::ClientOptions options = trusting_options();
    options.sessions = 1;
    const tls::ClientContext client = trusting(options);
    const tls::ServerContext server = showing(certificates().localhost);
    EXPECT_EQ(co_await resumptions(client, server, 2), "-r");
    EXPECT_EQ(co_await resumptions(client, server, 1, "127.0.0.1"), "-");
    EXPECT_EQ(co_await resumptions(client, server, 1), "-");
    EXPECT_GT(client.sessions(), 0u);
  });
}

// A session is no way around a root that is not believed: each context has its own.
TEST(TlsSession, OfAClientCertificateIsKnownAgain) {
  test::run([]() -> Task<> {
    const tls::ClientContext client = client_that_shows(certificates().for_clients);
    const tls::ServerContext server = server_that_asks(tls::ClientCertificate::required);
    EXPECT_EQ(co_await resumptions(client, server, 2), "-r");
    TlsEnds ends;
    co_await shake(ends, client, server);
    const auto shown = ends.server.peer_certificate();
    EXPECT_TRUE(shown && shown->common_name == "a client") << "also when it is resumed";
    co_await end_both(ends);
  });
}

// The server forgets its keys, and the client's ticket is worth nothing.
TEST(TlsSession, OfAServerThatWasStartedAnewIsNotResumed) {
  test::run([]() -> Task<> {
    const tls::ClientContext client = trusting();
    EXPECT_EQ(co_await resumptions(client, showing(certificates().localhost), 2), "-r");
    EXPECT_EQ(co_await resumptions(client, showing(certificates().localhost), 2), "-r");
  });
}

// -- reload --

std::string serial_shown(const tls::ServerContext& server) {
  return test::run([&]() -> Task<std::string> {
    TlsEnds ends;
    co_await shake(ends, trusting(), server);
    const auto shown = ends.client.peer_certificate();
    co_await end_both(ends);
    std::string serial = shown ? shown->serial : "none";
    co_return serial;
  });
}

// The files of `who`, as the ones that a server was made of.
void put(const Identity& who, const Identity& where) {
  using std::filesystem::copy_options;
  std::filesystem::copy_file(who.chain, where.chain, copy_options::overwrite_existing);
  std::filesystem::copy_file(who.key, where.key, copy_options::overwrite_existing);
}

TEST(TlsReload, ShowsWhatStandsInTheFilesNow) {
  const auto& all = certificates();
  const Identity files{all.folder + "current.pem", all.folder + "current.key"};
  put(all.localhost, files);
  const tls::ServerContext server = showing(files);
  EXPECT_EQ(serial_shown(server), serial_of(all.localhost.chain));
  put(all.renewed, files);
  EXPECT_EQ(serial_shown(server), serial_of(all.localhost.chain)) << "not yet";
  server.reload();
  EXPECT_EQ(serial_shown(server), serial_of(all.renewed.chain));
  // What cannot be used changes nothing.
  std::filesystem::copy_file(all.localhost.key, files.key,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THROW(server.reload(), tls::Error) << "the key of another";
  EXPECT_EQ(serial_shown(server), serial_of(all.renewed.chain));
  std::filesystem::remove(files.chain);
  EXPECT_THROW(server.reload(), tls::Error);
  EXPECT_EQ(serial_shown(server), serial_of(all.renewed.chain));
  server.reload(text_of(all.localhost.chain), text_of(all.localhost.key));
  EXPECT_EQ(serial_shown(server), serial_of(all.localhost.chain));
}

TEST(TlsReload, LeavesConnectionsAndSessionsAsTheyAre) {
  test::run([]() -> Task<> {
    const auto& all = certificates();
    const tls::ServerContext server = showing(all.localhost);
    const tls::ClientContext client = trusting();
    EXPECT_EQ(co_await resumptions(client, server, 1), "-");
    TlsEnds ends;
    co_await shake(ends, trusting(), server);
    const std::string chain = text_of(all.renewed.chain), key = text_of(all.renewed.key);
    server.reload(chain, key);
    co_await expect_to_talk(ends);
    co_await end_both(ends);
    EXPECT_EQ(co_await resumptions(client, server, 1), "r") << "tickets hold";
    EXPECT_EQ(server.stats().accepted, 3u);
  });
}

// While another thread serves.
TEST(TlsReload, MayComeFromAnyThread) {
  const tls::ServerContext server = showing(certificates().localhost);
  std::atomic<bool> over = false;
  std::thread reloading([&] {
    while (!over) server.reload();
  });
  for (int i = 0; i < 20; ++i) serial_shown(server);
  over = true;
  reloading.join();
  EXPECT_EQ(server.stats().accepted, 20u);
}

}  // namespace
