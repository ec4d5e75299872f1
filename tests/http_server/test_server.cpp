// What the HTTP server of the examples promises beside its answers, which examples/test_http.py
// checks.
#include <eddy/eddy.hpp>
#include <gtest/gtest.h>

#include "http/connection.hpp"
#include "support/allocations.hpp"
#include "support/directory.hpp"
#include "support/run.hpp"

using namespace eddy;

namespace {

// Both ends of a connection, in one loop.
struct Ends {
  Stream client;
  Stream server;
};

Task<Ends> connected() {
  Listener listener = listen(Address::loopback(0));
  Ends ends;
  ends.client = co_await connect(listener.local());
  ends.server = co_await listener.accept();
  co_return ends;
}

// Asks, and reads an answer whose length is known.
Task<> exchange(Stream& client, std::string_view request, MutableBytes answer) {
  co_await client.write_all(request);
  co_await client.read_exactly(answer);
}

// How often memory is taken for 100 answers, after some.
std::size_t allocations_of(std::string_view request, std::string_view status,
                           std::string_view end) {
  test::Directory directory;
  directory.write("file.txt", std::string(1020, 'y') + "\nxxx");
  std::size_t made = 0;
  test::run([&]() -> Task<> {
    http::Site site{.root = http::Root(directory.path("").c_str())};
    Ends ends = co_await connected();
    auto serving = spawn(http::converse(std::move(ends.server), site));
    co_await ends.client.write_all(request);
    std::string answer = co_await ends.client.read_until("\r\n\r\n");
    const auto length = answer.find("Content-Length: ");
    const auto more = length == answer.npos ? 0 : std::stoul(answer.substr(length + 16));
    answer.resize(answer.size() + more);
    co_await ends.client.read_exactly(MutableBytes(answer).last(more));
    for (int i = 0; i < 500; ++i) co_await exchange(ends.client, request, answer);
    const std::size_t before = test::allocations();
    for (int i = 0; i < 100; ++i) co_await exchange(ends.client, request, answer);
    made = test::allocations() - before;
    EXPECT_TRUE(answer.starts_with(status) && answer.ends_with(end)) << answer;
    ends.client.shutdown_write();
    co_await serving;
  });
  return test::can_count_allocations() ? made : 0;
}

TEST(HttpServer, AnswersOfAConnectionThatStaysAllocateNothing) {
  const char* request = "GET /file.txt HTTP/1.1\r\nHost: somewhere.example\r\n\r\n";
  EXPECT_EQ(allocations_of(request, "HTTP/1.1 200 OK\r\n", "\nxxx"), 0u);
}

TEST(HttpServer, PartsAndWhatIsKnownAllocateNothingEither) {
  const char* part =
      "GET /file.txt HTTP/1.1\r\nHost: somewhere.example\r\n"
      "If-None-Match: \"a-version-of-which-the-server-has-never-heard\"\r\nRange: bytes=-6\r\n\r\n";
  EXPECT_EQ(allocations_of(part, "HTTP/1.1 206 Partial Content\r\n", "\r\n\r\nyy\nxxx"), 0u);
  const char* known =
      "GET /file.txt HTTP/1.1\r\nHost: somewhere.example\r\n"
      "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\n\r\n";
  EXPECT_EQ(allocations_of(known, "HTTP/1.1 304 Not Modified\r\n", "\r\n\r\n"), 0u);
}

TEST(HttpServer, DatesAreReadInTheThreeFormsThatHttpKnows) {
  for (const char* date : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(http::parse_date(date), 784111777) << date;
  }
  for (const char* other : {"", "now", "Sun, 06 Nov 1994 08:49:37", "784111777",
                            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(http::parse_date(other), std::nullopt) << other;
  }
}

}  // namespace
