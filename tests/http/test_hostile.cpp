// What strangers do to a client: limits that many cancels press on, answers that lie or never end,
// URLs and headers that mean something else than they seem to.
#include <eddy/http.hpp>

#include "http/odd_server.hpp"
#include "http/run.hpp"
#include "support/allocations.hpp"

#include <sys/wait.h>

#include <thread>

using namespace eddy;
using test::nginx;
using test::page;

namespace {

Task<std::optional<http::TransferError>> broken(http::Client& client, std::string url,
                                                http::RequestOptions options = {}) {
  return test::failure_of<http::TransferError>(page(client, url, options));
}
std::string text_of(const auto& error) { return error ? error->what() : "nothing"; }
http::Kind kind_of(const auto& error) { return error ? error->kind() : http::Kind{}; }

// Answers every request so.
void always(test::OddServer& server, std::string path, std::string answer, bool ends = false) {
  server.on(path, [answer, ends](test::Exchange& it) -> Task<> {
    co_await it.read_body();
    co_await it.say(answer);
    it.ends = ends;
  });
}

Task<> only(http::Client& client, std::string method, std::string url,
            http::RequestOptions options) {
  const http::Response response = co_await client.request(method, url, options);
}

// Each cancelled request's connection is open until its poll is back, and counts until then.
TEST(HttpPool, HasNoMoreConnectionsThanItMayAfterManyCancels) {
  test::run_http([]() -> Task<> {
    for (const bool each_host : {false, true}) {
      test::OddServer server;
      server.on("/never", &test::never_answer);
      http::ClientOptions options{.max_connections = 4};
      if (each_host) options = {.max_connections_per_host = 4};
      http::Client client(options);
      std::size_t most = 0;
      for (int round = 0; round < 10; ++round) {
        std::vector<JoinHandle<std::string>> all;
        for (int i = 0; i < 8; ++i) all.push_back(spawn(page(client, server.url + "/never")));
        // While they connect, and when they are connected.
        for (int turn = 0; turn < 3 * round; ++turn) co_await yield();
        for (int i = 0; i < 4; ++i) all[i].cancel();
        for (int turn = 0; turn < 20; ++turn) {
          co_await yield();
          most = std::max(most, client.stats().open);
        }
        for (auto& each : all) each.cancel();
        for (auto& each : all) co_await test::wait_until_done(each);
      }
      EXPECT_LE(most, 4u);
      EXPECT_GT(most, 0u);
      const std::string text = co_await page(client, server.url + "/fine");
      EXPECT_EQ(text, "GET /fine\n");
      co_await client.close();
      co_await server.until_open(0);
      co_await server.stop();
    }
  });
}

TEST(HttpAnswer, WithoutABodyIsOverWithItsHead) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    always(server, "/204", "HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n");
    always(server, "/304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n");
    always(server, "/early",
           "HTTP/1.1 100 Continue\r\nX-Not: this\r\n\r\n"
           "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    http::Client client;
    for (const int status : {204, 304}) {
      http::Response none = co_await client.get(server.url + "/" + std::to_string(status));
      EXPECT_EQ(none.status(), status);
      const std::string text = co_await none.text();
      EXPECT_EQ(text, "");
    }
    http::Response early = co_await client.get(server.url + "/early");
    EXPECT_EQ(early.status(), 200);
    EXPECT_EQ(early.headers().size(), 1u) << "of the last alone";
    const std::string text = co_await early.text();
    EXPECT_EQ(text, "ok");
    EXPECT_EQ(server.connections, 1);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpAnswer, WithAHeadWithoutAnEndIsRefused) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/line", [](test::Exchange& it) -> Task<> {
      co_await it.say("HTTP/1.1 200 OK\r\nX-Long: " + std::string(150'000, 'x') + "\r\n\r\n");
      co_await it.until_gone();
    });
    server.on("/lines", [](test::Exchange& it) -> Task<> {
      co_await it.say("HTTP/1.1 200 OK\r\n");
      for (int i = 0; i < 400; ++i) co_await it.say("X-Long: " + std::string(1000, 'x') + "\r\n");
      co_await it.until_gone();
    });
    server.on("/hints", [](test::Exchange& it) -> Task<> {
      for (int i = 0; i < 20'000; ++i) co_await it.say("HTTP/1.1 103 Early Hints\r\n\r\n");
      co_await it.until_gone();
    });
    http::Client client;
    static constexpr std::array paths{"/line", "/lines", "/hints"};
    for (const char* path : paths) {
      const auto error = co_await broken(client, server.url + path);
      EXPECT_EQ(kind_of(error), http::Kind::protocol) << path << ": " << text_of(error);
    }
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpAnswer, ThatContradictsItselfIsNoAnswer) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::string five = "Content-Length: 5\r\n\r\nplain";
    always(server, "/two", head + "Content-Length: 2\r\n" + five, true);
    always(server, "/minus", head + "Content-Length: -1\r\n\r\nabc", true);
    always(server, "/short", head + "Content-Length: 9\r\n\r\nabc", true);
    always(server, "/chunk", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true);
    always(server, "/zip", head + "Content-Encoding: gzip\r\n" + five);
    always(server, "/what", head + "Content-Encoding: what\r\n" + five);
    always(server, "/more", head + "Content-Length: 2\r\n\r\nok" + head + five);
    always(server, "/same", head + "Content-Length: 5\r\n" + five);
    http::Client client;
    struct Case {
      const char* path;
      http::Kind kind;
    };
    static constexpr std::array cases{
        Case{"/two", http::Kind::protocol},  Case{"/minus", http::Kind::protocol},
        Case{"/short", http::Kind::receive}, Case{"/chunk", http::Kind::receive},
        Case{"/zip", http::Kind::protocol},  Case{"/what", http::Kind::protocol}};
    for (const Case& each : cases) {
      const auto error = co_await broken(client, server.url + each.path);
      EXPECT_EQ(kind_of(error), each.kind) << each.path << ": " << text_of(error);
    }
    const std::string same = co_await page(client, server.url + "/same");
    EXPECT_EQ(same, "plain");
    const std::string more = co_await page(client, server.url + "/more");
    EXPECT_EQ(more, "ok");
    const std::string after = co_await page(client, server.url + "/fine");
    EXPECT_EQ(after, "GET /fine\n") << "and not what stood behind the last answer";
    co_await client.close();
    co_await server.stop();
  });
}

// 50 MB of one byte are 50 KB on the way: what is unpacked waits, and takes no more than libcurl
// makes of one read of the socket.
TEST(HttpAnswer, ThatUnpacksToVeryMuchIsHeldBackToo) {
  nginx().write("bomb.txt", std::string(50'000'000, '0'));
  test::run_http([]() -> Task<> {
    http::Client client;
    http::Response response = co_await client.get(nginx().plain + "/gzip/bomb.txt");
    const auto limited = co_await test::failure_of<LimitExceeded>(response.text(100'000));
    EXPECT_TRUE(limited);
    static_cast<void>(test::most_bytes_held());
    const std::ptrdiff_t before = test::bytes_held();
    response = co_await client.get(nginx().plain + "/gzip/bomb.txt");
    std::size_t all = 0;
    std::vector<char> buffer(100'000);
    for (std::size_t count = 1; count > 0; all += count) {
      count = co_await response.read_some(buffer);
    }
    EXPECT_EQ(all, 50'000'000u);
    EXPECT_LT(test::most_bytes_held() - before, 20'000'000);
  });
}

// RFC 9110, 9.2.2
TEST(HttpPool, SendsAgainWhatADeadConnectionHasLostIfThatMayBeDoneTwice) {
  test::Directory directory;
  directory.write("file", std::string(300'000, 'f'));
  test::run_http([&]() -> Task<> {
    test::OddServer server;
    int asked = 0;
    server.on("/dies", [&](test::Exchange& it) -> Task<> {
      if (++asked % 2 == 0) {  // as if it had closed before
        it.ends = true;
        co_return;
      }
      co_await it.read_body();
      co_await it.answer(it.method + std::to_string(it.body.size()));
    });
    http::Client client;
    const std::string path = directory.path("file");
    const auto ask = [&](std::string method, http::Body body) -> Task<std::string> {
      asked = 0;
      const std::string warm = co_await page(client, server.url + "/dies");
      EXPECT_EQ(warm, "GET0");
      http::Response response =
          co_await client.request(method, server.url + "/dies", {.body = body});
      std::string text = co_await response.text();
      co_return text;
    };
    const std::string get = co_await ask("GET", {});
    EXPECT_EQ(get, "GET0");
    const std::string put = co_await ask("PUT", http::file(path));
    EXPECT_EQ(put, "PUT300000");
    const std::array methods{std::string("POST"), std::string("PATCH"), std::string("OWN")};
    for (const std::string& method : methods) {
      const auto error = co_await test::failure_of<http::TransferError>(ask(method, "bytes"));
      EXPECT_EQ(kind_of(error), http::Kind::receive) << method << ": " << text_of(error);
      EXPECT_EQ(asked, 2) << "it was sent once";
    }
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpUrl, IsTakenInEachFormThatStandsForOne) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const std::string port = ":" + std::to_string(server.port);
    const std::string here = "127.0.0.1" + port;
    const std::vector<std::pair<std::string, std::string>> good{
        {"HTTP://" + here + "/x", "/x"},
        {"http://" + here, "/"},
        {"http://" + here + "?a=b", "/?a=b"},
        {"http://" + here + "/a b#c", "/a%20b"},
        {"http://" + here + "/\xc3\xbc?\xc3\xbc", "/%C3%BC?%C3%BC"},
        {"http://" + here + "//x", "//x"},
        {"http://" + here + "/../a/./b", "/a/b"},
        {"http://127.1" + port + "/", "/"},
        {"http://LOCALHOST" + port + "/", "/"},
        {"http://[::ffff:127.0.0.1]" + port + "/", "/"},
        {"http://@" + here + "/", "/"}};
    for (const auto& [url, target] : good) {
      const std::string text = co_await page(client, url);
      EXPECT_EQ(text, "GET " + target + "\n") << url;
      EXPECT_EQ(server.heads.back().find("Authorization"), std::string::npos) << url;
    }
    const std::string user = co_await page(client, "http://us%20er:pa%3Ass@" + here + "/");
    EXPECT_NE(server.heads.back().find("Authorization: Basic dXMgZXI6cGE6c3M=\r\n"),
              std::string::npos);
    const std::vector<std::string> bad{
        " http://" + here, "http:" + here, "http://127.0.0.1:0/", "http://127.0.0.1:65536/",
        "http://" + here + "\\x", "http://[127.0.0.1]" + port, "http://[::1", "http://[]/",
        "http://[::1]x/", "http://b\xc3\xbc" "cher.example/", "http://x%3Ay:p@" + here + "/",
        "http://" + here + "/a\nb", "http://" + here + "/" + std::string(9'000'000, 'x')};
    for (const std::string& url : bad) {
      const auto error = co_await test::failure_of<UsageError>(page(client, url));
      EXPECT_TRUE(error) << url.substr(0, 60);
    }
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpUrl, OfARedirectIsSeenFromWhereItStands) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client({.redirects = 1});
    const std::string here = "127.0.0.1:" + std::to_string(server.port);
    const auto go = [&](const std::string& place) -> Task<std::string> {
      always(server, "/go/there",
             "HTTP/1.1 302 Found\r\nLocation: " + place + "\r\nContent-Length: 0\r\n\r\n");
      std::string text = co_await page(client, server.url + "/go/there");
      co_return text;
    };
    const std::vector<std::pair<std::string, std::string>> good{
        {"//" + here + "/p", "/p"}, {"../x y", "/x%20y"},     {"\xc3\xbc", "/go/%c3%bc"},
        {"/a#b", "/a"},             {"http://" + here, "/"}};
    for (const auto& [place, target] : good) {
      const std::string text = co_await go(place);
      EXPECT_EQ(text, "GET " + target + "\n") << place;
    }
    const std::vector<std::string> bad{"ftp://" + here + "/", "http://", "mailto:a@b",
                                       "file:///etc/passwd", "http://[::1"};
    for (const std::string& place : bad) {
      const auto error = co_await test::failure_of<http::TransferError>(go(place));
      EXPECT_EQ(kind_of(error), http::Kind::too_many_redirects) << place << ": " << text_of(error);
    }
    co_await client.close();
    co_await server.stop();
  });
}

// A body that somebody makes who waits for something that does not come.
struct Silent : http::BodySource {
  explicit Silent(int pieces) : pieces(pieces) {}
  Task<std::size_t> read_some(MutableBytes into) override {
    if (pieces == 0) co_await never.wait();
    if (pieces-- <= 0) co_return 0;
    into.data()[0] = std::byte{'s'};
    co_return 1;
  }
  Event never;
  int pieces;
};

TEST(HttpUpload, ThatStandsStillHoldsNothingElseUp) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/refuse", [](test::Exchange& it) -> Task<> {
      co_await it.answer("no", "401 Unauthorized");
      co_await it.until_gone();
      it.ends = true;
    });
    server.on("/moved", [](test::Exchange& it) -> Task<> {
      co_await it.answer("", "303 See Other", "Location: /there\r\nConnection: close\r\n");
      it.ends = true;
    });
    server.on("/never", &test::never_answer);
    http::Client client;
    {
      Silent source(1);
      http::Response response = co_await client.put(server.url + "/refuse", {.body = source});
      EXPECT_EQ(response.status(), 401);
      const std::string text = co_await response.text();
      EXPECT_EQ(text, "no");
    }
    {
      Silent source(1);
      http::Response response = co_await client.put(server.url + "/moved", {.body = source});
      const std::string text = co_await response.text();
      EXPECT_EQ(text, "GET /there\n");
    }
    for (const int pieces : {0, 1}) {
      Silent source(pieces);
      const auto late = co_await test::failure_of<http::TimeoutError>(
          client.put(server.url + "/never", {.body = source, .timeouts = {.total = 50ms}}));
      EXPECT_TRUE(late && late->limit() == http::TimeLimit::total) << text_of(late);
    }
    {
      Silent source(1);
      auto put = spawn(client.put(server.url + "/never", {.body = source}));
      co_await server.until_requests(5);
      co_await client.close();
      const auto error = co_await test::failure_of<http::TransferError>(std::move(put));
      EXPECT_EQ(kind_of(error), http::Kind::closed) << text_of(error);
    }
    co_await server.stop();
  });
}

TEST(HttpUpload, OfAFileThatIsNoneFails) {
  test::Directory directory;
  directory.write("file", std::string(20'000'000, 'f'));
  test::run_http([&]() -> Task<> {
    test::OddServer server;
    const std::string path = directory.path("file");
    server.on("/shrinks", [&](test::Exchange& it) -> Task<> {
      std::filesystem::resize_file(path, 100'000);
      co_await it.until_gone();
    });
    http::Client client;
    const auto shrunk = co_await test::failure_of<http::TransferError>(
        client.put(server.url + "/shrinks", {.body = http::file(path)}));
    EXPECT_EQ(kind_of(shrunk), http::Kind::body) << text_of(shrunk);
    EXPECT_NE(text_of(shrunk).find("became shorter"), std::string::npos) << text_of(shrunk);
    const std::string missing = directory.path("missing");
    const std::vector<http::Part> parts{{.name = "a", .value = "b"},
                                        {.name = "f", .path = missing}};
    const auto none = co_await test::failure_of<http::TransferError>(
        client.post(server.url + "/x", {.body = http::multipart(parts)}));
    EXPECT_EQ(kind_of(none), http::Kind::body) << text_of(none);
    const std::array odd_ones{directory.path(""), std::string("/dev/zero")};
    for (const std::string& each : odd_ones) {
      const auto odd = co_await test::failure_of<http::TransferError>(
          client.put(server.url + "/x", {.body = http::file(each)}));
      EXPECT_EQ(kind_of(odd), http::Kind::body) << each << ": " << text_of(odd);
    }
    EXPECT_EQ(server.requests, 1);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpTimeout, IsNotHeldUpByAServerThatTrickles) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/trickle", [](test::Exchange& it) -> Task<> {
      co_await it.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
      for (;;) {
        co_await it.say("t");
        co_await sleep(5ms);
      }
    });
    http::Client client;
    const auto late = co_await test::failure_of<http::TimeoutError>(
        page(client, server.url + "/trickle", {.timeouts = {.total = 100ms, .idle = 2s}}));
    EXPECT_TRUE(late && late->limit() == http::TimeLimit::total) << text_of(late);
    co_await server.until_open(0);
    co_await client.close();
    co_await server.stop();
  });
}

// As httpx has it: what is left of the scope of a client is closed.
TEST(HttpClient, EndsWithItsScope) {  // F127
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/never", &test::never_answer);
    server.on("/stall", &test::stall_at_byte_one);
    std::optional<JoinHandle<http::Response>> running;
    std::optional<JoinHandle<std::string>> waiting;
    http::Response part, whole;
    {
      http::Client client({.max_connections = 2});
      whole = co_await client.get(server.url + "/whole");
      while (whole.buffered().empty()) co_await whole.fill();
      part = co_await client.get(server.url + "/stall");
      running = spawn(client.get(server.url + "/never"));
      waiting = spawn(page(client, server.url + "/x"));
      co_await server.until_requests(3);
    }
    co_await server.until_open(0);
    const auto first = co_await test::failure_of<http::TransferError>(std::move(*running));
    EXPECT_EQ(kind_of(first), http::Kind::closed) << text_of(first);
    const auto second = co_await test::failure_of<http::TransferError>(std::move(*waiting));
    EXPECT_EQ(kind_of(second), http::Kind::closed) << text_of(second);
    const auto third = co_await test::failure_of<http::TransferError>(part.text());
    EXPECT_EQ(kind_of(third), http::Kind::closed) << text_of(third);
    const std::string text = co_await whole.text();
    EXPECT_EQ(text, "GET /whole\n") << "a response outlives its client";
    http::Client client;
    http::Client other = std::move(client);
    const auto moved = co_await test::failure_of<UsageError>(page(client, server.url + "/x"));
    EXPECT_TRUE(moved);
    EXPECT_TRUE(client.closed());
    co_await client.close();
    const std::string by_other = co_await page(other, server.url + "/x");
    EXPECT_EQ(by_other, "GET /x\n");
    auto made = other.get(server.url + "/x");  // and awaited when it is closed
    co_await other.close();
    const auto after = co_await test::failure_of<UsageError>(std::move(made));
    EXPECT_TRUE(after);
    co_await server.stop();
  });
}

// -- HTTP/2 by hand --

std::string frame(int type, int flags, std::uint32_t stream, std::string payload = {}) {
  std::string bytes;
  for (int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift);
  return bytes + payload;
}
std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
  return bytes;
}
constexpr int data = 0, headers = 1, reset = 3, settings = 4, go_away = 7;
constexpr int end_stream = 1, ack = 1, end_headers = 4;
const std::string ok = "\x88";  // :status 200

// What is to be said to the request of that stream. Nothing: the connection ends.
using Answer = std::function<std::string(std::uint32_t stream)>;
Task<> speak_http2(test::Exchange& it, const Answer& answer) {
  std::array<char, 6> rest{};
  co_await it.stream.read_exactly(rest);
  co_await it.say(frame(settings, 0, 0) + frame(settings, ack, 0));
  for (;;) {
    std::array<unsigned char, 9> head{};
    auto more = co_await as_outcome(it.stream.read_exactly(head));
    if (!more) {
      if (more.error().is_cancelled()) co_await fail(std::move(more.error()));
      break;
    }
    std::string payload(static_cast<std::size_t>(head[0] << 16 | head[1] << 8 | head[2]), ' ');
    const MutableBytes all(payload.data(), payload.size());
    if (!payload.empty()) co_await it.stream.read_exactly(all);
    if (head[3] != headers) continue;
    const std::string said = answer(static_cast<std::uint32_t>(head[7] << 8 | head[8]));
    if (said.empty()) break;
    co_await it.say(said);
  }
  it.ends = true;
}

TEST(HttpVersion, Http2ServersMayEndStreamsAndConnections) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    Answer answer;
    server.on("*", [&](test::Exchange& it) -> Task<> { return speak_http2(it, answer); });
    http::Client client({.version = http::VersionWish::http2_prior_knowledge});
    const auto well = [](std::uint32_t stream) {
      return frame(headers, end_headers, stream, ok) + frame(data, end_stream, stream, "well");
    };
    answer = well;
    const std::string text = co_await page(client, server.url + "/");
    EXPECT_EQ(text, "well");
    const auto fails = [&](const char* what) -> Task<> {
      const auto error = co_await broken(client, server.url + "/");
      EXPECT_EQ(kind_of(error), http::Kind::receive) << what << ": " << text_of(error);
      EXPECT_TRUE(error && error->may_pass()) << what;
    };
    answer = [](std::uint32_t stream) { return frame(reset, 0, stream, number(2)); };
    co_await fails("reset before the head");
    answer = [](std::uint32_t stream) {
      return frame(headers, end_headers, stream, ok) + frame(data, 0, stream, "we") +
             frame(reset, 0, stream, number(2));
    };
    co_await fails("reset in the middle of the body");
    // Refused: it was not looked at, and is sent again, whatever the method.
    int asked = 0;
    answer = [&](std::uint32_t stream) {
      return ++asked == 1 ? frame(reset, 0, stream, number(7)) : well(stream);
    };
    http::Response refused = co_await client.post(server.url + "/");
    const std::string again = co_await refused.text();
    EXPECT_EQ(again, "well");
    // It goes away, and still answers this one.
    const int before = server.connections;
    answer = [&](std::uint32_t stream) {
      return frame(go_away, 0, 0, number(stream) + number(0)) + well(stream);
    };
    const std::string last = co_await page(client, server.url + "/");
    EXPECT_EQ(last, "well");
    answer = well;
    const std::string next = co_await page(client, server.url + "/");
    EXPECT_EQ(next, "well");
    EXPECT_GT(server.connections, before);
    answer = [&](std::uint32_t) { return frame(go_away, 0, 0, number(0) + number(0)); };
    co_await fails("it goes away, and answers nothing");
    answer = [&](std::uint32_t) { return std::string(); };
    co_await fails("it is gone");
    answer = well;
    const std::string fine = co_await page(client, server.url + "/");
    EXPECT_EQ(fine, "well");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpFork, TheChildHasClientsOfItsOwn) {
  std::fflush(nullptr);
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/stall", &test::stall_at_byte_one);
    http::Client client;
    http::Response part = co_await client.get(server.url + "/stall");
    co_await part.fill();
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);
      int result = 1;
      std::thread([&] {
        Loop loop;
        loop.run([&]() -> Task<> {
          http::Client own;
          const std::string text = co_await page(own, nginx().plain + "/hello");
          result = text == "hello\n" ? 0 : 2;
        });
      }).join();
      { http::Response dropped = std::move(part); }
      ::_exit(result);
    }
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) co_await sleep(1ms);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    EXPECT_EQ(server.open, 1);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpHeaders, SayNothingButThemselves) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const std::string text = co_await page(
        client, server.url + "/",
        {.headers = {{"X-Empty", ""}, {"X-Blank", "  "}, {"Host", "other"}, {"User-Agent", "y"}}});
    for (const std::string line : {"X-Empty:", "X-Blank:", "Host: other", "User-Agent: y"}) {
      EXPECT_NE(server.heads.back().find("\r\n" + line + "\r\n"), std::string::npos)
          << line << " is not in " << server.heads.back();
    }
    const auto refused = [&](http::RequestOptions options, std::string method) -> Task<> {
      const auto error =
          co_await test::failure_of<UsageError>(only(client, method, server.url, options));
      EXPECT_TRUE(error) << method;
    };
    co_await refused({}, "GET / HTTP/1.1\r\nX: y\r\n\r\n");
    co_await refused({}, "");
    co_await refused({.body = http::Body("x").as("a/b\r\nX: y")}, "POST");
    co_await refused({.authorization = {.bearer = "a\nb"}}, "GET");
    co_await refused({.headers = {{"", "x"}}}, "GET");
    co_await refused({.headers = {{"A\r\nB", "x"}}}, "GET");
    co_await refused({.headers = {{"Content-Length", "3"}}}, "GET");
    co_await refused({.headers = {{"transfer-encoding", "chunked"}}}, "GET");
    const std::vector<http::Part> parts{{.name = "a\"\r\nX: y", .value = "v", .filename = "b\r\n"}};
    http::Response form = co_await client.post(server.url, {.body = http::multipart(parts)});
    const std::string sent = co_await form.text();
    EXPECT_NE(sent.find("name=\"a%22%0D%0AX: y\"; filename=\"b%0D%0A\"\r\n"), std::string::npos)
        << sent;
    co_await client.close();
    co_await server.stop();
  });
  EXPECT_THROW(http::Client({.user_agent = "a\r\nb"}), UsageError);
  EXPECT_THROW(http::Client({.proxy = "http://a\r\nb"}), UsageError);
}

}  // namespace
