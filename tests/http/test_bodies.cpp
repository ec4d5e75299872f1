// Bodies that stream, in and out: by bytes and by lines, to files and from them, in flat memory.
#include <eddy/http.hpp>

#include "http/odd_server.hpp"
#include "http/run.hpp"
#include "support/allocations.hpp"

#include <numeric>

using namespace eddy;
using test::nginx;
using test::page;

namespace {

constexpr std::ptrdiff_t little = 400'000;  // bytes that a stream may hold, whatever passes

TEST(HttpBody, StreamsByLinesInFlatMemory) {  // F124
  test::run_http([]() -> Task<> {
    http::Client client;
    const std::string& url = nginx().lines();
    http::Response warm_up = co_await client.get(nginx().plain + "/file/zeros.txt");
    static_cast<void>(co_await warm_up.text());
    const std::ptrdiff_t before = test::bytes_held();
    static_cast<void>(test::most_bytes_held());
    http::Response response = co_await client.get(url);
    EXPECT_EQ(response.content_length(), 100'000'000u);
    std::size_t count = 0, bytes = 0;
    auto lines = response.lines();
    std::string line;
    while (true) {
      const bool more = co_await lines.next_into(line);
      if (!more) break;
      ++count;
      bytes += line.size();
    }
    EXPECT_EQ(count, 1'000'000u);
    EXPECT_EQ(bytes, 100'000'000u);
    EXPECT_LT(test::most_bytes_held() - before, little);
    EXPECT_TRUE(response.at_end());
    const std::string next = co_await page(client, nginx().plain + "/connection");
    EXPECT_EQ(client.stats().connections, 1u) << "the connection serves again: " << next;
  });
}

TEST(HttpBody, HoldsTheServerBackWhileNobodyReads) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    std::size_t sent = 0;
    server.on("/flood", [&sent](test::Exchange& it) -> Task<> {
      co_await it.say("HTTP/1.1 200 OK\r\n\r\n");
      const std::string piece(65536, 'f');
      for (;;) {
        co_await it.stream.write_all(piece);
        sent += piece.size();
      }
    });
    http::Client client;
    const std::ptrdiff_t before = test::bytes_held();
    {
      http::Response response = co_await client.get(server.url + "/flood");
      // As long as more goes; then for a while in which more could.
      for (std::size_t last = 1; last != sent;) {
        last = sent;
        co_await sleep(20ms);
      }
      EXPECT_LT(test::bytes_held() - before, little);
      const std::size_t stalled_at = sent;
      EXPECT_LT(stalled_at, 40'000'000u) << "more than sockets hold";
      std::string piece(4'000'000, ' ');
      for (int i = 0; i < 10; ++i)
        co_await response.read_exactly(MutableBytes(piece.data(), 4'000'000));
      EXPECT_EQ(piece, std::string(4'000'000, 'f'));
      EXPECT_GT(sent, stalled_at) << "it goes on where somebody reads";
    }
    co_await server.until_open(0);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpBody, HoldsBackWhatHttp2Brings) {
  test::run_http([]() -> Task<> {
    http::Client client(test::trusting());
    static_cast<void>(nginx().lines());
    http::Response response = co_await client.get(nginx().tls + "/file/lines");
    EXPECT_EQ(response.version(), http::Version::http2);
    co_await sleep(50ms);
    // Another request goes on meanwhile.
    const std::string hello = co_await page(client, nginx().tls + "/hello");
    EXPECT_EQ(hello, "hello\n");
    EXPECT_LE(client.stats().open, 2u) << "its own connection, where libcurl is older than 8";
    std::vector<char> buffer(100'000);
    std::size_t all = 0;
    for (std::size_t count = 1; count > 0; all += count) {
      count = co_await response.read_some(buffer);
    }
    EXPECT_EQ(all, 100'000'000u);
  });
}

TEST(HttpBody, ReadsByEachVerbOfAStream) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/chunks", &test::send_chunks);
    server.on("/slow", &test::answer_slowly);
    http::Client client;
    http::Response response = co_await client.get(server.url + "/chunks");
    EXPECT_EQ(response.content_length(), std::nullopt);
    std::array<char, 4> four{};
    co_await response.read_exactly(four);
    EXPECT_EQ(Bytes(four).text(), "line");
    const std::string rest = co_await response.readline();
    EXPECT_EQ(rest, " 1\n");
    const std::string until = co_await response.read_until("2");
    EXPECT_EQ(until, "line 2");
    const std::size_t more = co_await response.fill();
    EXPECT_TRUE(more > 0 || !response.buffered().empty());
    const std::string all = co_await response.read_all();
    EXPECT_EQ(all, "\nline 3");
    const std::size_t nothing = co_await response.read_some(four);
    EXPECT_EQ(nothing, 0u);
    http::Response slow = co_await client.get(server.url + "/slow");
    EXPECT_EQ(slow.headers().get("X-Slow"), "yes");
    const std::string text = co_await slow.text();
    EXPECT_EQ(text, "hello");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpBody, IsReadByOneTaskAtATime) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/stall", &test::stall_at_byte_one);
    http::Client client;
    http::Response response = co_await client.get(server.url + "/stall");
    auto first = spawn(response.text());
    co_await yield();
    const auto second = co_await test::failure_of<UsageError>(response.text());
    EXPECT_TRUE(second);
    first.cancel();
    co_await test::wait_until_done(first);
    std::array<char, 4> four{};
    const std::size_t count = co_await response.read_some(four);
    EXPECT_EQ(count, 1u) << "a cancelled read loses nothing";
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpBody, IsNoLongerThanItMayBe) {
  test::run_http([]() -> Task<> {
    http::Client client;
    http::Response response = co_await client.get(nginx().plain + "/file/digits");
    const auto error = co_await test::failure_of<LimitExceeded>(response.text(9));
    EXPECT_TRUE(error);
    const std::string all = co_await response.text(10);
    EXPECT_EQ(all, "0123456789");
    http::Response large = co_await client.get(nginx().plain + "/file/zeros.txt");
    const auto second = co_await test::failure_of<LimitExceeded>(large.bytes(100'000));
    EXPECT_TRUE(second);
  });
}

TEST(HttpBody, EndsWithTheConnectionWhereNothingElseSaysSo) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/all", &test::end_with_the_connection);
    server.on("/old", &test::answer_as_in_1996);
    http::Client client;
    const std::string all = co_await page(client, server.url + "/all");
    EXPECT_EQ(all, "all of it");
    http::Response old = co_await client.get(server.url + "/old");
    EXPECT_EQ(old.version(), http::Version::http1_0);
    const std::string text = co_await old.text();
    EXPECT_EQ(text, "old");
    http::Response none = co_await client.get(nginx().plain + "/status/204");
    EXPECT_EQ(none.status(), 204);
    const std::string empty = co_await none.text();
    EXPECT_EQ(empty, "");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpBody, GoesIntoAFileWithProgressAndIsResumed) {
  test::Directory directory;
  test::run_http([&]() -> Task<> {
    http::Client client;
    const std::string path = directory.path("zeros");
    http::Response response = co_await client.get(nginx().plain + "/file/zeros.txt");
    std::vector<std::uint64_t> seen;
    std::optional<std::uint64_t> announced;
    const auto progress = [&](std::uint64_t done, std::optional<std::uint64_t> all) {
      seen.push_back(done);
      announced = all;
    };
    const std::uint64_t count = co_await response.download_to(path, progress);
    EXPECT_EQ(count, 1u << 20);
    EXPECT_EQ(directory.read("zeros"), std::string(1 << 20, '0'));
    EXPECT_EQ(announced, 1u << 20);
    EXPECT_EQ(seen.front(), 0u);
    EXPECT_EQ(seen.back(), 1u << 20);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    directory.write("digits", "0123");
    http::Response rest =
        co_await client.get(nginx().plain + "/file/digits", {.headers = {{"Range", "bytes=4-"}}});
    EXPECT_EQ(rest.status(), 206);
    const std::uint64_t more =
        co_await rest.download_to(directory.path("digits"), {.append = true});
    EXPECT_EQ(more, 6u);
    EXPECT_EQ(directory.read("digits"), "0123456789");
    http::Response nowhere = co_await client.get(nginx().plain + "/hello");
    const auto error =
        co_await test::failure_of<Error>(nowhere.download_to(directory.path("no such folder/x")));
    EXPECT_TRUE(error && error->code() == std::errc::no_such_file_or_directory);
  });
}

// Bytes without an end to speak of, which nobody holds.
class Made : public http::BodySource {
 public:
  explicit Made(std::uint64_t all, bool told = true) : all_(all), told_(told) {}
  Task<std::size_t> read_some(MutableBytes into) override {
    if (fails_at && done >= *fails_at) throw std::runtime_error("no more of it");
    if (slow) co_await yield();
    const std::size_t count = std::min<std::uint64_t>(into.size(), all_ - done);
    std::fill_n(into.data(), count, std::byte{'m'});
    done += count;
    co_return count;
  }
  std::optional<std::uint64_t> size() const override {
    return told_ ? std::optional(all_) : std::nullopt;
  }
  bool rewind() override {
    done = 0;
    ++rewound;
    return can_rewind;
  }
  std::uint64_t done = 0;
  std::optional<std::uint64_t> fails_at;
  bool slow = false, can_rewind = true;
  int rewound = 0;

 private:
  std::uint64_t all_;
  bool told_;
};

TEST(HttpUpload, StreamsWhatASourceMakesInFlatMemory) {
  test::run_http([]() -> Task<> {
    http::Client client;
    for (int told = 0; told < 2; ++told) {
      Made source(20'000'000, told == 1);
      source.slow = true;
      const std::ptrdiff_t before = test::bytes_held();
      static_cast<void>(test::most_bytes_held());
      http::Response response = co_await client.put(nginx().plain + "/dav/made", {.body = source});
      EXPECT_LT(test::most_bytes_held() - before, little);
      EXPECT_LT(response.status(), 300);
      EXPECT_EQ(std::filesystem::file_size(nginx().path("made")), 20'000'000u);
    }
    EXPECT_EQ(client.stats().connections, 1u);
  });
}

TEST(HttpUpload, StreamsAFile) {
  test::Directory directory;
  directory.write("file", std::string(1'000'000, 'f') + "end");
  test::run_http([&]() -> Task<> {
    http::Client client;
    const std::array places{nginx().plain, nginx().tls};
    for (const std::string& where : places) {
      http::Client each(test::trusting());
      const std::string path = directory.path("file");
      http::Response response = co_await each.put(where + "/dav/file", {.body = http::file(path)});
      EXPECT_LT(response.status(), 300) << where;
      EXPECT_EQ(nginx().read("file"), directory.read("file"));
      http::Response gone = co_await each.delete_(where + "/dav/file");
      EXPECT_EQ(gone.status(), 204);
    }
    const auto missing = co_await test::failure_of<http::TransferError>(
        client.put(nginx().plain + "/dav/x", {.body = http::file("/no such file")}));
    EXPECT_TRUE(missing && missing->kind() == http::Kind::body);
    EXPECT_NE(std::string(missing ? missing->what() : "").find("/no such file"), std::string::npos);
  });
}

TEST(HttpUpload, FailsWithItsSource) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    Made source(1'000'000);
    source.fails_at = 100'000;
    const auto error = co_await test::failure_of<http::TransferError>(
        client.put(server.url + "/x", {.body = source}));
    EXPECT_TRUE(error && error->kind() == http::Kind::body);
    EXPECT_NE(std::string(error ? error->what() : "").find("no more of it"), std::string::npos);
    co_await server.until_open(0);
    const std::string next = co_await page(client, server.url + "/y");
    EXPECT_EQ(next, "GET /y\n");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpUpload, IsSentAgainWhereARedirectAsksForIt) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/again", [](test::Exchange& it) -> Task<> {
      co_await it.read_body();
      co_await it.answer("", "307 Temporary Redirect", "Location: /there\r\n");
    });
    http::Client client;
    Made source(300'000);
    http::Response response = co_await client.put(server.url + "/again", {.body = source});
    const std::string text = co_await response.text();
    EXPECT_EQ(text, "PUT /there\n" + std::string(300'000, 'm'));
    EXPECT_EQ(source.rewound, 1);
    http::Response bytes = co_await client.post(server.url + "/again", {.body = "bytes"});
    const std::string second = co_await bytes.text();
    EXPECT_EQ(second, "POST /there\nbytes");
    Made once(1000);
    once.can_rewind = false;
    const auto error = co_await test::failure_of<http::TransferError>(
        client.put(server.url + "/again", {.body = once}));
    EXPECT_TRUE(error && error->kind() == http::Kind::body);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpUpload, WaitsForThePermissionThatItAskedFor) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/continue", &test::expect_continue);
    server.on("/refuse", &test::refuse_the_body);
    http::Client client;
    Made source(3'000'000);
    http::Response response = co_await client.put(
        server.url + "/continue", {.headers = {{"Expect", "100-continue"}}, .body = source});
    EXPECT_EQ(response.status(), 200) << "100 is no answer";
    const std::string text = co_await response.text();
    EXPECT_EQ(text, "asked 3000000");
    Made unasked(3'000'000);
    http::Response plain = co_await client.put(server.url + "/continue", {.body = unasked});
    const std::string second = co_await plain.text();
    EXPECT_EQ(second, "at once 3000000") << "nobody waits a second for a server that is silent";
    Made too_much(100'000'000);
    http::Response refused = co_await client.put(server.url + "/refuse", {.body = too_much});
    EXPECT_EQ(refused.status(), 413);
    EXPECT_LT(too_much.done, 100'000'000u);
    const std::string why = co_await refused.text();
    EXPECT_EQ(why, "too much");
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpUpload, IsCancelledInTheMiddle) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/never", &test::never_answer);
    http::Client client;
    Made source(std::uint64_t{1} << 40, false);
    source.slow = true;
    auto upload = spawn(client.put(server.url + "/never", {.body = source}));
    while (source.done < 10'000'000) co_await yield();
    upload.cancel();
    co_await test::wait_until_done(upload);
    EXPECT_TRUE(upload.cancelled());
    const std::uint64_t done = source.done;
    co_await server.until_open(0);
    EXPECT_EQ(source.done, done);
    co_await client.close();
    co_await server.stop();
  });
}

}  // namespace
