// The connections of a client: how many, in which order, of which kind, by whom.
#include <eddy/http.hpp>

#include "http/odd_server.hpp"
#include "http/run.hpp"

#include <cstdlib>

using namespace eddy;
using test::nginx;
using test::page;

namespace {

// Answers when it is told to.
class Gate {
 public:
  explicit Gate(test::OddServer& server) {
    server.on("/gate", [this](test::Exchange& it) -> Task<> {
      ++waiting;
      co_await open.wait();
      --waiting;
      co_await it.answer("through");
    });
  }
  Event open;
  int waiting = 0;
};

TEST(HttpPool, HasAHundredConnectionsForAnyNumberOfRequests) {  // F121
  test::run_http([]() -> Task<> {
    test::OddServer server;
    Gate gate(server);
    http::Client client;
    std::vector<JoinHandle<std::string>> all;
    for (int i = 0; i < 200; ++i) all.push_back(spawn(page(client, server.url + "/gate")));
    co_await server.until_requests(100);
    co_await test::settle();
    EXPECT_EQ(client.stats().running, 100u);
    EXPECT_EQ(client.stats().waiting, 100u);
    gate.open.set();
    for (auto& each : all) {
      const std::string text = co_await each;
      EXPECT_EQ(text, "through");
    }
    EXPECT_EQ(server.most_open, 100);
    EXPECT_LE(server.connections, 100);
    EXPECT_EQ(client.stats().running, 0u);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpPool, ServesWhoWaitsInOrder) {  // F121
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client({.max_connections = 1});
    std::vector<JoinHandle<std::string>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(spawn(page(client, server.url + "/" + std::to_string(i))));
    }
    co_await yield();
    all[3].cancel();  // one in the middle goes away, and holds nobody up
    for (auto& each : all) co_await test::wait_until_done(each);
    std::string order;
    for (const std::string& head : server.heads) order += head.substr(5, 1);
    EXPECT_EQ(order, "012456789");
    EXPECT_EQ(server.connections, 1);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpPool, HasALimitForEachHostToo) {
  test::run_http([]() -> Task<> {
    test::OddServer one, two;
    Gate first(one), second(two);
    http::Client client({.max_connections = 10, .max_connections_per_host = 2});
    std::vector<JoinHandle<std::string>> all;
    for (int i = 0; i < 6; ++i) all.push_back(spawn(page(client, one.url + "/gate")));
    // Those of another host pass those that wait for this one.
    for (int i = 0; i < 2; ++i) all.push_back(spawn(page(client, two.url + "/gate")));
    co_await one.until_requests(2);
    co_await two.until_requests(2);
    co_await test::settle();
    EXPECT_EQ(first.waiting, 2);
    EXPECT_EQ(second.waiting, 2);
    first.open.set();
    second.open.set();
    for (auto& each : all) {
      const std::string text = co_await each;
      EXPECT_EQ(text, "through");
    }
    EXPECT_EQ(one.most_open, 2);
    co_await client.close();
    co_await one.stop();
    co_await two.stop();
  });
}

TEST(HttpPool, GivesAPlaceBackWhereTheBodyIsNotRead) {
  test::run_http([]() -> Task<> {
    http::Client client({.max_connections = 1});
    for (int i = 0; i < 10; ++i) {
      http::Response dropped = co_await client.get(nginx().plain + "/file/zeros.txt");
      EXPECT_EQ(dropped.status(), 200);
    }
    // Nor does one that is kept, and has come in full, hold anything.
    http::Response kept = co_await client.get(nginx().plain + "/hello");
    const std::string text = co_await page(client, nginx().plain + "/hello");
    EXPECT_EQ(text, "hello\n");
    const std::string later = co_await kept.text();
    EXPECT_EQ(later, "hello\n");
  });
}

TEST(HttpPool, ReplacesAConnectionThatTheServerHasClosed) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/last", [](test::Exchange& it) -> Task<> {
      co_await it.answer("last");  // and does not say that it will close
      it.ends = true;
    });
    http::Client client;
    for (int i = 0; i < 5; ++i) {
      const std::string text = co_await page(client, server.url + "/last");
      EXPECT_EQ(text, "last");
      co_await server.until_open(0);
    }
    EXPECT_EQ(server.connections, 5);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpPool, DoesNotUseAConnectionThatHasBeenIdleForTooLong) {
  test::run_http([]() -> Task<> {
    http::Client client({.keep_alive = 1s});
    const std::string first = co_await page(client, nginx().plain + "/connection");
    co_await sleep(10ms);
    const std::string second = co_await page(client, nginx().plain + "/connection");
    co_await sleep(2100ms);
    const std::string third = co_await page(client, nginx().plain + "/connection");
    EXPECT_EQ(first.substr(0, first.find(',')), second.substr(0, second.find(',')));
    EXPECT_NE(first.substr(0, first.find(',')), third.substr(0, third.find(',')));
  });
}

TEST(HttpVersion, IsWhatAlpnAgreesOn) {
  test::run_http([]() -> Task<> {
    http::Client client(test::trusting());
    http::Response response = co_await client.get(nginx().tls + "/protocol");
    EXPECT_EQ(response.version(), http::Version::http2);
    EXPECT_EQ(response.reason(), "");
    EXPECT_TRUE(response.headers().contains("Content-Type")) << "whose name came in small letters";
    const std::string text = co_await response.text();
    EXPECT_TRUE(text.starts_with("HTTP/2.0 TLSv1.3")) << text;
    http::Client old(test::trusting({.version = http::VersionWish::http1_1}));
    const std::string other = co_await page(old, nginx().tls + "/protocol");
    EXPECT_TRUE(other.starts_with("HTTP/1.1 TLSv1.3")) << other;
    http::Client plain;
    const std::string clear = co_await page(plain, nginx().plain + "/protocol");
    EXPECT_TRUE(clear.starts_with("HTTP/1.1")) << clear;
  });
}

TEST(HttpVersion, Http2CarriesManyRequestsAtOnce) {
  test::run_http([]() -> Task<> {
    http::Client client(test::trusting());
    std::vector<JoinHandle<std::string>> all;
    for (int i = 0; i < 50; ++i) {
      all.push_back(spawn(page(client, nginx().tls + "/file/kilobyte")));
    }
    for (auto& each : all) {
      const std::string text = co_await each;
      EXPECT_EQ(text.size(), 1024u);
    }
    EXPECT_EQ(client.stats().connections, 1u);
  });
}

TEST(HttpVersion, Http2IsSpokenInTheClearWhereTheServerIsKnownTo) {
  test::run_http([]() -> Task<> {
    http::Client client({.version = http::VersionWish::http2_prior_knowledge});
    std::vector<JoinHandle<std::string>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(spawn(page(client, nginx().h2c + "/protocol")));
    }
    for (auto& each : all) {
      const std::string text = co_await each;
      EXPECT_TRUE(text.starts_with("HTTP/2.0")) << text;
    }
    http::Response after = co_await client.get(nginx().h2c + "/file/kilobyte");
    EXPECT_EQ(after.version(), http::Version::http2);
    const std::string text = co_await after.text();
    EXPECT_EQ(text.size(), 1024u);
  });
}

TEST(HttpVersion, ACancelledStreamLeavesTheOthersAlone) {
  test::run_http([]() -> Task<> {
    static_cast<void>(nginx().lines());
    http::Client client(test::trusting());
    http::Response slow = co_await client.get(nginx().tls + "/slow/kilobyte");
    for (int i = 0; i < 20; ++i) {
      auto stream = spawn(page(client, nginx().tls + "/file/lines"));
      for (int turn = 0; turn < i; ++turn) co_await yield();
      stream.cancel();
      co_await test::wait_until_done(stream);
      http::Response dropped = co_await client.get(nginx().tls + "/file/zeros.txt");
      EXPECT_EQ(dropped.status(), 200);
    }
    const std::string text = co_await page(client, nginx().tls + "/hello");
    EXPECT_EQ(text, "hello\n");
    EXPECT_EQ(slow.status(), 200);
    std::array<char, 10> some{};
    co_await slow.read_exactly(some);
    EXPECT_EQ(Bytes(some).text(), "kkkkkkkkkk");
    EXPECT_EQ(client.stats().connections, 1u);
  });
}

// libcurl 7.88 forgets what waits of a paused stream where others have its connection.
TEST(HttpVersion, NothingOfADroppedStreamComesWithTheNextOnItsHandle) {
  test::run_http([]() -> Task<> {
    const std::size_t size = 3'000'000;  // more than waits for a reader
    nginx().write("first", std::string(size, 'f'));
    nginx().write("second", std::string(size, 's'));
    http::Client client({.version = http::VersionWish::http2_prior_knowledge});
    http::Response holds = co_await client.get(nginx().h2c + "/slow/kilobyte");
    for (int i = 0; i < 5; ++i) {
      http::Response first = co_await client.get(nginx().h2c + "/file/first");
      const std::string meanwhile = co_await page(client, nginx().h2c + "/file/second");
      EXPECT_EQ(meanwhile, std::string(size, 's'));
      first = co_await client.get(nginx().h2c + "/hello");
      http::Response second = co_await client.get(nginx().h2c + "/file/second");
      const std::string beside = co_await page(client, nginx().h2c + "/file/second");
      EXPECT_EQ(beside, std::string(size, 's'));
      const std::string text = co_await second.text();
      EXPECT_EQ(text.find_first_not_of('s'), std::string::npos);
      EXPECT_EQ(text.size(), size);
    }
  });
}

TEST(HttpProxy, IsAskedForPagesAndForTunnels) {
  test::run_http([]() -> Task<> {
    test::OddServer proxy;
    proxy.on("localhost:", &test::tunnel);
    const std::string address = "http://a%20user:pass@127.0.0.1:" + std::to_string(proxy.port);
    http::Client client(test::trusting({.proxy = address, .no_proxy = "127.0.0.1"}));
    const std::string plain = co_await page(client, "http://somewhere.example/x");
    EXPECT_EQ(plain, "GET http://somewhere.example/x\n") << "whose name nobody here resolves";
    EXPECT_NE(proxy.heads.at(0).find("Proxy-Authorization: Basic YSB1c2VyOnBhc3M=\r\n"),
              std::string::npos)
        << proxy.heads.at(0);
    const std::string through = co_await page(client, nginx().tls + "/protocol");
    EXPECT_TRUE(through.starts_with("HTTP/2.0 TLSv1.3")) << through;
    EXPECT_TRUE(proxy.heads.at(1).starts_with("CONNECT localhost:")) << proxy.heads.at(1);
    EXPECT_NE(proxy.heads.at(1).find("\r\nUser-Agent: eddy\r\n"), std::string::npos);
    const int before = proxy.requests;
    const std::string direct = co_await page(client, nginx().plain + "/hello");
    EXPECT_EQ(direct, "hello\n");
    EXPECT_EQ(proxy.requests, before);
    co_await client.close();
    co_await proxy.stop();
  });
}

TEST(HttpProxy, ThatRefusesIsAnErrorOfItsOwn) {
  test::run_http([]() -> Task<> {
    test::OddServer proxy;
    proxy.on("localhost:", &test::refuse_the_tunnel);
    http::Client client(test::trusting({.proxy = proxy.url}));
    const auto refused =
        co_await test::failure_of<http::TransferError>(client.get(nginx().tls + "/hello"));
    EXPECT_TRUE(refused && refused->kind() == http::Kind::proxy)
        << (refused ? refused->what() : "nothing");
    EXPECT_NE(std::string(refused ? refused->what() : "").find("407"), std::string::npos);
    const std::string closed = "http://127.0.0.1:" + std::to_string(test::closed_port());
    http::Client nobody({.proxy = closed});
    const auto gone =
        co_await test::failure_of<http::TransferError>(nobody.get("http://a.example/"));
    EXPECT_TRUE(gone && (gone->kind() == http::Kind::connect || gone->kind() == http::Kind::proxy))
        << (gone ? gone->what() : "nothing");
    co_await client.close();
    co_await proxy.stop();
  });
}

TEST(HttpProxy, OfTheEnvironmentIsNotLookedAt) {
  test::run_http([]() -> Task<> {
    const std::string closed = "http://127.0.0.1:" + std::to_string(test::closed_port());
    for (const char* name : {"http_proxy", "ALL_PROXY"}) ::setenv(name, closed.c_str(), 1);
    http::Client client;
    const std::string text = co_await page(client, nginx().plain + "/hello");
    for (const char* name : {"http_proxy", "ALL_PROXY"}) ::unsetenv(name);
    EXPECT_EQ(text, "hello\n");
  });
}

std::size_t threads() {
  std::size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) {
    count += !each.path().empty();
  }
  return count;
}

TEST(HttpClient, HasNoThreadOfItsOwn) {
  test::run_http([]() -> Task<> {
    http::Client client(test::trusting());
    const auto by_number = threads();
    const std::string first = co_await page(client, nginx().plain + "/hello");
    EXPECT_EQ(threads(), by_number);
    // eddy asks for a name's addresses, on threads of its own, which stay; libcurl asks nobody.
    const auto addresses = co_await resolve("localhost", nginx().tls_port());
    EXPECT_FALSE(addresses.empty());
    const auto by_name = threads();
    const std::string second = co_await page(client, nginx().tls + "/hello");
    EXPECT_EQ(second, "hello\n");
    EXPECT_LE(threads(), by_name);
  });
}

TEST(HttpClient, BelongsToTheLoopThatItIsFirstUsedOn) {
  static_cast<void>(nginx());
  Loop first, second;
  http::Client client;
  const auto ask = [&]() -> Task<std::string> {
    std::string text = co_await page(client, nginx().plain + "/hello");
    co_return text;
  };
  EXPECT_EQ(first.run(ask()), "hello\n");
  EXPECT_THROW(second.run(ask()), UsageError);
  EXPECT_EQ(first.run(ask()), "hello\n");
}

TEST(HttpClient, OutlivesItsLoop) {
  static_cast<void>(nginx());
  const unsigned before = test::open_descriptors();
  {
    http::Client client;
    http::Response whole, part;
    {
      Loop loop;
      test::expect_no_reports(loop);
      loop.run([&]() -> Task<> {
        test::OddServer server;
        server.on("/flood", &test::flood);
        whole = co_await client.get(nginx().plain + "/hello");
        while (!whole.headers().empty() && whole.buffered().empty()) {
          const std::size_t count = co_await whole.fill();
          EXPECT_GT(count, 0u);
        }
        part = co_await client.get(server.url + "/flood");
        co_await server.stop();
      });
    }
    EXPECT_EQ(whole.status(), 200);
    EXPECT_EQ(part.status(), 200);
    EXPECT_EQ(whole.buffered().text(), "hello\n");
    Loop later;
    later.run([&]() -> Task<> {
      const auto error = co_await test::failure_of<http::TransferError>(part.text());
      EXPECT_TRUE(error && error->kind() == http::Kind::closed)
          << (error ? error->what() : "nothing");
      const auto use = co_await test::failure_of<UsageError>(page(client, nginx().plain));
      EXPECT_TRUE(use) << "its loop has ended";
    });
  }
  EXPECT_EQ(test::open_descriptors_in_the_end(before), before);
}

}  // namespace
