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

TEST(HttpServer, AnswersOfAConnectionThatStaysAllocateNothing) {
  test::Directory directory;
  directory.write("file.txt", std::string(1020, 'y') + "\nxxx");
  test::run([&]() -> Task<> {
    http::Site site{.root = http::Root(directory.path("").c_str())};
    Ends ends = co_await connected();
    auto serving = spawn(http::converse(std::move(ends.server), site));
    const std::string_view request = "GET /file.txt HTTP/1.1\r\nHost: somewhere.example\r\n\r\n";
    co_await ends.client.write_all(request);
    std::string answer = co_await ends.client.read_until("\r\n\r\n");
    answer.resize(answer.size() + 1024);
    co_await ends.client.read_exactly(MutableBytes(answer).last(1024));
    for (int i = 0; i < 50; ++i) co_await exchange(ends.client, request, answer);
    const std::size_t before = test::allocations();
    for (int i = 0; i < 100; ++i) co_await exchange(ends.client, request, answer);
    const std::size_t made = test::allocations() - before;
    EXPECT_EQ(test::can_count_allocations() ? made : 0, 0u);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\nxxx"));
    ends.client.shutdown_write();
    co_await serving;
  });
}

}  // namespace
