// Connections and files in a child of fork(): what the parent waits for goes on, whatever the child
// drops.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <eddy/eddy.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>

namespace {

using namespace eddy;

int wait_for_child(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Forks while tasks of the loop wait; the child does `in_child`, and ends.
template <class F>
int fork_and(F in_child) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    in_child();
    ::_exit(0);
  }
  return wait_for_child(child);
}

Task<std::string> read_text(Stream& from, std::size_t count) {
  std::string text(count, ' ');
  co_await from.read_exactly(MutableBytes(text.data(), text.size()));
  co_return text;
}

struct Pair {
  explicit Pair(int type) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
    ours.reset(fds[0]);
    theirs.reset(fds[1]);
  }
  UniqueFd ours;
  UniqueFd theirs;
};

// Edges 7
TEST(Fork, AChildThatDropsAStreamInUseShutsDownNothing) {
  auto loop = std::make_unique<Loop>();
  Pair pair(SOCK_STREAM);
  auto stream = std::make_unique<Stream>(Socket(std::move(pair.ours)));
  auto reader = loop->spawn(read_text(*stream, 5));
  loop->turn();
  loop->turn();
  for (const bool loop_first : {false, true}) {
    EXPECT_EQ(fork_and([&] {
      if (loop_first) loop.reset();
      stream.reset();
      loop.reset();
    }), 0);
  }
  EXPECT_EQ(::send(pair.theirs.get(), "hello", 5, MSG_NOSIGNAL), 5);
  while (!reader.done()) loop->turn(1s);
  EXPECT_EQ(reader.result(), "hello");
  loop->close();
}

TEST(Fork, AChildThatClosesAStreamInUseShutsDownNothing) {
  Loop loop;
  Pair pair(SOCK_STREAM);
  Stream stream(Socket(std::move(pair.ours)));
  auto reader = loop.spawn(read_text(stream, 5));
  loop.turn();
  loop.turn();
  EXPECT_EQ(fork_and([&] {
    const auto close = [&]() -> Task<> { co_await stream.close(); };
    eddy::run(close);
  }), 0);
  EXPECT_EQ(::send(pair.theirs.get(), "hello", 5, MSG_NOSIGNAL), 5);
  while (!reader.done()) loop.turn(1s);
  EXPECT_EQ(reader.result(), "hello");
}

// One process for each connection: the child goes on with it, in a loop of its own.
TEST(Fork, AChildUsesAStreamThatTheParentHadReadFrom) {
  Loop loop;
  Pair pair(SOCK_STREAM);
  Stream stream(Socket(std::move(pair.ours)));
  const auto first = [&]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(::send(pair.theirs.get(), "x", 1, MSG_NOSIGNAL), 1);
      co_await read_text(stream, 1);
    }
  };
  loop.run(first());
  EXPECT_EQ(fork_and([&] {
    const auto answer = [&]() -> Task<> {
      if (co_await read_text(stream, 4) != "ping") ::_exit(1);
      co_await stream.write("pong");
      auto reader = spawn(read_text(stream, 1));
      co_await yield();
      stream = Stream();  // in use in the child itself: ends what is in progress
      if (co_await as_result(reader)) ::_exit(2);
    };
    EXPECT_EQ(::send(pair.theirs.get(), "ping", 4, MSG_NOSIGNAL), 4);
    eddy::run(answer);
  }), 0);
  char answer[5] = {};
  EXPECT_EQ(::recv(pair.theirs.get(), answer, 4, 0), 4);
  EXPECT_STREQ(answer, "pong");
}

TEST(Fork, AChildThatDropsASocketOfDatagramsInUseEndsNothing) {
  auto loop = std::make_unique<Loop>();
  auto socket = std::make_unique<UdpSocket>(UdpSocket::bind(Address::loopback(0)));
  const Address at = socket->local();
  auto reader = loop->spawn([](UdpSocket& from) -> Task<std::size_t> {
    char bytes[10];
    const auto got = co_await from.receive_from(bytes);
    co_return got.count;
  }(*socket));
  loop->turn();
  loop->turn();
  EXPECT_EQ(fork_and([&] {
    socket.reset();
    loop.reset();
  }), 0);
  auto sender = UdpSocket::bind(Address::loopback(0));
  loop->run([](UdpSocket& from, Address to) -> Task<> {
    co_await from.send_to("hello", to);
  }(sender, at));
  while (!reader.done()) loop->turn(1s);
  EXPECT_EQ(reader.result(), 5u);
}

TEST(Fork, AChildThatDropsAListenerLeavesTheParentsAccepting) {
  auto loop = std::make_unique<Loop>();
  std::unique_ptr<Listener> listener;
  const auto start = [&]() -> Task<> {
    listener = std::make_unique<Listener>(listen(Address::loopback(0)));
    co_return;
  };
  loop->run(start());
  auto accepted = loop->spawn([](Listener& at) -> Task<> {
    Stream first = co_await at.accept();
    Stream second = co_await at.accept();
  }(*listener));
  loop->turn();
  loop->turn();
  for (const bool loop_first : {false, true}) {
    EXPECT_EQ(fork_and([&] {
      if (loop_first) loop.reset();
      listener.reset();
      loop.reset();
    }), 0);
  }
  loop->run([](Address to) -> Task<> {
    Stream first = co_await connect(to);
    Stream second = co_await connect(to);
  }(listener->local()));
  while (!accepted.done()) loop->turn(1s);
  listener->close();
  loop->close();
}

// Where the descriptor stands is the same in both.
TEST(Fork, AChildThatDropsAFileMovesNothing) {
  test::Directory directory;
  directory.write("a", "abcdef");
  Loop loop;
  const auto read = [&]() -> Task<> {
    const int fd = ::open(directory.path("a").c_str(), O_RDONLY | O_CLOEXEC);
    std::optional<File> file(File::adopt(fd, "r", true, {.buffering = 4}));
    EXPECT_EQ(co_await file->read(1), "a");
    EXPECT_EQ(fork_and([&] { file.reset(); }), 0);
    EXPECT_EQ(co_await file->read(), "bcdef");
    co_await file->close();
  };
  loop.run(read());
}

}  // namespace
