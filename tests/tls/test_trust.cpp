// Whom a client believes, and what is said when it does not.
#include "by_hand.hpp"
#include "tls_ends.hpp"

#include <cstdlib>
#include <fstream>

namespace {

using namespace eddy;
using namespace test;

// Refused by the client, for this reason; the server hears of it.
void expect_refused(const Said& said, std::string_view reason) {
  EXPECT_EQ(said.client_code, tls::Errc::verification) << said.client;
  EXPECT_TRUE(contains(said.client, reason)) << said.client;
}

TEST(TlsTrust, OfARootThatWasNamed) {
  const Said said = said_of(certificates().localhost);
  EXPECT_TRUE(said.both_well()) << said.client << said.server;
}

TEST(TlsTrust, OfARootThatWasGivenAsText) {
  const std::string pem = text_of(certificates().roots);
  tls::ClientOptions options;
  options.ca_pem = pem;
  const Said said = said_of(certificates().localhost, "localhost", options);
  EXPECT_TRUE(said.both_well()) << said.client << said.server;
}

TEST(TlsTrust, IsNotGivenWhenTheNameIsAnother) {
  const Said said = said_of(certificates().another_host);
  expect_refused(said, "ostname mismatch");
  EXPECT_TRUE(contains(said.client, "localhost")) << "says which was wanted: " << said.client;
  EXPECT_NE(said.server, "") << "the server hears of it";
}

TEST(TlsTrust, IsNotGivenToWhatHasExpired) {
  const Said said = said_of(certificates().expired);
  expect_refused(said, "expired");
  EXPECT_EQ(said.server_code, tls::Errc::refused) << said.server;
  EXPECT_TRUE(contains(said.server, "expired")) << said.server;
}

TEST(TlsTrust, IsNotGivenToWhatIsNotYetValid) {
  expect_refused(said_of(certificates().not_yet), "not yet valid");
}

TEST(TlsTrust, IsNotGivenToWhatHasSignedItself) {
  expect_refused(said_of(certificates().self_signed), "self-signed");
}

TEST(TlsTrust, IsNotGivenToARootThatNobodyNamed) {
  tls::ClientOptions options;
  options.ca_file = certificates().other_roots;
  const Said said = said_of(certificates().localhost, "localhost", options);
  EXPECT_EQ(said.client_code, tls::Errc::verification) << said.client;
  EXPECT_FALSE(said.both_well());
}

TEST(TlsTrust, IsInTheRootsOfTheSystemWhereNoneIsNamed) {
  expect_refused(said_of(certificates().localhost, "localhost", {}), "certificate");
  ::setenv("SSL_CERT_FILE", certificates().roots.c_str(), 1);
  const Said said = said_of(certificates().localhost, "localhost", {});
  ::unsetenv("SSL_CERT_FILE");
  EXPECT_TRUE(said.both_well()) << said.client;
}

TEST(TlsTrust, GoesThroughAnIntermediate) {
  const Said said = said_of(certificates().by_intermediate);
  EXPECT_TRUE(said.both_well()) << said.client;
}

TEST(TlsTrust, DoesNotGoThroughAnIntermediateThatIsNotShown) {
  expect_refused(said_of(certificates().without_its_link), "local issuer certificate");
}

TEST(TlsTrust, IsNotGivenToACertificateForOtherPurposes) {
  expect_refused(said_of(certificates().not_for_servers), "purpose");
}

TEST(TlsTrust, IsForAddressesThatTheCertificateNames) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    const Said said = said_of(certificates().localhost, address);
    EXPECT_TRUE(said.both_well()) << said.client;
  }
  expect_refused(said_of(certificates().localhost, "127.0.0.2"), "address mismatch");
  expect_refused(said_of(certificates().localhost, "::2"), "address mismatch");
  expect_refused(said_of(certificates().wildcard, "127.0.0.1"), "address mismatch");
}

TEST(TlsTrust, OfAWildcardIsForOneWholeLabel) {
  const auto said = [](const char* host) { return said_of(certificates().wildcard, host); };
  EXPECT_TRUE(said("www.example.org").both_well());
  EXPECT_TRUE(said("WWW.Example.ORG").both_well());
  for (const char* host : {"example.org", "a.b.example.org", "www.example.net", "foo.example.net",
                           "www.example.org.evil.test", "localhost"}) {
    expect_refused(said(host), "ostname mismatch");
  }
}

TEST(TlsTrust, CannotBeForgottenForWantOfAHost) {
  EXPECT_NE(said_of(certificates().localhost, "").client, "");
  const std::string with_zero("localhost\0.example.org", 22);
  EXPECT_NE(said_of(certificates().localhost, with_zero).client, "") << "cut, it is another name";
}

TEST(TlsTrust, MayBeGivenToAnybodyByAnOptionThatSaysSo) {
  tls::ClientOptions options;
  options.dangerously_accept_any_certificate = true;
  for (const Identity* shown : {&certificates().self_signed, &certificates().expired,
                                &certificates().another_host}) {
    const Said said = said_of(*shown, "localhost", options);
    EXPECT_TRUE(said.both_well()) << said.client;
  }
}

// The name goes along in the clear, and an address does not (RFC 6066).
TEST(TlsTrust, TellsTheServerWhichNameIsMeant) {
  const auto asked = [](const char* host) {
    return test::run([&]() -> Task<std::string> {
      Ends wire;
      ByHand server(ByHand::server(certificates().localhost));
      tls::Stream client;
      auto connecting = spawn(shake_as_client(client, std::move(wire.a), trusting(), host));
      co_await shake_hands(server, wire.b);
      co_await connecting;
      std::string asked_for = server.asked_for();
      co_return asked_for;
    });
  };
  EXPECT_EQ(asked("localhost"), "localhost");
  EXPECT_EQ(asked("127.0.0.1"), "");
  EXPECT_EQ(asked("::1"), "");
}

TEST(TlsTrust, IsToldByBothEnds) {
  test::run([]() -> Task<> {
    TlsEnds ends;
    co_await shake(ends);
    EXPECT_EQ(ends.server.server_name(), "localhost");
    EXPECT_EQ(ends.client.server_name(), "localhost");
    EXPECT_EQ(ends.client.version(), tls::Version::tls13);
    EXPECT_EQ(ends.server.version(), tls::Version::tls13);
    EXPECT_EQ(ends.client.cipher(), ends.server.cipher());
    EXPECT_TRUE(contains(ends.client.cipher(), "TLS_")) << ends.client.cipher();
    EXPECT_FALSE(ends.server.peer_certificate());
    const auto shown = ends.client.peer_certificate();
    if (!shown) co_await fail(Failure::from(std::make_exception_ptr(UsageError("none"))));
    EXPECT_EQ(shown->subject, "CN=localhost");
    EXPECT_EQ(shown->common_name, "localhost");
    EXPECT_TRUE(contains(shown->issuer, "root")) << shown->issuer;
    EXPECT_EQ(shown->names, (std::vector<std::string>{"localhost", "127.0.0.1", "::1"}));
    EXPECT_EQ(shown->serial, serial_of(certificates().localhost.chain));
    EXPECT_EQ(shown->sha256.size(), 64u);
    EXPECT_LT(shown->not_before, std::chrono::system_clock::now());
    EXPECT_GT(shown->not_after, std::chrono::system_clock::now() + std::chrono::days(20));
    EXPECT_EQ(shown->pem, text_of(certificates().localhost.chain));
    co_await end_both(ends);
  });
}

TEST(TlsTrust, NeedsFilesThatAreThereAndMakeSense) {
  const auto& all = certificates();
  const auto why = [](auto make) -> std::string {
    try {
      make();
    } catch (const tls::Error& error) {
      EXPECT_EQ(error.kind(), tls::Errc::credentials) << error.what();
      return error.what();
    }
    return "";
  };
  const std::string missing = all.folder + "missing.pem";
  const std::string nonsense = all.folder + "nonsense.pem";
  std::ofstream(nonsense) << "-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n";
  const auto trusting_file = [](const std::string& file) {
    tls::ClientOptions options;
    options.ca_file = file;
    tls::ClientContext context(options);
  };
  EXPECT_TRUE(contains(why([&] { trusting_file(missing); }), "missing.pem"));
  EXPECT_TRUE(contains(why([&] { trusting_file(nonsense); }), "nonsense.pem"));
  EXPECT_NE(why([&] { showing({missing, all.localhost.key}); }), "");
  EXPECT_NE(why([&] { showing({all.localhost.chain, missing}); }), "");
  EXPECT_NE(why([&] { showing({all.localhost.chain, all.expired.key}); }), "") << "not its key";
  EXPECT_NE(why([&] { showing({all.localhost.key, all.localhost.chain}); }), "");
  EXPECT_THROW(tls::ServerContext(tls::ServerOptions{}), std::exception);
}

TEST(TlsTrust, RefusesOptionsThatContradictEachOther) {
  tls::ClientOptions options = trusting_options();
  options.min_version = tls::Version::tls13;
  options.max_version = tls::Version::tls12;
  EXPECT_THROW(trusting(options), UsageError);
  tls::ServerOptions server;
  server.client_certificate = tls::ClientCertificate::required;
  EXPECT_THROW(showing(certificates().localhost, server), UsageError) << "signed by whom?";
  tls::ClientOptions half = trusting_options();
  half.certificate_file = certificates().for_clients.chain;
  EXPECT_THROW(trusting(half), UsageError) << "and no key";
  for (const char* names : {",", "h2,", ",h2", "h2,,http/1.1"}) {
    tls::ClientOptions odd = trusting_options();
    odd.alpn = names;
    EXPECT_THROW(trusting(odd), UsageError) << names;
  }
  const std::string long_name(256, 'x');
  tls::ClientOptions longer = trusting_options();
  longer.alpn = long_name;
  EXPECT_THROW(trusting(longer), UsageError);
}

}  // namespace
