// What a client asks, and what it gets: by a real nginx, and by a server that says what it saw.
#include <eddy/http.hpp>

#include "http/json_hook.hpp"
#include "http/odd_server.hpp"
#include "http/run.hpp"

using namespace eddy;
using test::nginx;
using test::page;

namespace {

// One handle of libcurl's serves all of them.
TEST(HttpClient, KeepsNothingOfARequestForTheNext) {
  test::run_http([]() -> Task<> {
    const std::string url = nginx().plain + "/seen";
    http::Client client({.user_agent = "A"});
    for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"}) {
      http::RequestOptions options{.headers = {{"X-Test", "x"}}};
      if (method != "HEAD") options.body = "a body";
      http::Response other = co_await client.request(method, url + "?a", options);
      EXPECT_EQ(other.status(), 200) << method;
      const std::string said = co_await other.text();
      if (method != "HEAD") {
        EXPECT_TRUE(said.starts_with(method + "|a|x|")) << said;
      }
      const std::string plain = co_await test::page(client, url);
      EXPECT_EQ(plain, "GET||||A") << "after " << method;
    }
    EXPECT_EQ(client.stats().connections, 1u);
  });
}

TEST(HttpClient, CountsTheHeadOfEachResponseAnew) {
  test::run_http([]() -> Task<> {
    const std::string url = nginx().plain + "/hello";
    http::Client client;
    for (int i = 0; i < 2000; ++i) {  // more than the largest head, together
      http::Response response = co_await client.get(url);
      const std::string text = co_await response.text();
      EXPECT_EQ(text, "hello\n");
    }
    EXPECT_EQ(client.stats().connections, 1u);
  });
}

TEST(HttpClient, GetsTheHeadFirstAndTheBodyByItsVerbs) {  // F120
  test::run_http([]() -> Task<> {
    http::Client client;
    http::Response response = co_await client.get(nginx().plain + "/hello");
    EXPECT_EQ(response.status(), 200);
    EXPECT_EQ(response.reason(), "OK");
    EXPECT_TRUE(response.ok());
    EXPECT_EQ(response.headers().get("content-TYPE"), "text/plain");
    EXPECT_EQ(response.headers().get("no-such", "none"), "none");
    EXPECT_EQ(response.content_length(), 6u);
    EXPECT_EQ(response.version(), http::Version::http1_1);
    EXPECT_EQ(response.method(), "GET");
    EXPECT_EQ(response.url(), nginx().plain + "/hello");
    const std::string text = co_await response.text();
    EXPECT_EQ(text, "hello\n");
    EXPECT_TRUE(response.at_end());
    http::Response object = co_await client.get(nginx().plain + "/json");
    const auto named = co_await object.json<test::Named>();
    EXPECT_EQ(named.name, "eddy");
    EXPECT_TRUE(named.ok);
    http::Response third = co_await client.get(nginx().plain + "/hello");
    const auto bytes = co_await third.bytes();
    EXPECT_EQ(bytes.size(), 6u);
  });
}

TEST(HttpClient, KeepsAConnectionForTheNextRequest) {  // F120
  test::run_http([]() -> Task<> {
    test::OddServer server;
    {
      http::Client client;
      for (int i = 0; i < 5; ++i) {
        const std::string text = co_await page(client, server.url + "/" + std::to_string(i));
        EXPECT_EQ(text, "GET /" + std::to_string(i) + "\n");
      }
      EXPECT_EQ(server.connections, 1);
      EXPECT_EQ(client.stats().connections, 1u);
      EXPECT_EQ(client.stats().open, 1u);
      EXPECT_EQ(client.stats().requests, 5u);
    }
    co_await server.until_open(0);
    co_await server.stop();
  });
}

TEST(HttpClient, ClosesTheConnectionOfAResponseThatNobodyReads) {  // F120
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/flood", &test::flood);
    http::Client client;
    {
      http::Response response = co_await client.get(server.url + "/flood");
      EXPECT_EQ(response.status(), 200);
    }
    co_await server.until_open(0);
    const std::string text = co_await page(client, server.url + "/next");
    EXPECT_EQ(text, "GET /next\n");
    EXPECT_EQ(server.connections, 2);
    EXPECT_EQ(client.stats().running, 0u);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, RaisesForAStatusOf400AndMore) {  // F122
  test::run_http([]() -> Task<> {
    http::Client client;
    http::Response good = co_await client.get(nginx().plain + "/hello");
    EXPECT_NO_THROW(good.raise_for_status());
    http::Response bad = co_await client.get(nginx().plain + "/status/404");
    EXPECT_FALSE(bad.ok());
    try {
      bad.raise_for_status();
      ADD_FAILURE() << "404 was taken for a success";
    } catch (const http::StatusError& error) {
      EXPECT_EQ(error.status(), 404);
      EXPECT_EQ(error.kind(), http::Kind::status);
      EXPECT_FALSE(error.may_pass());
      EXPECT_EQ(std::string(error.what()), "GET '" + nginx().plain + "/status/404': 404 Not Found");
    }
    const std::string text = co_await bad.text();
    EXPECT_EQ(text, "not here") << "a bad answer has a body as well";
    http::Response broken = co_await client.get(nginx().plain + "/status/503");
    try {
      broken.raise_for_status();
    } catch (const http::Error& error) {
      EXPECT_TRUE(error.may_pass());
    }
  });
}

TEST(HttpClient, SendsJsonByTheHookOfItsType) {  // F123
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const test::Named value{"eddy", true};
    http::Response response =
        co_await client.post(server.url + "/items", {.body = http::json(value)});
    const std::string text = co_await response.text();
    EXPECT_EQ(text, "POST /items\n{\"name\": \"eddy\", \"ok\": true}");
    EXPECT_NE(server.heads.at(0).find("Content-Type: application/json\r\n"), std::string::npos);
    EXPECT_NE(server.heads.at(0).find("Content-Length: 28\r\n"), std::string::npos);
    http::Response again = co_await client.put(
        server.url + "/items/1",
        {.headers = {{"Content-Type", "application/ld+json"}}, .body = http::json_text("[]")});
    const std::string second = co_await again.text();
    EXPECT_EQ(second, "PUT /items/1\n[]");
    EXPECT_NE(server.heads.at(1).find("application/ld+json\r\n"), std::string::npos);
    EXPECT_EQ(server.heads.at(1).find("application/json"), std::string::npos);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, HasAVerbForEachMethod) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/head", [](test::Exchange& it) -> Task<> {
      co_await it.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    });
    http::Client client;
    const std::string url = server.url + "/x";
    http::Response post = co_await client.post(url, {.body = "p"});
    EXPECT_EQ(co_await post.text(), "POST /x\np");
    http::Response put = co_await client.put(url, {.body = http::text("ü")});
    EXPECT_EQ(co_await put.text(), "PUT /x\nü");
    http::Response patch = co_await client.patch(url, {.body = "a"});
    EXPECT_EQ(co_await patch.text(), "PATCH /x\na");
    http::Response deleted = co_await client.delete_(url);
    EXPECT_EQ(co_await deleted.text(), "DELETE /x\n");
    http::Response own = co_await client.request("PROPFIND", url, {.body = "own"});
    EXPECT_EQ(co_await own.text(), "PROPFIND /x\nown");
    http::Response empty = co_await client.post(url);
    EXPECT_EQ(co_await empty.text(), "POST /x\n");
    http::Response head = co_await client.head(server.url + "/head");
    EXPECT_EQ(head.content_length(), 1000u);
    EXPECT_EQ(co_await head.text(), "");
    EXPECT_EQ(server.connections, 1);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, AddsTheQueryToTheUrl) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const std::string one = co_await page(client, server.url + "/a", {.query = {{"q", "x y&z=ü"}}});
    EXPECT_EQ(one, "GET /a?q=x%20y%26z%3D%C3%BC\n");
    const std::string more =
        co_await page(client, server.url + "/a?b=1#there", {.query = {{"c", "2"}, {"d", ""}}});
    EXPECT_EQ(more, "GET /a?b=1&c=2&d=\n");
    std::vector<http::Field> many;
    for (int i = 0; i < 20; ++i) many.push_back({"n", "1"});
    const std::string long_one = co_await page(client, server.url + "/", {.query = many});
    EXPECT_EQ(long_one.size(), std::string("GET /?\n").size() + 20 * 4 - 1);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, SendsTheClientsHeadersAndTheRequestsOver) {
  test::run_http([]() -> Task<> {
    http::Client client({.headers = {{"X-Test", "of the client"}}, .user_agent = "an agent"});
    const std::string url = nginx().plain + "/seen";
    const std::string common = co_await page(client, url);
    EXPECT_EQ(common, "GET||of the client||an agent");
    const std::string own = co_await page(client, url, {.headers = {{"x-test", "of this"}}});
    EXPECT_EQ(own, "GET||of this||an agent");
    http::Response response = co_await client.get(nginx().plain + "/set_cookie");
    const auto set = response.headers().get_all("set-cookie");
    EXPECT_EQ(set.size(), 2u);
    std::string names;
    for (const http::Field line : response.headers()) names += std::string(line.name) + " ";
    EXPECT_NE(names.find("Set-Cookie Set-Cookie"), std::string::npos) << names;
  });
}

// Again and again by one handle, which is told only what has changed.
TEST(HttpClient, SaysTheUsualLinesOnceAndTheCallersInsteadOfThem) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const auto count = [&server](std::string_view line) {
      const std::string& head = server.heads.back();
      int times = 0;
      for (std::size_t at = 0; (at = head.find(line, at)) != head.npos; ++at) ++times;
      return times;
    };
    for (int round = 0; round < 2; ++round) {
      const std::string usual = co_await page(client, server.url + "/a");
      EXPECT_EQ(usual, "GET /a\n");
      EXPECT_EQ(count("\r\nUser-Agent: eddy\r\n"), 1);
      EXPECT_EQ(count("\r\nAccept-Encoding: "), 1);
      EXPECT_EQ(count("gzip"), 1) << server.heads.back();
      const std::string again = co_await page(client, server.url + "/a?b=c");
      EXPECT_EQ(again, "GET /a?b=c\n");
      EXPECT_EQ(count("\r\nUser-Agent: eddy\r\n"), 1);
      const std::string own = co_await page(
          client, server.url + "/a", {.headers = {{"user-agent", "B"}, {"Accept-Encoding", ""}}});
      EXPECT_EQ(own, "GET /a\n");
      EXPECT_EQ(count("ser-"), 1) << server.heads.back();
      EXPECT_EQ(count("\r\nuser-agent: B\r\n"), 1);
      EXPECT_EQ(count("Encoding:"), 1);
      EXPECT_EQ(count("gzip"), 0);
      http::Response posted = co_await client.post(server.url + "/a", {.body = "x"});
      const std::string echoed = co_await posted.text();
      EXPECT_EQ(echoed, "POST /a\nx");
      EXPECT_EQ(count("\r\nUser-Agent: eddy\r\n"), 1);
      EXPECT_EQ(count("gzip"), 1);
      EXPECT_EQ(count("Content-Type"), 1);  // eddy's, and none of libcurl's
      EXPECT_EQ(count("Expect"), 0);
    }
    http::Client silent({.compression = false, .user_agent = ""});
    const std::string bare = co_await page(silent, server.url + "/a");
    EXPECT_EQ(bare, "GET /a\n");
    EXPECT_EQ(count("User-Agent") + count("Accept-Encoding"), 0) << server.heads.back();
    co_await client.close();
    co_await silent.close();
    co_await server.stop();
  });
}

TEST(HttpHeaders, AreReadFromAnyLine) {
  http::Headers headers;
  for (const char* line :
       {"A: 1\r\n", "b:\r\n", "C:   \r\n", " d :\t2 3 \n", "none\r\n", ":x", "e:5"}) {
    headers.add_line(line);
  }
  std::string all;
  for (const http::Field field : headers) {
    all.append(field.name).append("=").append(field.value).append(";");
  }
  EXPECT_EQ(all, "A=1;b=;C=;d=2 3;=x;e=5;");
  EXPECT_EQ(headers.get("D"), "2 3");
  EXPECT_EQ(headers.get("c"), "");
  EXPECT_FALSE(headers.contains("f"));
}

TEST(HttpClient, SendsForms) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    http::Response form = co_await client.post(
        server.url + "/form", {.body = http::form({{"name", "a b"}, {"sign", "&=+"}})});
    const std::string fields = co_await form.text();
    EXPECT_TRUE(fields == "POST /form\nname=a+b&sign=%26%3D%2B" ||
                fields == "POST /form\nname=a%20b&sign=%26%3D%2B")
        << fields;
    EXPECT_NE(server.heads.at(0).find("application/x-www-form-urlencoded\r\n"), std::string::npos);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, SendsFormsWithFilesThatItReadsMeanwhile) {
  test::Directory directory;
  directory.write("notes.txt", std::string(300'000, 'n'));
  test::run_http([&]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const std::string path = directory.path("notes.txt");
    const std::vector<http::Part> parts{
        {.name = "title", .value = "all of it"},
        {.name = "notes", .path = path, .content_type = "text/plain"},
        {.name = "last", .value = "1\r\n2", .filename = "a \"name\".bin"}};
    http::Response response =
        co_await client.post(server.url + "/upload", {.body = http::multipart(parts)});
    const std::string text = co_await response.text();
    EXPECT_NE(text.find("name=\"title\"\r\n\r\nall of it\r\n--"), std::string::npos);
    EXPECT_NE(text.find("name=\"notes\"; filename=\"notes.txt\"\r\nContent-Type: text/plain"),
              std::string::npos);
    EXPECT_NE(text.find("\r\n\r\n" + std::string(300'000, 'n') + "\r\n--"), std::string::npos);
    EXPECT_NE(text.find("name=\"last\"; filename=\"a %22name%22.bin\""), std::string::npos)
        << text.substr(text.size() - 300);
    EXPECT_NE(text.find("\r\n\r\n1\r\n2\r\n--"), std::string::npos);
    EXPECT_TRUE(text.ends_with("--\r\n"));
    EXPECT_NE(server.heads.at(0).find("Content-Type: multipart/form-data; boundary="),
              std::string::npos);
    EXPECT_NE(server.heads.at(0).find("Content-Length: "), std::string::npos);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, SaysWhoAsks) {
  test::run_http([]() -> Task<> {
    http::Client client;
    const std::string url = nginx().plain;
    http::Response nobody = co_await client.get(url + "/private");
    EXPECT_EQ(nobody.status(), 401);
    http::Response wrong = co_await client.get(
        url + "/private", {.authorization = {.user = "user", .password = "guess"}});
    EXPECT_EQ(wrong.status(), 401);
    http::Response right = co_await client.get(
        url + "/private", {.authorization = {.user = "user", .password = "secret"}});
    EXPECT_EQ(right.status(), 200);
    http::Response token =
        co_await client.get(url + "/bearer", {.authorization = {.bearer = "a-token"}});
    EXPECT_EQ(co_await token.text(), "yes");
    const std::string own = co_await page(
        client, url + "/authorization",
        {.headers = {{"Authorization", "Own words"}}, .authorization = {.bearer = "a-token"}});
    EXPECT_EQ(own, "Own words");
  });
}

TEST(HttpClient, KeepsCookiesUnlessItIsToldNotTo) {
  test::run_http([]() -> Task<> {
    http::Client client;
    http::Client forgetful({.cookies = false});
    const std::array both{&client, &forgetful};
    for (http::Client* each : both) {
      const std::string set = co_await page(*each, nginx().plain + "/set_cookie");
      EXPECT_EQ(set, "set");
    }
    const std::string kept = co_await page(client, nginx().plain + "/cookies");
    EXPECT_TRUE(kept == "a=1; b=2" || kept == "b=2; a=1") << kept;
    const std::string none = co_await page(forgetful, nginx().plain + "/cookies");
    EXPECT_EQ(none, "");
    // A cookie is its host's.
    const std::string elsewhere = co_await page(
        client, "http://localhost:" + std::to_string(nginx().plain_port()) + "/cookies");
    EXPECT_EQ(elsewhere, "");
  });
}

TEST(HttpClient, FollowsRedirectsAndCountsThem) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/count/", &test::count_down);
    server.on("/circle", &test::send_to_itself);
    http::Client client({.redirects = 3});
    http::Response moved = co_await client.get(nginx().plain + "/moved");
    EXPECT_EQ(moved.status(), 200);
    EXPECT_EQ(moved.redirects(), 1u);
    EXPECT_EQ(moved.url(), nginx().plain + "/hello");
    EXPECT_EQ(co_await moved.text(), "hello\n");
    http::Response three = co_await client.get(server.url + "/count/3");
    EXPECT_EQ(three.redirects(), 3u);
    EXPECT_EQ(co_await three.text(), "there");
    const auto four =
        co_await test::failure_of<http::TransferError>(client.get(server.url + "/count/4"));
    EXPECT_TRUE(four && four->kind() == http::Kind::too_many_redirects);
    const auto circle = co_await test::failure_of<http::TransferError>(
        client.get(server.url + "/circle", {.redirects = 20}));
    EXPECT_TRUE(circle && circle->kind() == http::Kind::too_many_redirects);
    EXPECT_TRUE(circle && !circle->may_pass());
    http::Response off = co_await client.get(nginx().plain + "/moved", {.redirects = 0});
    EXPECT_EQ(off.status(), 301);
    EXPECT_EQ(off.headers().get("Location"), nginx().plain + "/hello");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpClient, ChangesTheMethodAsTheRedirectAsks) {
  test::run_http([]() -> Task<> {
    http::Client client;
    const auto posted = [&](const char* path) -> Task<std::string> {
      http::Response response = co_await client.post(nginx().plain + path, {.body = "b"});
      std::string text = co_await response.text();
      co_return text.substr(0, text.find('|'));
    };
    EXPECT_EQ(co_await posted("/found"), "GET");
    EXPECT_EQ(co_await posted("/other"), "GET");
    EXPECT_EQ(co_await posted("/again"), "POST");
  });
}

TEST(HttpClient, TellsNoOtherHostWhoAsks) {
  test::run_http([]() -> Task<> {
    http::Client client;
    // The same port by another name.
    const std::string there =
        co_await page(client, nginx().plain + "/leaves", {.authorization = {.bearer = "a-token"}});
    EXPECT_EQ(there, "");
    const std::string basic =
        co_await page(client, nginx().plain + "/leaves",
                      {.authorization = {.user = "user", .password = "secret"}});
    EXPECT_EQ(basic, "");
    const std::string header = co_await page(client, nginx().plain + "/leaves",
                                             {.headers = {{"Authorization", "Bearer a-token"}}});
    EXPECT_EQ(header, "");
  });
}

TEST(HttpClient, UndoesCompressionThatItAskedFor) {
  test::run_http([]() -> Task<> {
    http::Client client;
    http::Client plain({.compression = false});
    const std::string asked = co_await page(client, nginx().plain + "/accepts");
    EXPECT_NE(asked.find("gzip"), std::string::npos);
    const std::string not_asked = co_await page(plain, nginx().plain + "/accepts");
    EXPECT_EQ(not_asked, "");
    http::Response response = co_await client.get(nginx().plain + "/gzip/zeros.txt");
    EXPECT_EQ(response.headers().get("Content-Encoding"), "gzip");
    const std::string text = co_await response.text();
    EXPECT_EQ(text, std::string(1 << 20, '0'));
    EXPECT_EQ(response.content_length(), std::nullopt);
  });
}

TEST(HttpClient, MakesNothingBeforeTheFirstRequest) {  // F128
  test::run_http([]() -> Task<> {
    const unsigned before = test::open_descriptors();
    http::Client client;
    EXPECT_EQ(test::open_descriptors(), before);
    EXPECT_EQ(client.stats().open, 0u);
    co_await client.close();
    EXPECT_TRUE(client.closed());
  });
  http::Client outside;  // of no loop yet
  EXPECT_FALSE(outside.closed());
}

TEST(HttpClient, IsClosedOnceAndForAll) {  // F127, F128
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/never", &test::never_answer);
    http::Client client;
    const std::string text = co_await page(client, server.url + "/a");
    EXPECT_EQ(server.open, 1);
    auto waiting = spawn(client.get(server.url + "/never"));
    co_await server.until_requests(2);
    co_await client.close();
    co_await client.close();
    EXPECT_TRUE(client.closed());
    co_await server.until_open(0);
    const auto ended = co_await test::failure_of<http::TransferError>(waiting);
    EXPECT_TRUE(ended && ended->kind() == http::Kind::closed);
    const auto after = co_await test::failure_of<UsageError>(page(client, server.url + "/b"));
    EXPECT_TRUE(after) << "a closed client was used";
    co_await server.stop();
  });
}

TEST(HttpClient, RefusesWhatCannotBeARequest) {
  test::run_http([]() -> Task<> {
    http::Client client;
    const std::string url = nginx().plain + "/seen";
    const auto refused = [&](std::string where, http::RequestOptions options = {}) -> Task<bool> {
      const auto error = co_await test::failure_of<UsageError>(page(client, where, options));
      co_return error.has_value();
    };
    static constexpr std::array bad_ones{"",
                                         "http",
                                         "http:/x",
                                         "no url",
                                         "/relative",
                                         "http://",
                                         "http://host:99999999/",
                                         "ftp://127.0.0.1/",
                                         "http://a b/",
                                         "file:///etc/passwd"};
    for (const char* bad : bad_ones) {
      const bool was = co_await refused(bad);
      EXPECT_TRUE(was) << bad;
    }
    const bool feed = co_await refused(url, {.headers = {{"X-Test", "a\r\nX-Other: b"}}});
    EXPECT_TRUE(feed) << "a header with a line feed";
    const bool name = co_await refused(url, {.headers = {{"X Test:", "a"}}});
    EXPECT_TRUE(name) << "a name with a blank";
    const bool zero = co_await refused(url + std::string("\0x", 2));
    EXPECT_TRUE(zero) << "a URL with a zero byte";
    const std::string still = co_await page(client, url);
    EXPECT_TRUE(still.starts_with("GET|"));
  });
  EXPECT_THROW(http::Client({.max_connections = 0}), UsageError);
}

}  // namespace
