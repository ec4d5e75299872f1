#include "net/relay_line.hpp"
#include "support/allocations.hpp"
#include "support/directory.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

namespace {

using namespace test;

TEST(Relay, MovesAllBytesInOrder) {
  for (const Kind kind : kinds) {
    test::run([&]() -> Task<> {
      Line line(kind);
      const std::string much = numbers(8 << 20);
      auto writer = spawn([&]() -> Task<> {
        co_await line.in.write_all(much);
        line.in.shutdown_write();
      });
      auto relaying = spawn([&]() -> Task<> {
        const std::uint64_t count = co_await relay(line.from, line.to);
        EXPECT_EQ(count, much.size());
        line.to.shutdown_write();
      });
      const std::string got = co_await line.out.read_all();
      EXPECT_TRUE(got == much);
      co_await writer;
      co_await relaying;
    });
  }
}

TEST(Relay, MovesNothingOfAnEmptyStream) {
  for (const Kind kind : kinds) {
    test::run([&]() -> Task<> {
      Line line(kind);
      line.in.shutdown_write();
      EXPECT_EQ(co_await relay(line.from, line.to), 0u);
      co_await line.to.write_all("and it is usable after");
      const std::string got = co_await read_count(line.out, 22);
      EXPECT_EQ(got, "and it is usable after");
    });
  }
}

TEST(Relay, SendsFirstWhatWasReadAhead) {
  for (const Kind kind : kinds) {
    test::run([&]() -> Task<> {
      Line line(kind);
      co_await line.in.write_all("header\nahead,");
      const std::string header = co_await line.from.readline();
      EXPECT_EQ(header, "header\n");
      auto relaying = start(line);
      const std::string ahead = co_await read_count(line.out, 6);
      EXPECT_EQ(ahead, "ahead,");
      co_await line.in.write_all("later");
      line.in.shutdown_write();
      EXPECT_EQ(co_await relaying, 11u);
      const std::string later = co_await read_count(line.out, 5);
      EXPECT_EQ(later, "later");
    });
  }
}

TEST(Relay, GivesBackOnOneStreamWhatItIsSent) {
  for (const Kind kind : kinds) {
    test::run([&]() -> Task<> {
      StreamPair ends = connected(kind);
      auto echo = spawn(relay(ends.b, ends.b));
      for (int i = 0; i < 20; ++i) {
        const std::string text = numbers(static_cast<std::size_t>(i) * 100 + 1);
        co_await ends.a.write_all(text);
        const std::string got = co_await read_count(ends.a, text.size());
        EXPECT_EQ(got, text);
      }
      ends.a.shutdown_write();
      EXPECT_GT(co_await echo, 10'000u);
    });
  }
}

TEST(Relay, WorksInBothDirectionsAtOnce) {
  test::run([]() -> Task<> {
    Line line(Kind::tcp);
    auto there = spawn(relay(line.from, line.to));
    auto back = spawn(relay(line.to, line.from));
    co_await line.in.write_all("question");
    const std::string question = co_await read_count(line.out, 8);
    EXPECT_EQ(question, "question");
    co_await line.out.write_all("answer");
    const std::string answer = co_await read_count(line.in, 6);
    EXPECT_EQ(answer, "answer");
    line.in.shutdown_write();
    line.out.shutdown_write();
    EXPECT_EQ(co_await there, 8u);
    EXPECT_EQ(co_await back, 6u);
  });
}

// Urgent data is no part of the stream, and splice() stops in front of it
TEST(Relay, StepsOverUrgentData) {
  test::run([]() -> Task<> {
    Line line(Kind::tcp);
    auto relaying = start(line);
    co_await line.in.write_all("before");
    EXPECT_EQ(::send(line.in.socket().fileno(), "!", 1, MSG_OOB), 1);
    co_await line.in.write_all("after");
    const std::string got = co_await read_count(line.out, 11);
    EXPECT_EQ(got, "beforeafter");
    line.in.shutdown_write();
    EXPECT_EQ(co_await relaying, 11u);
  });
}

// Requests on the ring wait for a socket only as long as its file has no O_NONBLOCK
TEST(Relay, LeavesTheSocketsAsTheyWere) {
  test::run([]() -> Task<> {
    Line line(Kind::tcp);
    auto relaying = start(line);
    co_await line.in.write_all("x");
    co_await read_count(line.out, 1);
    for (const Stream* stream : {&line.from, &line.to}) {
      EXPECT_EQ(::fcntl(stream->socket().fileno(), F_GETFL) & O_NONBLOCK, 0);
    }
    relaying.cancel();
    co_await wait_until_done(relaying);
  });
}

TEST(Relay, IsTheOnlyReaderAndWriter) {
  test::run([]() -> Task<> {
    Line line(Kind::local);
    auto relaying = start(line);
    co_await settle();
    char buffer[4];
    EXPECT_THROW(co_await line.from.read_some(buffer), UsageError);
    EXPECT_THROW(co_await line.to.write_all("x"), UsageError);
    EXPECT_THROW(co_await relay(line.from, line.in), UsageError);
    EXPECT_THROW(co_await relay(line.out, line.to), UsageError);
    co_await line.from.write_all("the other directions are free");
    relaying.cancel();
    co_await wait_until_done(relaying);
    Stream closed;
    EXPECT_THROW(static_cast<void>(relay(closed, line.to)), UsageError);
  });
}

TEST(Relay, LetsOthersRunWhileThereIsMuchToMove) {
  test::run([]() -> Task<> {
    Line line(Kind::local);
    const std::string much = numbers(8 << 20);
    auto writer = spawn([&]() -> Task<> { co_await line.in.write_all(much); });
    auto relaying = start(line);
    for (std::size_t left = much.size(); left > 0;) {
      char buffer[64 * 1024];
      left -= co_await line.out.read_some(buffer);
      EXPECT_FALSE(relaying.done());
    }
    relaying.cancel();
    co_await wait_until_done(relaying);
    co_await writer;
  });
}

// -- failures --

TEST(Relay, FailsWithoutASignalWhenNobodyTakesTheBytes) {
  for (const Kind kind : kinds) {
    test::run([&]() -> Task<> {
      Line line(kind);
      line.to.shutdown_write();
      co_await line.in.write_all("lost?");
      const auto result = co_await as_result(relay(line.from, line.to));
      EXPECT_EQ(error_of(result), std::errc::broken_pipe);
      sigset_t pending;
      ::sigpending(&pending);
      EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
      const std::string kept = co_await read_count(line.from, 5);
      EXPECT_EQ(kept, "lost?");
    });
  }
}

// One that was blocked and pending is not ours to take
TEST(Relay, LeavesASignalThatWasPending) {
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  ::pthread_kill(::pthread_self(), SIGPIPE);
  test::run([]() -> Task<> {
    Line line(Kind::local);
    line.to.shutdown_write();
    co_await line.in.write_all("x");
    const auto result = co_await as_result(relay(line.from, line.to));
    EXPECT_EQ(error_of(result), std::errc::broken_pipe);
  });
  ::sigpending(&pending);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 1);
  const timespec now{};
  EXPECT_EQ(::sigtimedwait(&pipe, nullptr, &now), SIGPIPE);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Relay, FailsWhenTheSenderResets) {
  test::run([]() -> Task<> {
    Line line(Kind::tcp);
    auto relaying = start(line);
    co_await line.in.write_all("x");
    co_await read_count(line.out, 1);
    line.in.socket().set_option(SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
    co_await line.in.close();
    const auto result = co_await as_result(relaying);
    EXPECT_EQ(error_of(result), std::errc::connection_reset);
  });
}

TEST(Relay, FailsWhenTheReceiverResetsWhileItWaitsForRoom) {
  test::run([]() -> Task<> {
    Line line(Kind::tcp);
    const std::string much(64 << 20, 'x');
    auto relaying = start(line);
    co_await fill_up(line, much);
    line.out.socket().set_option(SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
    co_await line.out.close();
    const auto result = co_await as_result(relaying);
    EXPECT_TRUE(!result && (result.error() == std::errc::connection_reset ||
                            result.error() == std::errc::broken_pipe));
  });
}

// Once with descriptors before: UBSan looks at each new class of objects through a pipe of its own.
TEST(Relay, CopiesWhenThereIsNoDescriptorForAPipe) {
  for (const auto& [kind, there] : {std::pair(kinds[0], true), std::pair(kinds[0], false),
                                    std::pair(kinds[1], false)}) {
    test::run([&]() -> Task<> {
      Line line(kind);
      rlimit before{};
      ::getrlimit(RLIMIT_NOFILE, &before);
      const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
      const std::string much = numbers(1 << 20);
      auto writer = spawn([&]() -> Task<> {
        co_await line.in.write_all(much);
        line.in.shutdown_write();
      });
      ::setrlimit(RLIMIT_NOFILE, there ? &before : &none);
      auto relaying = start(line);
      const std::string got = co_await read_count(line.out, much.size());
      ::setrlimit(RLIMIT_NOFILE, &before);
      EXPECT_TRUE(got == much);
      EXPECT_EQ(co_await relaying, much.size());
      co_await writer;
    });
  }
}

TEST(Relay, LeavesNoDescriptorOpen) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      Line line(kinds[i % 2]);
      co_await line.in.write_all("bytes");
      line.in.shutdown_write();
      if (i % 3 == 0) line.to.shutdown_write();
      static_cast<void>(co_await as_result(relay(line.from, line.to)));
    }
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Relay, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  std::vector<std::unique_ptr<Line>> lines;
  for (int i = 0; i < 4; ++i) lines.push_back(std::make_unique<Line>(Kind::tcp));
  const auto round = [&]() -> Task<> {
    Line& line = *lines.back();
    char buffer[64];
    auto relaying = start(line);
    for (int i = 0; i < 20; ++i) {
      co_await line.in.write_all("ping");
      co_await line.out.read_exactly(MutableBytes(buffer, 4));
    }
    line.in.shutdown_write();
    EXPECT_EQ(co_await relaying, 80u);
    lines.pop_back();
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(round()); }), 0u);
}

}  // namespace
