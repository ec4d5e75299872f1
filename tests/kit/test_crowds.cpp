// Very many connections: what they cost while they are idle, and that none is lost.
#include "line_server.hpp"

#include "support/allocations.hpp"
#include "support/directory.hpp"

#include <sys/wait.h>

namespace {

using namespace eddy;
using test::wait_until_done;

// As many as wanted if there are `each` descriptors for every one; fewer under a sanitizer.
int crowd(int wanted, std::size_t each) {
  if (!test::can_count_allocations()) wanted /= 20;
  const std::size_t there = test::raise_descriptor_limit() - test::open_descriptors() - 64;
  return static_cast<int>(std::min(static_cast<std::size_t>(wanted), there / each));
}

Socket connect_now(const Address& address) {
  Socket socket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(::connect(socket.fileno(), address.data(), address.size()), 0);
  test::reset_at_close(socket);  // leaves no port behind for a minute
  return socket;
}

bool say(const Socket& socket, const std::string& text) {
  return ::send(socket.fileno(), text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

// What a handler needs, and no more.
class Plain {
 public:
  Plain() : listener_(listen(Address::loopback(0))), address(listener_.local()) {
    handle_ = [this](Stream stream) { return echo(std::move(stream), *this); };
    serving_ = spawn(serve(listener_, handle_));
  }
  Task<> until(const int& number, int count) {
    while (number < count) {
      changed_.clear();
      co_await changed_.wait();
    }
  }
  Task<> stop() {
    serving_.cancel();
    co_await wait_until_done(serving_);
  }

 private:
  static Task<> echo(Stream stream, Plain& server) {
    ++server.begun;
    server.changed_.set();
    for (;;) {
      const auto line = co_await as_result(stream.readline());
      if (!line || line->empty()) break;
      co_await stream.write_all(*line);
    }
    ++server.ended;
    server.changed_.set();
  }

  Listener listener_;
  std::function<Task<>(Stream)> handle_;
  TaskHandle serving_;
  Event changed_;

 public:
  Address address;
  int begun = 0, ended = 0;
};

// All wait for a line that does not come. Memory of the kernel's, and of the test's clients, does
// not count.
TEST(Crowds, IdleConnectionsCostLittleAndAreAllServed) {
  const int count = crowd(9000, 2);
  const auto before = test::open_descriptors();
  test::run([&]() -> Task<> {
    Plain server;
    std::vector<Socket> clients(static_cast<std::size_t>(count));
    const auto held = test::bytes_held();
    for (int i = 0; i < count; ++i) {
      clients[static_cast<std::size_t>(i)] = connect_now(server.address);
      if (i % 200 == 199) co_await server.until(server.begun, i);
    }
    co_await server.until(server.begun, count);
    co_await test::settle();
    const auto each = (test::bytes_held() - held) / count;
    testing::Test::RecordProperty("bytes_per_connection", static_cast<int>(each));
    EXPECT_LE(each, 2048);
    const Stats start = Loop::current().stats();
    co_await sleep(60s);
    EXPECT_LT(Loop::current().stats().enters - start.enters, 10u) << "all are idle";
    for (const Socket& client : clients) EXPECT_TRUE(say(client, "awake\n"));
    for (Socket& client : clients) {
      Stream stream(std::move(client));
      EXPECT_EQ(co_await stream.readline(), "awake\n");
      stream.shutdown_write();
      EXPECT_EQ(co_await stream.readline(), "");
    }
    co_await server.until(server.ended, count);
    co_await server.stop();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// -- none is lost --

// A client in a process of its own, by plain calls. It reports the number of what went wrong, and
// ends, with every descriptor that it has, when it is let go.
class ClientProcess {
 public:
  template <class F>
  explicit ClientProcess(F&& body) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      const std::string report = std::to_string(body());
      static_cast<void>(::send(ends[1], report.data(), report.size(), MSG_NOSIGNAL));
      ::shutdown(ends[1], SHUT_WR);
      char none;
      static_cast<void>(::recv(ends[1], &none, 1, 0));
      ::_exit(0);
    }
    ::close(ends[1]);
    stream_ = Stream(Socket(UniqueFd(ends[0])));
  }
  ClientProcess(const ClientProcess&) = delete;
  ClientProcess& operator=(const ClientProcess&) = delete;
  ~ClientProcess() {
    let_go();
    ::waitpid(pid_, nullptr, 0);
  }

  Task<std::string> report() { co_return co_await stream_.read_all(); }
  void let_go() { ::shutdown(stream_.socket().fileno(), SHUT_WR); }

 private:
  pid_t pid_ = -1;
  Stream stream_;
};

bool is_answered(const Socket& socket, const std::string& text) {
  std::string got(text.size(), '\0');
  const auto size = ::recv(socket.fileno(), got.data(), got.size(), MSG_WAITALL);
  return size == static_cast<ssize_t>(text.size()) && got == text;
}

// In bursts, so that the kernel's backlog takes them all; every one gets its own number back.
// Every third is gone at once, every other third says something and is gone.
int connect_many(const Address& address, int count) {
  int wrong = 0;
  for (int first = 0; first < count; first += 100) {
    std::vector<std::pair<Socket, std::string>> burst;
    for (int i = first; i < std::min(first + 100, count); ++i) {
      Socket socket(AF_INET, SOCK_STREAM);
      if (::connect(socket.fileno(), address.data(), address.size()) != 0) ++wrong;
      test::reset_at_close(socket);
      std::string line = std::to_string(i) + '\n';
      const bool last = i % 100 == 99 || i + 1 == count;
      if (i % 3 == 1 && !last) continue;
      if (!say(socket, line)) ++wrong;
      if (i % 3 == 0 || last) burst.emplace_back(std::move(socket), std::move(line));
    }
    for (const auto& [socket, line] : burst) wrong += !is_answered(socket, line);
  }
  return wrong;
}

class Bursts : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Accept, Bursts,
                         testing::Values(0u, std::uint32_t{feature_multishot_accept}));

TEST_P(Bursts, LoseNoneOfTenThousandConnections) {
  const int count = test::can_count_allocations() ? 10'000 : 1000;
  const auto before = test::open_descriptors();
  Listener listener;
  const auto body = [&]() -> Task<> {
    int begun = 0, ended = 0;
    Event changed;
    const auto handler = [&](Stream stream) -> Task<> {
      ++begun;
      auto line = co_await as_result(stream.readline());
      if (line) static_cast<void>(co_await as_result(stream.write_all(*line)));
      ++ended;
      changed.set();
    };
    listener = listen(Address::loopback(0));
    const Address address = listener.local();
    ClientProcess client([&] { return connect_many(address, count); });
    auto server = spawn(serve(listener, handler));
    EXPECT_EQ(co_await client.report(), "0");
    while (ended < count) {
      changed.clear();
      co_await changed.wait();
    }
    EXPECT_EQ(begun, count);
    server.cancel();
    co_await wait_until_done(server);
  };
  test::run(body, {.without = GetParam()});
  listener = Listener();
  EXPECT_EQ(test::open_descriptors(), before);
}

// The server has accepted whoever came before the one that it answers.
bool ask_and_go(const Address& address) {
  const Socket socket = connect_now(address);
  return say(socket, "and I?\n") && is_answered(socket, "and I?\n");
}

// Says nothing. In bursts too.
int hold_many(const Address& address, int count, std::vector<Socket>& silent) {
  int wrong = 0;
  for (int i = 0; i < count; ++i) {
    silent.emplace_back(AF_INET, SOCK_STREAM);
    if (::connect(silent.back().fileno(), address.data(), address.size()) != 0) ++wrong;
    test::reset_at_close(silent.back());
    if (i % 100 == 99) wrong += !ask_and_go(address);
  }
  return wrong;
}

// Their process inherits the limit of descriptors, which crowd() raised.
TEST(Crowds, TenThousandSilentConnectionsLeaveRoomForOthersUntilTheyAreGone) {
  const int bursts = crowd(10'000, 1) / 100, count = bursts * 100;
  const auto before = test::open_descriptors();
  test::run([&]() -> Task<> {
    Plain server;
    const auto held = test::bytes_held();
    std::vector<Socket> silent;  // theirs: none here
    ClientProcess clients([&] { return hold_many(server.address, count, silent); });
    EXPECT_EQ(co_await clients.report(), "0");
    EXPECT_EQ(server.begun, count + bursts);
    co_await server.until(server.ended, bursts);
    EXPECT_GE(test::open_descriptors(), before + static_cast<unsigned>(count));
    EXPECT_LE((test::bytes_held() - held) / count, 2048);
    Stream other = co_await connect(server.address);
    for (int i = 0; i < 3; ++i) {
      co_await sleep(60s);
      co_await other.write_all("and I?\n");
      EXPECT_EQ(co_await other.readline(), "and I?\n");
    }
    EXPECT_LE((test::bytes_held() - held) / count, 2048);
    EXPECT_EQ(server.ended, bursts) << "nobody is sent away";
    clients.let_go();
    co_await server.until(server.ended, bursts + count);
    co_await other.close();
    co_await server.until(server.ended, server.begun);
    co_await server.stop();
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// -- what a request costs --

TEST(Crowds, ARequestAllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  test::run([]() -> Task<> {
    Plain server;
    Stream client = co_await connect(server.address);
    std::size_t before = 0;
    for (int i = 0; i < 200; ++i) {
      if (i == 100) before = test::allocations();
      co_await client.write_all("a question\n");
      EXPECT_EQ(co_await client.readline(), "a question\n");
    }
    EXPECT_EQ(test::allocations() - before, 0u);
    co_await client.close();
    co_await server.until(server.ended, 1);
    co_await server.stop();
  });
}

TEST(Crowds, AConnectionAllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  test::run([]() -> Task<> {
    Plain server;
    std::size_t before = 0;
    for (int i = 0; i < 200; ++i) {
      if (i == 100) before = test::allocations();
      Stream client = co_await connect(server.address);
      co_await client.write_all("a question\n");
      EXPECT_EQ(co_await client.readline(), "a question\n");
      co_await client.close();
      co_await server.until(server.ended, i + 1);
    }
    EXPECT_EQ(test::allocations() - before, 0u) << "accept, task, requests and close";
    co_await server.stop();
  });
}

}  // namespace
