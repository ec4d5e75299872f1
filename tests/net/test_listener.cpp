#include "support/directory.hpp"
#include "support/run.hpp"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace eddy;
using test::wait_until_done;

Task<std::string> ask(Address address, std::string question) {
  Stream stream = co_await connect(address);
  co_await stream.write_all(question);
  stream.shutdown_write();
  std::string answer = co_await stream.read_all();
  co_await stream.close();
  co_return answer;
}
Task<> echo(Stream stream) {
  const std::string question = co_await stream.read_all();
  co_await stream.write_all(question);
  co_await stream.close();
}

// Both ways of accepting: one request for all, or one for each.
class Listening : public testing::TestWithParam<std::uint32_t> {
 public:
  template <class F>
  void run(F&& body) {
    test::run(std::forward<F>(body), {.without = GetParam()});
  }
};
INSTANTIATE_TEST_SUITE_P(Accept, Listening,
                         testing::Values(0u, std::uint32_t{feature_multishot_accept}));

TEST_P(Listening, AnswersOverEveryFamily) {
  test::Directory directory;
  run([&]() -> Task<> {
    for (const Address& address :
         {Address::loopback(0), Address::loopback6(0), Address::any6(0),
          Address::unix_path(directory.path("s")), Address::abstract("eddy-test-listener")}) {
      Listener listener = listen(address);
      auto server = spawn([&]() -> Task<> {
        for (int i = 0; i < 3; ++i) spawn(echo(co_await listener.accept()));
      });
      const Address target = address == Address::any6(0)
                                 ? Address::loopback(listener.local().port())
                                 : listener.local();
      for (const char* question : {"one", "two", "three"}) {
        EXPECT_EQ(co_await ask(target, question), question);
      }
      co_await server;
      listener.close();
      EXPECT_TRUE(listener.closed());
    }
  });
}

TEST_P(Listening, TellsBothEndsOfAConnection) {
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    Stream client = co_await connect(listener.local());
    Stream served = co_await listener.accept();
    EXPECT_EQ(client.peer(), listener.local());
    EXPECT_EQ(served.peer(), client.local());
    EXPECT_EQ(served.socket().option<int>(IPPROTO_TCP, TCP_NODELAY), 1);
  });
}

TEST_P(Listening, TakesAsManyRequestsAsItSays) {
  run([&]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const Address target = listener.local();
    const Stats before = Loop::current().stats();
    for (int i = 0; i < 10; ++i) {
      const Socket client(AF_INET, SOCK_STREAM);
      EXPECT_EQ(::connect(client.fileno(), target.data(), target.size()), 0);
      const Stream stream = co_await listener.accept();
    }
    const Stats after = Loop::current().stats();
    EXPECT_EQ(after.submitted - before.submitted, GetParam() ? 10u : 1u);
    EXPECT_EQ(after.completed - before.completed, 10u);
  });
}

TEST_P(Listening, LosesNoneOfAThousandConnections) {
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    int served = 0;
    auto server = spawn([&]() -> Task<> {
      while (served < 1000) {
        Stream stream = co_await listener.accept();
        ++served;
        co_await stream.write_all("x");
      }
    });
    int answered = 0;
    const auto client = [&]() -> Task<> {
      for (int i = 0; i < 100; ++i) {
        Stream stream = co_await connect(listener.local());
        char buffer[2];
        answered += static_cast<int>(co_await stream.read_some(buffer));
      }
    };
    std::vector<Task<>> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(client());
    co_await gather(std::move(clients));
    co_await server;
    EXPECT_EQ(answered, 1000);
  });
}

// C1, C3, C4: cancelled at any turn: the connection goes to the next who accepts
TEST_P(Listening, KeepsTheConnectionOfAnAcceptThatIsCancelled) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 6; ++turns) {
    run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      std::string taker;
      const auto take = [&](std::string name) -> Task<> {
        Stream stream = co_await listener.accept();
        taker += name;
      };
      auto first = spawn(take("first"));
      auto second = spawn(take("second"));
      Stream client;
      for (int i = 0; i < turns; ++i) {
        if (i == 2) client = co_await connect(listener.local());
        co_await yield();
      }
      first.cancel();
      co_await wait_until_done(first);
      if (client.closed()) client = co_await connect(listener.local());
      if (first.cancelled()) co_await second;
      EXPECT_EQ(taker, first.cancelled() ? "second" : "first") << turns;
      second.cancel();
      co_await wait_until_done(second);
    });
    EXPECT_EQ(test::open_descriptors(), before);
  }
}

TEST_P(Listening, ClosesWhatNobodyTook) {
  const auto before = test::open_descriptors();
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto accepting = spawn([&]() -> Task<> { Stream one = co_await listener.accept(); });
    std::vector<Stream> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(co_await connect(listener.local()));
    co_await accepting;
    co_await test::settle();
    auto waiting = spawn([&]() -> Task<> {
      for (;;) co_await listener.accept();
    });
    co_await test::settle(50);
    listener.close();
    EXPECT_EQ((co_await as_result(waiting)).error(), std::errc::operation_canceled);
    EXPECT_THROW(static_cast<void>(listener.accept()), UsageError);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_P(Listening, StopsAcceptingWhenNobodyTakesThem) {
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto one = spawn([&]() -> Task<> { Stream stream = co_await listener.accept(); });
    std::vector<Stream> clients;
    for (int i = 0; i < 200; ++i) clients.push_back(co_await connect(listener.local()));
    co_await one;
    co_await test::settle(20);
    const auto open = test::open_descriptors();
    for (int i = 0; i < 50; ++i) clients.push_back(co_await connect(listener.local()));
    co_await test::settle(20);
    EXPECT_EQ(test::open_descriptors(), open + 50) << "the kernel keeps the others";
    for (int i = 1; i < 250; ++i) Stream stream = co_await listener.accept();
  });
}

TEST_P(Listening, SaysThatNoDescriptorIsLeftAndGoesOn) {
  run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    Stream client = co_await connect(listener.local());
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    const int next = ::dup(0);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next), old.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    const auto refused = co_await as_result(listener.accept());
    ::setrlimit(RLIMIT_NOFILE, &old);
    EXPECT_TRUE(!refused && refused.error() == std::errc::too_many_files_open);
    Stream served = co_await listener.accept();
    EXPECT_FALSE(served.closed());
  });
}

// F02
TEST_P(Listening, EndsWithItsLoopAndMayOutliveIt) {
  const auto before = test::open_descriptors();
  {
    Listener kept;
    run([&]() -> Task<> {
      kept = listen(Address::loopback(0));
      spawn([&]() -> Task<> { Stream stream = co_await kept.accept(); });
      Stream client = co_await connect(kept.local());
      co_await test::settle();
      spawn([&]() -> Task<> { Stream stream = co_await kept.accept(); });
      co_await test::settle();
    });
    EXPECT_FALSE(kept.closed());
  }
  run([]() -> Task<> {
    Listener dropped = listen(Address::loopback(0));
    auto accepting = spawn([&]() -> Task<> { Stream stream = co_await dropped.accept(); });
    co_await test::settle();
    accepting.cancel();
    co_await wait_until_done(accepting);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Connect, NamesTheAddressThatRefuses) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const Address nobody = listener.local();
    listener.close();
    co_await test::settle();
    try {
      co_await connect(nobody);
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), std::errc::connection_refused);
      EXPECT_NE(std::string(error.what()).find("connect '" + nobody.format()), std::string::npos);
    }
    try {
      static_cast<void>(listen(Address::unix_path("/nonexistent/socket")));
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("unix:/nonexistent/socket"), std::string::npos);
    }
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// C1: nobody answers: the kernel's request is ended, and nothing stays open
TEST(Connect, LeavesNothingOpenWhenItIsCancelled) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 4; ++turns) {
    test::run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0), {.backlog = 0});
      std::vector<JoinHandle<Stream>> all;
      for (int i = 0; i < 5; ++i) all.push_back(spawn(connect(listener.local())));
      for (int i = 0; i < turns; ++i) co_await yield();
      for (auto& task : all) task.cancel();
      for (auto& task : all) co_await wait_until_done(task);
    });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

// The kernel's accept holds the socket as well.
TEST_P(Listening, FreesTheAddressWithClose) {
  for (const bool drop : {false, true}) {
    run([&]() -> Task<> {
      for (const Address& wanted : {Address::loopback(0), Address::loopback6(0),
                                    Address::abstract("eddy-test-listener-again")}) {
        const ListenOptions options{.reuse_address = false};
        Listener listener = listen(wanted, options);
        const Address address = listener.local();
        for (int round = 0; round < 3; ++round) {
          auto accepting = spawn([&]() -> Task<> { co_await listener.accept(); });
          for (int i = 0; i <= round; ++i) co_await yield();
          if (drop) {
            listener = Listener();
          } else {
            listener.close();
          }
          EXPECT_NO_THROW(listener = listen(address, options)) << address.format() << round;
          co_await wait_until_done(accepting);
        }
        auto client = spawn(connect(address));
        co_await listener.accept();
        co_await client;
      }
    });
  }
}

}  // namespace
