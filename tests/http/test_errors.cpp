// What goes wrong, and what it is called: time that is over, servers that break off or lie,
// certificates that prove nothing.
#include <eddy/http.hpp>

#include "http/odd_server.hpp"
#include "http/run.hpp"

using namespace eddy;
using test::nginx;
using test::page;

namespace {

using Clock = std::chrono::steady_clock;

// What a request fails with: none, when it did not.
Task<std::optional<http::TransferError>> broken(http::Client& client, std::string url,
                                                http::RequestOptions options = {}) {
  return test::failure_of<http::TransferError>(page(client, url, options));
}
Task<std::optional<http::TimeoutError>> late(http::Client& client, std::string url,
                                             http::RequestOptions options = {}) {
  return test::failure_of<http::TimeoutError>(page(client, url, options));
}
bool may_pass(const Failure& failure) {
  try {
    failure.raise();
  } catch (const http::Error& error) {
    return error.may_pass();
  } catch (...) {
    return false;
  }
}
std::string text_of(const auto& error) { return error ? error->what() : "nothing"; }

TEST(HttpTimeout, IsTheWholeRequests) {  // F125
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/stall", &test::stall_at_byte_one);
    http::Client client({.timeouts = {.total = 10s}});
    const auto begin = Clock::now();
    const auto error = co_await late(client, server.url + "/stall", {.timeouts = {.total = 60ms}});
    EXPECT_GE(Clock::now() - begin, 60ms);
    EXPECT_LT(Clock::now() - begin, 5s);
    EXPECT_TRUE(error && error->limit() == http::TimeLimit::total);
    EXPECT_TRUE(error && error->phase() == http::Phase::body);
    EXPECT_TRUE(error && error->kind() == http::Kind::timeout);
    EXPECT_TRUE(error && error->may_pass());
    EXPECT_EQ(text_of(error), "GET '" + server.url +
                                  "/stall': timed out after 60ms (total), while the body came in");
    co_await server.until_open(0);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpTimeout, OfTenSecondsIsOverAfterTenSeconds) {  // F125
  // On virtual time, in which nobody waits for them.
  test::run([]() -> Task<> {
    test::OddServer server;
    server.on("/stall", &test::stall_at_byte_one);
    http::Client client({.timeouts = {.total = 10s}});
    const Instant begin = Loop::current().now();
    http::Response response = co_await client.get(server.url + "/stall");
    const auto error = co_await test::failure_of<http::TimeoutError>(response.text());
    const Duration took = Loop::current().now() - begin;
    EXPECT_TRUE(error && error->limit() == http::TimeLimit::total);
    EXPECT_TRUE(took >= 10s && took < 11s) << took.count();
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpTimeout, SaysWhichLimitAndWhatWasGoingOn) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/stall", &test::stall_at_byte_one);
    server.on("/never", &test::never_answer);
    server.on("/half", &test::stall_in_the_head);
    http::Client client({.max_connections = 2});
    const auto idle = co_await late(client, server.url + "/stall", {.timeouts = {.idle = 30ms}});
    EXPECT_TRUE(idle && idle->limit() == http::TimeLimit::idle) << text_of(idle);
    EXPECT_TRUE(idle && idle->phase() == http::Phase::body);
    static constexpr std::array silent{"/never", "/half"};
    for (const char* path : silent) {
      const auto head = co_await late(client, server.url + path, {.timeouts = {.head = 30ms}});
      EXPECT_TRUE(head && head->limit() == http::TimeLimit::head) << path << ": " << text_of(head);
      EXPECT_TRUE(head && head->phase() == http::Phase::head) << path;
    }
    // Whoever holds all places is asked to wait for.
    http::Response first = co_await client.get(server.url + "/stall");
    http::Response second = co_await client.get(server.url + "/stall");
    const auto place = co_await late(client, server.url + "/x", {.timeouts = {.place = 30ms}});
    EXPECT_TRUE(place && place->limit() == http::TimeLimit::place) << text_of(place);
    EXPECT_TRUE(place && place->phase() == http::Phase::place);
    EXPECT_EQ(client.stats().waiting, 0u);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpTimeout, OfConnectingCountsTheHandshake) {
  test::run_http([]() -> Task<> {
    // It accepts in the kernel, and never says a word: nobody takes it.
    Listener silent = listen(Address::loopback(0));
    const std::string host = "localhost:" + std::to_string(silent.local().port());
    http::Client client;
    const auto tls = co_await late(client, "https://" + host, {.timeouts = {.connect = 30ms}});
    EXPECT_TRUE(tls && tls->limit() == http::TimeLimit::connect) << text_of(tls);
    // libcurl 7.88 does not tell the handshake from what is before it.
    EXPECT_TRUE(tls && (tls->phase() == http::Phase::tls || tls->phase() == http::Phase::connect))
        << text_of(tls);
    // Nobody answers there (RFC 5737), or the network says at once that it leads nowhere.
    const auto error = co_await test::failure_of<std::runtime_error>(
        page(client, "http://192.0.2.1/", {.timeouts = {.connect = 30ms}}));
    EXPECT_TRUE(error);
    const auto both = co_await late(client, "http://" + host, {.timeouts = {.total = 30ms}});
    EXPECT_TRUE(both && both->limit() == http::TimeLimit::total);
  });
}

TEST(HttpTimeout, IsATimeoutErrorLikeAnyOther) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/never", &test::never_answer);
    http::Client client;
    bool by_eddys = false;
    try {
      const std::string text =
          co_await page(client, server.url + "/never", {.timeouts = {.total = 20ms}});
    } catch (const eddy::TimeoutError&) {
      by_eddys = true;
    }
    EXPECT_TRUE(by_eddys);
    // And the other one around it ends the request as well.
    by_eddys = false;
    try {
      const std::string text = co_await timeout(20ms, page(client, server.url + "/never"));
    } catch (const eddy::TimeoutError&) {
      by_eddys = true;
    }
    EXPECT_TRUE(by_eddys);
    co_await server.until_open(0);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpError, IsCaughtByOneBaseAndTriedAgainByItsKind) {  // F126
  test::run_http([]() -> Task<> {
    test::OddServer server;
    int asked = 0;
    server.on("/thrice", [&asked](test::Exchange& it) -> Task<> {
      if (++asked < 3) {
        co_await it.answer("", "500 Internal Server Error");
      } else {
        co_await it.answer("well");
      }
    });
    http::Client client;
    const std::string closed = "http://127.0.0.1:" + std::to_string(test::closed_port());
    int tries = 0;
    const RetryPolicy policy =
        RetryPolicy().stop_after_attempt(5).wait(wait_fixed(1ms)).retry_if(&may_pass);
    const auto twice_refused = [&]() -> Task<std::string> {
      std::string url = closed;  // GCC 12 ends a temporary of a conditional twice
      if (++tries > 1) url = server.url + "/thrice";
      http::Response response = co_await client.get(url);
      response.raise_for_status();
      std::string text = co_await response.text();
      co_return text;
    };
    const std::string text = co_await retry(twice_refused, policy);
    EXPECT_EQ(text, "well");
    EXPECT_EQ(tries, 4) << "a refused connection, 500, 500, and 200";
    const auto refused = co_await broken(client, closed);
    EXPECT_TRUE(refused && refused->kind() == http::Kind::connect);
    EXPECT_TRUE(refused && refused->code() == std::errc::connection_refused) << text_of(refused);
    const std::string port = closed.substr(closed.rfind(':') + 1);
    EXPECT_EQ(text_of(refused), "GET '" + closed + "/': Failed to connect to 127.0.0.1 port " +
                                    port + ": Connection refused");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpError, SaysWhatTheServerDid) {  // F126
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/close", &test::close_at_once);
    server.on("/middle", &test::close_in_the_middle);
    server.on("/reset", &test::reset_in_the_middle);
    server.on("/garbage", &test::speak_garbage);
    server.on("/chunks", &test::send_broken_chunks);
    http::Client client;
    struct Case {
      const char* path;
      http::Kind kind;
    };
    const auto look = [&](Case wanted) -> Task<> {
      const auto error = co_await broken(client, server.url + wanted.path);
      EXPECT_TRUE(error && error->kind() == wanted.kind)
          << wanted.path << ": " << text_of(error) << " is of kind "
          << (error ? http::to_text(error->kind()) : "none");
    };
    co_await look({"/close", http::Kind::receive});
    co_await look({"/middle", http::Kind::receive});
    co_await look({"/reset", http::Kind::receive});
    co_await look({"/garbage", http::Kind::protocol});
    co_await look({"/chunks", http::Kind::protocol});
    co_await server.until_open(0);
    const std::string after = co_await page(client, server.url + "/fine");
    EXPECT_EQ(after, "GET /fine\n");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpError, LeavesWhatCameBeforeIt) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/middle", &test::close_in_the_middle);
    http::Client client;
    http::Response response = co_await client.get(server.url + "/middle");
    std::string piece(500, ' ');
    co_await response.read_exactly(MutableBytes(piece.data(), piece.size()));
    EXPECT_EQ(piece, std::string(500, 'h'));
    std::array<char, 8> more{};
    const auto error = co_await test::failure_of<http::TransferError>(response.read_some(more));
    EXPECT_TRUE(error && error->kind() == http::Kind::receive);
    const auto again = co_await test::failure_of<http::TransferError>(response.text());
    EXPECT_TRUE(again) << "it does not end well by being asked again";
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpError, OfAnAddressWithAZoneIsNotThatItLacksOne) {
  test::run_http([]() -> Task<> {
    http::Client client;
    for (const std::string zone : {"%25lo", "%lo"}) {
      const auto error = co_await broken(client, "http://[fe80::1" + zone + "]:1/");
      EXPECT_TRUE(error && error->kind() == http::Kind::connect) << text_of(error);
      EXPECT_TRUE(error && error->code() != std::errc::invalid_argument) << text_of(error);
    }
  });
}

TEST(HttpError, OfANameThatDoesNotExist) {
  test::run_http([]() -> Task<> {
    http::Client client;
    const auto error = co_await broken(client, "http://no-such-host.invalid/");
    EXPECT_TRUE(error && error->kind() == http::Kind::resolve) << text_of(error);
    EXPECT_NE(text_of(error).find("no-such-host.invalid"), std::string::npos);
  });
}

TEST(HttpTls, RefusesWhoeverCannotProveWhoHeIs) {
  test::run_http([]() -> Task<> {
    http::Client client(test::trusting());
    const std::string right = co_await page(client, nginx().tls + "/hello");
    EXPECT_EQ(right, "hello\n");
    const auto why = [&](http::Client& by, const std::string& url) -> Task<std::string> {
      const auto error = co_await broken(by, url + "/hello");
      EXPECT_TRUE(error && error->kind() == http::Kind::tls);
      EXPECT_TRUE(error && !error->may_pass());
      co_return text_of(error);
    };
    const std::string expired = co_await why(client, nginx().expired);
    EXPECT_NE(expired.find("expired"), std::string::npos) << expired;
    const std::string host = co_await why(client, nginx().wrong_host);
    EXPECT_NE(host.find("localhost"), std::string::npos) << host;
    EXPECT_NE(host.find("match"), std::string::npos) << host;
    const std::string self = co_await why(client, nginx().self_signed);
    EXPECT_TRUE(self.find("self-signed") != std::string::npos ||
                self.find("self signed") != std::string::npos)
        << self;
    http::Client of_the_system;
    const std::string unknown = co_await why(of_the_system, nginx().tls);
    EXPECT_NE(unknown.find("issuer"), std::string::npos) << unknown;
    http::Client of_another({.ca_file = test::certificates().other_roots});
    const std::string stranger = co_await why(of_another, nginx().tls);
    EXPECT_NE(stranger.find("certificate"), std::string::npos) << stranger;
    http::Client blind({.verify = false});
    const std::array dubious{nginx().expired, nginx().wrong_host, nginx().self_signed};
    for (const std::string& url : dubious) {
      const std::string text = co_await page(blind, url + "/hello");
      EXPECT_EQ(text, "hello\n") << url;
    }
    const auto plain =
        co_await broken(client, "https://127.0.0.1:" + std::to_string(nginx().plain_port()) + "/");
    EXPECT_TRUE(plain && plain->kind() == http::Kind::tls) << text_of(plain);
  });
}

TEST(HttpTls, ShowsTheClientsCertificate) {
  test::run_http([]() -> Task<> {
    http::ClientOptions options = test::trusting();
    http::Client nobody(options);
    http::Response without = co_await nobody.get(nginx().mutual + "/protocol");
    EXPECT_EQ(without.status(), 400);
    options.certificate = test::certificates().for_clients.chain;
    options.key = test::certificates().for_clients.key;
    http::Client client(options);
    const std::string text = co_await page(client, nginx().mutual + "/protocol");
    EXPECT_NE(text.find("CN=a client"), std::string::npos) << text;
    options.key = "/no such key";
    http::Client keyless(options);
    const auto error = co_await broken(keyless, nginx().mutual + "/protocol");
    EXPECT_TRUE(error && error->kind() == http::Kind::tls) << text_of(error);
  });
}

TEST(HttpError, OfAServerThatIsKilledInTheMiddle) {
  static_cast<void>(nginx().lines());
  test::Nginx mortal;
  mortal.write("large", std::string(50'000'000, 'l'));
  test::run_http([&]() -> Task<> {
    http::Client client;
    http::Response plain = co_await client.get(mortal.plain + "/file/large");
    http::Client of_tls(test::trusting());
    http::Response encrypted = co_await of_tls.get(mortal.tls + "/file/large");
    EXPECT_EQ(encrypted.version(), http::Version::http2);
    mortal.kill();
    const auto first = co_await test::failure_of<http::TransferError>(plain.text());
    EXPECT_TRUE(first && first->kind() == http::Kind::receive) << text_of(first);
    EXPECT_TRUE(first && first->may_pass());
    const auto second = co_await test::failure_of<http::TransferError>(encrypted.text());
    EXPECT_TRUE(second && second->kind() == http::Kind::receive) << text_of(second);
    const auto third = co_await broken(client, mortal.plain + "/hello");
    EXPECT_TRUE(third && third->kind() == http::Kind::connect) << text_of(third);
  });
}

TEST(HttpError, OfAServerThatDoesNotMove) {
  test::Nginx frozen;
  test::run_http([&]() -> Task<> {
    http::Client client;
    const std::string warm = co_await page(client, frozen.plain + "/hello");
    EXPECT_EQ(warm, "hello\n");
    frozen.freeze();
    const auto error = co_await late(client, frozen.plain + "/hello", {.timeouts = {.head = 50ms}});
    EXPECT_TRUE(error && error->phase() == http::Phase::head) << text_of(error);
    frozen.thaw();
    const std::string after = co_await page(client, frozen.plain + "/hello");
    EXPECT_EQ(after, "hello\n");
  });
}

}  // namespace
