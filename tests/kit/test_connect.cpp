#include "support/directory.hpp"
#include "support/run.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;
using Addresses = std::vector<Address>;

// Has a port to itself and refuses whoever comes.
class Refusing {
 public:
  Refusing() : socket_(AF_INET, SOCK_STREAM) { socket_.bind(Address::loopback(0)); }
  Address address() const { return socket_.local(); }

 private:
  Socket socket_;
};

// Never answers: its backlog is full, and the kernel drops what comes.
class Silent {
 public:
  Silent() : socket_(AF_INET, SOCK_STREAM) {
    socket_.bind(Address::loopback(0));
    socket_.listen(0);
    const Address address = socket_.local();
    for (Socket& client : clients_) {
      client = Socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
      EXPECT_EQ(::connect(client.fileno(), address.data(), address.size()), -1);
      EXPECT_EQ(errno, EINPROGRESS);
      pollfd full{.fd = socket_.fileno(), .events = POLLIN, .revents = 0};
      EXPECT_EQ(::poll(&full, 1, 60'000), 1);
    }
  }
  Address address() const { return socket_.local(); }

 private:
  Socket socket_;
  Socket clients_[3];
};

// Goes to no machine: the broadcast address of the loopback, which TCP refuses by itself.
Address unreachable() { return Address::ip("127.255.255.255", 9); }

Task<std::string> failure_of(Addresses addresses) {
  try {
    co_await connect(std::move(addresses));
  } catch (const Error& error) {
    co_return error.what();
  }
  co_return "connected";
}

TEST(AttemptOrder, AlternatesTheFamiliesFromThatOfTheFirst) {
  const auto a4 = Address::loopback(1), b4 = Address::loopback(2), c4 = Address::loopback(3);
  const auto a6 = Address::loopback6(1), b6 = Address::loopback6(2), c6 = Address::loopback6(3);
  const auto ordered = [](const Addresses& given, const Addresses& expected) {
    EXPECT_EQ(attempt_order(given), expected);
    EXPECT_EQ(attempt_order(expected), expected) << "changes nothing more";
  };
  ordered({}, {});
  ordered({a4}, {a4});
  ordered({a6, b6, a4, b4}, {a6, a4, b6, b4});
  ordered({a4, b4, a6, b6}, {a4, a6, b4, b6});
  ordered({a6, b6, c6, a4}, {a6, a4, b6, c6});
  ordered({a6, a4, b4, c4}, {a6, a4, b4, c4});
  ordered({c4, a4, b4}, {c4, a4, b4});
  ordered({a4, c6, b6, a6, b4}, {a4, c6, b4, b6, a6});
}

TEST(ConnectByName, ReachesAHost) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const std::uint16_t port = listener.local().port();
    for (const char* host : {"127.0.0.1", "localhost"}) {
      const ConnectOptions v4{.family = AddressFamily::v4};
      Stream client = co_await connect(host, port, v4);
      EXPECT_EQ(client.peer(), listener.local());
      EXPECT_EQ(client.socket().option<int>(IPPROTO_TCP, TCP_NODELAY), 1);
      Stream served = co_await listener.accept();
      EXPECT_EQ(served.peer(), client.local());
      Stream other = co_await connect(host, std::to_string(port));
      EXPECT_EQ(other.peer(), listener.local());
      co_await listener.accept();
    }
    Listener listener6 = listen(Address::loopback6(0));
    Stream client = co_await connect("::1", listener6.local().port());
    EXPECT_EQ(client.peer(), listener6.local());
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(ConnectByName, SaysWhyItFailed) {
  test::run([]() -> Task<> {
    const std::string impossible = std::string(64, 'x') + ".invalid";
    EXPECT_THROW(co_await connect(impossible, 80), ResolveError);
    Refusing refusing;
    const std::string port = std::to_string(refusing.address().port());
    try {
      const ConnectOptions v4{.family = AddressFamily::v4};
      co_await connect("localhost", port, v4);
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), std::errc::connection_refused);
      EXPECT_EQ(error.what(),
                "connect 'localhost:" + port + "', 1 address tried: Connection refused");
    }
  });
}

TEST(ConnectToAny, GoesOnAtOnceWhereItIsRefused) {
  test::run([]() -> Task<> {
    Refusing first, second;
    Listener listener = listen(Address::loopback(0));
    const Addresses addresses{first.address(), second.address(), listener.local()};
    const ConnectOptions one_by_one{.head_start = Duration::max()};
    Stream client = co_await connect(addresses, one_by_one);
    EXPECT_EQ(client.peer(), listener.local());
  });
}

TEST(ConnectToAny, LeavesTheOneThatDoesNotAnswer) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Silent silent;
    Listener listener = listen(Address::loopback6(0));
    const Addresses addresses{silent.address(), listener.local()};
    const Instant start = Loop::current().now();
    const auto open = test::open_descriptors();
    Stream client = co_await connect(addresses);
    EXPECT_EQ(client.peer(), listener.local());
    EXPECT_GE(Loop::current().now() - start, 250ms);
    Stream served = co_await listener.accept();
    EXPECT_EQ(test::open_descriptors(), open + 2) << "its own socket is closed";
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(ConnectToAny, TakesTheOneThatAnswersInTime) {
  test::run([]() -> Task<> {
    Listener preferred = listen(Address::loopback6(0));
    Listener other = listen(Address::loopback(0));
    const Addresses addresses{preferred.local(), other.local()};
    const ConnectOptions patient{.head_start = Duration::max()};
    Stream client = co_await connect(addresses, patient);
    EXPECT_EQ(client.peer(), preferred.local());
  });
}

TEST(ConnectToAny, TellsTheMostWhenAllFail) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Refusing refusing;
    const Addresses one{unreachable()};
    EXPECT_EQ(co_await failure_of(one),
              "connect '127.255.255.255:9', 1 address tried: Network is unreachable");
    const Addresses two{unreachable(), refusing.address()};
    EXPECT_EQ(co_await failure_of(two),
              "connect '127.255.255.255:9', 2 addresses tried: Connection refused");
    const Addresses three{Address::unix_path("/nonexistent/socket"), refusing.address(),
                          unreachable()};
    EXPECT_EQ(co_await failure_of(three), "connect 'unix:/nonexistent/socket', 3 addresses tried: "
                                          "No such file or directory");
    EXPECT_THROW(co_await connect(Addresses()), UsageError);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(ConnectToAny, EndsWithItsTimeLimit) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Silent first, second;
    const Addresses addresses{first.address(), second.address()};
    EXPECT_THROW(co_await timeout(10s, connect(addresses)), TimeoutError);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// C1, C3, C13: before it started, at each turn, and with the connection on its way
TEST(ConnectToAny, LeavesNothingOpenWhenItIsCancelled) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 50; ++turns) {
    for (const Duration head_start : {Duration::zero(), Duration(250ms)}) {
      test::run([&]() -> Task<> {
        Silent silent;
        Refusing refusing;
        Listener listener = listen(Address::loopback(0));
        Addresses addresses{refusing.address(), listener.local(), silent.address()};
        if (turns % 2 == 1) std::swap(addresses[1], addresses[2]);
        const ConnectOptions options{.head_start = head_start};
        const auto open = test::open_descriptors();
        auto task = spawn(connect(addresses, options));
        for (int i = 0; i < turns / 2; ++i) co_await yield();
        const bool accepted = task.cancel();
        co_await wait_until_done(task);
        EXPECT_EQ(task.cancelled(), accepted);
        EXPECT_EQ(test::open_descriptors(), open + (accepted ? 0u : 1u)) << turns;
      });
    }
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

// Several answer: one is given, the others are closed.
TEST(ConnectToAny, ClosesWhatWonToo) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    std::vector<Listener> listeners;
    Addresses addresses;
    for (int i = 0; i < 8; ++i) {
      listeners.push_back(listen(Address::loopback(0)));
      addresses.push_back(listeners.back().local());
    }
    const auto open = test::open_descriptors();
    const ConnectOptions at_once{.head_start = Duration::zero()};
    for (int i = 0; i < 20; ++i) {
      Stream client = co_await connect(addresses, at_once);
      EXPECT_EQ(test::open_descriptors(), open + 1);
    }
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// F02
TEST(ConnectToAny, EndsWithItsLoop) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Silent first, second;
    const Addresses addresses{first.address(), second.address()};
    spawn(connect(addresses));
    co_await sleep(1s);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
