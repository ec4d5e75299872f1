#include "redis_session.hpp"

#include "support/allocations.hpp"
#include "support/run.hpp"

#include <sys/socket.h>

namespace {

using namespace eddy;
using namespace eddy::internal;

std::string request(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return text;
}

const std::string value(100, 'x');

// What a client asks over and over: 40 requests that come together.
std::string pipeline() {
  std::string all;
  for (int i = 0; i < 10; ++i) {
    all += request({"SET", "a key that is not short", value});
    all += request({"GET", "a key that is not short"}) + request({"PING"}) + "PING\r\n";
  }
  return all;
}

TEST(RedisSession, AsksForAsManyBytesAsTheRequestNeedsAtLeast) {
  const std::string text = request({"SET", "key", "a\r\nb"}) + "*-1\r\n" + request({"PING"});
  for (std::size_t first = 0; first <= text.size(); ++first) {
    Keys keys;
    Session session(keys);
    const std::string_view part = std::string_view(text).substr(0, first);
    std::size_t taken = session.take(part);
    EXPECT_GT(session.needed(), part.size() - taken) << "with less there is nothing to try";
    EXPECT_LE(session.needed(), text.size() - taken + 1);
    taken += session.take(std::string_view(text).substr(taken));
    EXPECT_EQ(taken, text.size()) << first;
    EXPECT_EQ(session.replies(), "+OK\r\n+PONG\r\n") << first;
  }
}

TEST(RedisSession, SurvivesAnyBytes) {
  std::uint32_t random = 1;
  const std::string_view pieces[] = {"*",   "$",   "\r\n", "1", "2", "-",
                                     "GET", "SET", " ",    "99999999"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) {
      random = random * 1664525 + 1013904223;
      text += pieces[(random >> 16) % std::size(pieces)];
    }
    Keys keys;
    Session session(keys);
    EXPECT_LE(session.take(text), text.size());
    EXPECT_GE(session.needed(), 1u);
  }
}

TEST(RedisSession, AnswersWithoutAnAllocation) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is a sanitizer's";
  Keys keys;
  Session session(keys);
  const std::string all = pipeline();
  EXPECT_EQ(test::allocations_of([&] {
    EXPECT_EQ(session.take(all), all.size());
    session.sent();
  }), 0u);
}

TEST(RedisSession, ConversesWithoutAnAllocation) {
  std::size_t made = 0;
  test::run([&]() -> Task<> {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    Stream client{Socket(UniqueFd(fds[0]))};
    Stream server{Socket(UniqueFd(fds[1]))};
    Keys keys;
    auto serving = spawn(converse(keys, std::move(server)));
    const std::string all = pipeline();
    std::string replies(10 * (5 + 6 + value.size() + 2 + 7 + 7), '\0');
    std::size_t before = 0;
    for (int round = 0; round < 40; ++round) {
      if (round == 30) before = test::allocations();
      co_await client.write_all(all);
      co_await client.read_exactly(replies);
    }
    made = test::allocations() - before;
    EXPECT_TRUE(replies.ends_with("+PONG\r\n+PONG\r\n"));
    client.shutdown_write();
    co_await serving;
  });
  if (test::can_count_allocations()) {
    EXPECT_EQ(made, 0u);
  }
}

}  // namespace
