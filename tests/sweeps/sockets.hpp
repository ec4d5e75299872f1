// Plain sockets and pipes for worlds: what a stream's peer does, without a loop.
#pragma once

#include "support/awaitables.hpp"

#include <eddy/net/listener.hpp>
#include <eddy/net/stream.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <vector>

namespace test {

// Two ends, connected to each other.
struct Pair {
  explicit Pair(int type = SOCK_STREAM) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()), 0);
    ours.reset(fds[0]);
    peer.reset(fds[1]);
  }
  UniqueFd ours, peer;
};
struct Pipe {
  Pipe() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
    out.reset(fds[0]);
    in.reset(fds[1]);
  }
  UniqueFd out, in;
};

inline void put(int fd, std::string_view text) {
  EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}
// To a peer, which may be gone. How much of it went.
inline std::string_view send_to_peer(int fd, std::string_view text) {
  const ssize_t count = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
}

// Writes until there is no room; how many bytes that took.
inline std::size_t fill_up(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const std::string much(4096, '#');
  std::size_t count = 0;
  for (std::size_t piece = much.size(); piece > 0; piece /= 2) {
    for (ssize_t written; (written = ::write(fd, much.data(), piece)) > 0;) {
      count += static_cast<std::size_t>(written);
    }
  }
  ::fcntl(fd, F_SETFL, flags);
  return count;
}

// What is there, without waiting.
inline std::string drain(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  std::string all;
  std::array<char, 16384> piece;
  for (ssize_t count; (count = ::read(fd, piece.data(), piece.size())) > 0;) {
    all.append(piece.data(), static_cast<std::size_t>(count));
  }
  ::fcntl(fd, F_SETFL, flags);
  return all;
}

// A name that no other socket has.
inline Address fresh_name() {
  static std::atomic<int> number = 0;
  return Address::abstract("eddy-sweeps-" + std::to_string(::getpid()) + "-" +
                           std::to_string(++number));
}

// Connects without waiting.
inline UniqueFd connect_plainly(const Address& to) {
  UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  static_cast<void>(::connect(fd.get(), to.data(), to.size()));
  return fd;
}

// A server with two clients that say nothing. It ends when it is closed and they have gone.
struct Served {
  Task<> begin() {
    listener = listen(where);
    for (int i = 0; i < 2; ++i) clients.push_back(connect_plainly(where));
    co_return;
  }
  void wake() {
    listener.close();
    clients.clear();
  }
  Address where = fresh_name();
  Listener listener;
  std::vector<UniqueFd> clients;
};

// A stream whose peer sends a line when it is told to.
struct Incoming {
  static constexpr std::string_view line = "a line\n";
  void wake() {
    sent += send_to_peer(pair.peer.get(), line);
  }
  Task<> check() {
    ::shutdown(pair.peer.get(), SHUT_WR);
    try {
      got += co_await stream.read_all();
      EXPECT_EQ(got, sent) << "bytes were lost, or came twice";
    } catch (const Error& error) {
      // Broken off: there was no memory for what came, and nobody reads on behind the hole.
      if (!failed || error.code() != std::errc::not_enough_memory) throw;
      EXPECT_TRUE(sent.starts_with(got)) << "bytes were lost, or came twice";
    }
  }
  void take(Bytes bytes) { got += bytes.text(); }

  Pair pair;
  Stream stream{Socket(std::move(pair.ours))};
  std::array<char, 64> buffer{};
  std::string got;
  std::string sent;
  bool failed = false;
};
inline void wake_and_end(Incoming& w) {
  w.wake();
  ::shutdown(w.pair.peer.get(), SHUT_WR);
}

// A stream without room, whose peer makes some when it is told to.
struct Outgoing {
  Outgoing() {
    int size = 8192;
    ::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    before = fill_up(pair.ours.get());
    stream = Stream(Socket(std::move(pair.ours)));
  }
  void wake() { came += drain(pair.peer.get()); }
  // What came is the beginning of the message, and all of it when the call succeeded.
  Task<> check() {
    wake();
    const std::string part = came.substr(before);
    EXPECT_TRUE(message.starts_with(part)) << "bytes were lost, or came twice";
    if (done) {
      EXPECT_EQ(part.size(), message.size()) << "a part did not go";
    }
    co_return;
  }

  Pair pair;
  Stream stream;
  std::size_t before;
  std::string message = std::string(1000, 'm');
  std::string came;
  bool done = false;
};

}  // namespace test
