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
      const std::string line = co_await stream.readline();
      if (line.empty()) break;
      co_await stream.write_all(line);
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

}  // namespace
