// serve() over TLS: a handshake before each handler, and nobody who is slow holds up the others.
#include "by_hand.hpp"
#include "tls_ends.hpp"

#include "support/directory.hpp"

namespace {

using namespace eddy;
using namespace test;

Task<> echo_lines(tls::Stream stream) {
  for (;;) {
    const auto line = co_await as_result(stream.readline());
    if (!line || line->empty()) break;
    const auto sent = co_await as_result(stream.write_all(*line));
    if (!sent) break;
  }
  co_await stream.close();
}

// A server, and its end with the test.
struct Served {
  Listener listener = listen(Address::loopback(0));
  tls::ServerContext context = showing(certificates().localhost);
  JoinHandle<> serving;

  void start(tls::ServeOptions options = {}) {
    serving = spawn(tls::serve(listener, context, &echo_lines, options));
  }
  std::uint16_t port() const { return listener.local().port(); }
  Task<> stop() {
    serving.cancel();
    co_await wait_until_done(serving);
    EXPECT_TRUE(serving.cancelled());
  }
};

Task<std::string> ask(std::uint16_t port, tls::ClientContext context, std::string line) {
  tls::Stream stream = co_await tls::connect("localhost", port, context);
  co_await stream.write_all(line);
  std::string answer = co_await stream.readline();
  co_await stream.close();
  co_return answer;
}

TEST(TlsServe, HandlesEachConnectionInATaskOfItsOwn) {
  const auto before = open_descriptors();
  test::run([]() -> Task<> {
    Served server;
    server.start();
    const tls::ClientContext client = trusting();
    for (int i = 0; i < 20; ++i) {
      const std::string line = std::to_string(i) + "\n";
      EXPECT_EQ(co_await ask(server.port(), client, line), line);
    }
    EXPECT_EQ(server.context.stats().accepted, 20u);
    EXPECT_EQ(server.context.stats().resumed, 19u) << "by host and port";
    EXPECT_EQ(server.context.stats().refused, 0u);
    co_await server.stop();
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TlsServe, IsNotHeldUpByThoseWhoAreSlow) {
  test::run([]() -> Task<> {
    Served server;
    server.start({.handshake_limit = 3s});
    const Address address = server.listener.local();
    std::vector<Stream> silent;
    for (int i = 0; i < 100; ++i) silent.push_back(co_await connect(address));
    const Instant began = Loop::current().now();
    EXPECT_EQ(co_await ask(server.port(), trusting(), "hello\n"), "hello\n");
    // A thread looks up the name, and virtual time does not wait for that one.
    EXPECT_LE(Loop::current().now() - began, 3s);
    for (Stream& stream : silent) {
      const auto rest = co_await as_result(stream.read_all());
      static_cast<void>(rest);  // sent away
    }
    EXPECT_GE(Loop::current().now() - began, 3s);
    EXPECT_EQ(server.context.stats().refused, 100u);
    EXPECT_NE(server.context.stats().last_refusal, "");
    co_await server.stop();
  });
}

TEST(TlsServe, CountsThoseWhoFailAndGoesOn) {
  test::run([]() -> Task<> {
    Served server;
    server.start();
    const Address address = server.listener.local();
    Stream plain = co_await connect(address);
    co_await plain.write_all("GET / HTTP/1.0\r\n\r\n");
    static_cast<void>(co_await as_result(plain.read_all()));
    EXPECT_EQ(server.context.stats().refused, 1u);
    EXPECT_TRUE(contains(server.context.stats().last_refusal, "http request"))
        << server.context.stats().last_refusal;
    tls::ClientOptions others;
    others.ca_file = certificates().other_roots;
    const auto refused =
        co_await as_result(ask(server.port(), tls::ClientContext(others), "never\n"));
    EXPECT_TRUE(!refused && refused.error() == tls::Errc::verification);
    {
      Stream gone = co_await connect(address);
    }
    EXPECT_EQ(co_await ask(server.port(), trusting(), "hello\n"), "hello\n");
    co_await settle(20);
    EXPECT_EQ(server.context.stats().refused, 3u) << server.context.stats().last_refusal;
    EXPECT_EQ(server.context.stats().accepted, 1u);
    co_await server.stop();
  });
}

TEST(TlsServe, HasNoMoreConnectionsAtOnceThanItsLimit) {
  test::run([]() -> Task<> {
    Served server;
    server.start({.limit = 2, .handshake_limit = 3s});
    Stream first = co_await connect(server.listener.local());
    Stream second = co_await connect(server.listener.local());
    const Instant began = Loop::current().now();
    EXPECT_EQ(co_await ask(server.port(), trusting(), "hello\n"), "hello\n");
    EXPECT_GE(Loop::current().now() - began, 3s) << "those in their handshakes count";
    co_await server.stop();
  });
}

TEST(TlsServe, DrainsWhenItIsCancelled) {
  test::run([]() -> Task<> {
    Served server;
    server.start({.drain = 10s});
    tls::Stream busy = co_await tls::connect("localhost", server.port(), trusting());
    tls::Stream idle = co_await tls::connect("localhost", server.port(), trusting());
    co_await busy.write_all("before\n");
    EXPECT_EQ(co_await busy.readline(), "before\n");
    server.serving.cancel();
    co_await settle();
    co_await busy.write_all("after\n");
    EXPECT_EQ(co_await busy.readline(), "after\n") << "it may go on";
    co_await busy.close();
    const Instant began = Loop::current().now();
    const auto rest = co_await as_result(idle.read_all());
    EXPECT_FALSE(rest && !rest->empty());
    co_await wait_until_done(server.serving);
    EXPECT_LE(Loop::current().now() - began, 11s);
    EXPECT_TRUE(server.serving.cancelled());
  });
}

TEST(TlsServe, EndsHandshakesWhenItIsCancelled) {
  const auto before = open_descriptors();
  test::run([]() -> Task<> {
    Served server;
    server.start();
    Stream silent = co_await connect(server.listener.local());
    co_await settle();
    const Instant began = Loop::current().now();
    co_await server.stop();
    EXPECT_EQ(Loop::current().now(), began);
    static_cast<void>(co_await as_result(silent.read_all()));
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TlsServe, ReportsWhatAHandlerThrows) {
  Loop loop(test::options());
  std::vector<std::string> reports;
  loop.on_exception([&](const ExceptionReport& report) {
    reports.push_back(to_text(report));
  });
  const auto body = []() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const tls::ServerContext context = showing(certificates().localhost);
    const auto handler = [](tls::Stream stream) -> Task<> {
      const std::string line = co_await stream.readline();
      throw std::runtime_error("no answer to " + line);
    };
    auto serving = spawn(tls::serve(listener, context, handler));
    tls::Stream stream = co_await tls::connect("localhost", listener.local().port(), trusting());
    co_await stream.write_all("this\n");
    const auto none = co_await as_result(stream.read_all());
    EXPECT_TRUE(!none && none.error() == tls::Errc::truncated);
    serving.cancel();
    co_await wait_until_done(serving);
  };
  loop.run(body());
  loop.close();
  EXPECT_EQ(reports.size(), 1u);
  for (const auto& report : reports) EXPECT_TRUE(contains(report, "no answer to this")) << report;
}

TEST(TlsServe, ShowsWhatWasReloadedToThoseWhoComeLater) {
  test::run([]() -> Task<> {
    const auto& all = certificates();
    Served server;
    server.start();
    tls::Stream early = co_await tls::connect("localhost", server.port(), trusting());
    const std::string chain = text_of(all.renewed.chain), key = text_of(all.renewed.key);
    server.context.reload(chain, key);
    tls::Stream late = co_await tls::connect("localhost", server.port(), trusting());
    for (tls::Stream* stream : {&early, &late}) {
      const auto shown = stream->peer_certificate();
      const Identity& wanted = stream == &early ? all.localhost : all.renewed;
      EXPECT_TRUE(shown && shown->serial == serial_of(wanted.chain));
      co_await stream->write_all("still\n");
      EXPECT_EQ(co_await stream->readline(), "still\n");
      co_await stream->close();
    }
    co_await server.stop();
  });
}

TEST(TlsConnect, SaysWhoIsNotThere) {
  test::run([]() -> Task<> {
    std::uint16_t port = 0;
    {
      Listener listener = listen(Address::loopback(0));
      port = listener.local().port();
    }
    const auto none = co_await as_result(tls::connect("127.0.0.1", port, trusting()));
    EXPECT_TRUE(!none && none.error() == std::errc::connection_refused);
  });
}

}  // namespace
