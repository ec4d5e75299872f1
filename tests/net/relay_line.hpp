// A line of sockets with a relay in the middle, over TCP and over UNIX sockets.
#pragma once

#include "support/run.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>

namespace test {

using namespace eddy;
using namespace eddy::internal;

enum class Kind { tcp, local };
inline constexpr Kind kinds[] = {Kind::tcp, Kind::local};

struct StreamPair {
  Stream a, b;
};

inline StreamPair connected(Kind kind) {
  if (kind == Kind::local) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    return {Stream(Socket(UniqueFd(fds[0]))), Stream(Socket(UniqueFd(fds[1])))};
  }
  Socket listener(AF_INET, SOCK_STREAM);
  listener.bind(Address::parse("127.0.0.1:0"));
  listener.listen(1);
  const Address where = listener.local();
  Socket client(AF_INET, SOCK_STREAM);
  EXPECT_EQ(::connect(client.fileno(), where.data(), where.size()), 0);
  UniqueFd accepted(::accept4(listener.fileno(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(accepted);
  return {Stream(std::move(client)), Stream(Socket(std::move(accepted)))};
}

// What is written to `in` comes out of `out`, by a relay from `from` to `to`.
struct Line {
  explicit Line(Kind kind) {
    StreamPair first = connected(kind), second = connected(kind);
    in = std::move(first.a);
    from = std::move(first.b);
    to = std::move(second.a);
    out = std::move(second.b);
  }
  Stream in, from, to, out;
};

inline std::string numbers(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  return text;
}

// A relay of a task's own.
inline JoinHandle<std::uint64_t> start(Line& line) { return spawn(relay(line.from, line.to)); }

inline Task<std::string> read_count(Stream& stream, std::size_t count) {
  std::string text(count, '\0');
  co_await stream.read_exactly(text);
  co_return text;
}

// Until the relay has filled both sockets, and waits for room: how many bytes that took.
inline Task<std::size_t> fill_up(Line& line, const std::string& much) {
  std::size_t sent = 0;
  pollfd room{.fd = line.in.socket().fileno(), .events = POLLOUT, .revents = 0};
  for (int idle = 0; idle < 10;) {
    const ssize_t count =
        ::send(room.fd, much.data() + sent, much.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) sent += static_cast<std::size_t>(count);
    co_await settle();
    idle = count > 0 || ::poll(&room, 1, 1) > 0 ? 0 : idle + 1;
  }
  EXPECT_LT(sent, much.size());
  co_return sent;
}

inline std::error_code error_of(const Result<std::uint64_t>& result) {
  return result ? std::error_code() : result.error();
}

}  // namespace test
