#include "support/run.hpp"

#include <eddy/base/unique_fd.hpp>
#include <eddy/kit/gather_with_progress.hpp>
#include <eddy/kit/progress.hpp>

#include <array>
#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

namespace {

using namespace eddy;

std::string read_all(int fd) {
  std::array<char, 65'536> text;
  std::string all;
  for (;;) {
    const auto size = ::read(fd, text.data(), text.size());
    if (size <= 0) return all;
    all.append(text.data(), static_cast<std::size_t>(size));
  }
}

// Two ends; what is written to the one is read from the other.
struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string said() {
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return read_all(ends[0]);
  }
  int ends[2];
};
// The same, and a terminal of so many columns.
struct Terminal {
  explicit Terminal(unsigned short columns = 60) {
    ::winsize size{24, columns, 0, 0};
    ::termios raw{};
    ::cfmakeraw(&raw);
    EXPECT_EQ(::openpty(&ends[0], &ends[1], nullptr, &raw, &size), 0);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string said() { return read_all(ends[0]); }
  int ends[2];
};

TEST(Progress, TellsHowFarItIsHowFastAndHowLongItTakes) {
  test::run([]() -> Task<> {
    Pipe pipe;
    Progress bar(30, "hashing", {.fd = pipe.ends[1]});
    EXPECT_EQ(bar.line(47), "hashing:   0%|          | 0/30 [00:00<?, ?it/s]");
    for (int i = 0; i < 12; ++i) {
      co_await sleep(100ms);
      bar.advance();
    }
    EXPECT_EQ(bar.line(56), "hashing:  40%|████      | 12/30 [00:01<00:01, 10.00it/s]");
    EXPECT_EQ(bar.line(30), "hashing:  40%|| 12/30 [00:01<0") << "no bar, and no second line";
  });
}

TEST(Progress, CountsWithoutATotal) {
  test::run([]() -> Task<> {
    Pipe pipe;
    Progress bar(std::nullopt, "", {.fd = pipe.ends[1], .unit = "B"});
    co_await sleep(1h);
    bar.advance(1800);
    EXPECT_EQ(bar.line(80), "1800B [1:00:00, 2.00s/B]");
  });
}

TEST(Progress, WritesNothingButItsLastLineWhereIsNoTerminal) {
  test::run([]() -> Task<> {
    Pipe pipe;
    {
      Progress bar(20, "all", {.fd = pipe.ends[1], .columns = 51, .ascii = true});
      for (int i = 0; i < 20; ++i) {
        co_await sleep(1s);
        bar.advance();
      }
      EXPECT_EQ(pipe.said(), "");
    }
    EXPECT_EQ(pipe.said(), "all: 100%|##########| 20/20 [00:20<00:00, 1.00it/s]\n");
  });
}

TEST(Progress, ShowsItselfOnATerminalNoMoreOftenThanItsInterval) {
  test::run([]() -> Task<> {
    Terminal terminal;
    Progress bar(1000, "", {.fd = terminal.ends[1], .ascii = true});
    EXPECT_EQ(terminal.said(),
              "\r  0%|-----------------------------| 0/1000 [00:00<?, ?it/s]\x1b[K\r");
    for (int i = 0; i < 99; ++i) {
      co_await sleep(1ms);
      bar.advance();
    }
    EXPECT_EQ(terminal.said(), "");
    co_await sleep(1ms);
    bar.advance();
    EXPECT_NE(terminal.said().find("100/1000 [00:00<00:00, 1000.00it/s]"), std::string::npos);
    bar.close();
    const std::string last = terminal.said();
    EXPECT_EQ(last.substr(last.size() - 6), "\n\r\x1b[K\r") << "left where it is";
    bar.close();
    bar.advance();
    EXPECT_EQ(terminal.said(), "");
  });
}

TEST(Progress, StandsBelowTheOthersAndLeavesItsLastLineAboveThem) {
  test::run([]() -> Task<> {
    Terminal terminal(40);
    Progress one(1, "one", {.fd = terminal.ends[1], .ascii = true});
    Progress two(1, "two", {.fd = terminal.ends[1], .ascii = true});
    std::string said = terminal.said();
    EXPECT_NE(said.find("one:"), std::string::npos);
    said = said.substr(said.rfind("one:"));
    EXPECT_NE(said.find("\x1b[K\n\rtwo:"), std::string::npos);
    EXPECT_EQ(said.substr(said.size() - 5), "\x1b[1A\r") << "back to the first";
    co_await sleep(1s);
    one.advance();
    terminal.said();
    one.close();
    said = terminal.said();
    EXPECT_LT(said.find("one: 100%"), said.find("\n\rtwo:"));
    EXPECT_EQ(said.substr(said.size() - 4), "\x1b[K\r") << "two is the first now";
  });
}

TEST(Progress, IsNoWayIntoTheTerminal) {
  test::run([]() -> Task<> {
    Pipe pipe;
    Progress bar(1, "a\x1b[2Jb\nc", {.fd = pipe.ends[1]});
    EXPECT_EQ(bar.line(12), "a?[2Jb?c:   ");
    co_return;
  });
}

TEST(Progress, WaitsForNobodyWhoTakesNothing) {
  test::run([]() -> Task<> {
    Pipe pipe;
    ::fcntl(pipe.ends[1], F_SETPIPE_SZ, 4096);
    const std::string full(4096, 'x');
    EXPECT_EQ(::write(pipe.ends[1], full.data(), full.size()), 4096);
    { Progress bar(1, "stuck", {.fd = pipe.ends[1]}); }
    EXPECT_EQ(pipe.said(), full);
    co_return;
  });
}

TEST(Progress, IsNotEndedByAPipeThatNobodyReads) {
  test::run([]() -> Task<> {
    Pipe pipe;
    ::close(std::exchange(pipe.ends[0], -1));
    { Progress bar(1, "unread", {.fd = pipe.ends[1]}); }
    co_return;
  });
}

TEST(Progress, NeedsALoopAndOutlivesIt) {
  EXPECT_THROW(Progress(1), UsageError);
  Pipe pipe;
  std::optional<Progress> bar;
  test::run([&]() -> Task<> {
    bar.emplace(2, "late", ProgressOptions{.fd = pipe.ends[1], .columns = 41, .ascii = true});
    co_await sleep(1s);
    bar->advance();
  });
  bar.reset();
  EXPECT_EQ(pipe.said(), "late:  50%|-| 1/2 [00:01<00:01, 1.00it/s]\n");
}

// F145
TEST(GatherWithProgress, TellsOneToAllAndKeepsTheOrder) {
  test::run([]() -> Task<> {
    const auto work = [](int i) -> Task<int> {
      co_await sleep(10ms - i * 1ms);
      co_return i;
    };
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(work(i));
    test::Log log;
    const auto values = co_await gather_with_progress(
        tasks, [&](std::size_t done, std::size_t total) {
          log(std::to_string(done) + "/" + std::to_string(total));
        });
    EXPECT_EQ(log.text(), "1/5 2/5 3/5 4/5 5/5");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(values[i], i);
  });
}

TEST(GatherWithProgress, EndsWithTheFirstFailureAndTellsNothingAfterIt) {
  test::run([]() -> Task<> {
    int told = 0, ended = 0;
    const auto work = [&](int i) -> Task<> {
      co_await sleep(i * 1ms);
      ++ended;
      if (i == 2) throw std::runtime_error("second");
    };
    std::vector<Task<>> tasks;
    for (int i = 1; i <= 3; ++i) tasks.push_back(work(i));
    auto telling = gather_with_progress(tasks, [&](std::size_t, std::size_t) { ++told; });
    EXPECT_THROW(static_cast<void>(co_await std::move(telling)), std::runtime_error);
    EXPECT_EQ(ended, 2);
    co_await sleep(1s);
    EXPECT_EQ(ended, 3) << "the others run on";
    EXPECT_EQ(told, 1);
  });
}

TEST(GatherWithProgress, ShowsABar) {
  test::run([]() -> Task<> {
    Pipe pipe;
    std::vector<JoinHandle<>> handles;
    for (int i = 0; i < 30; ++i) handles.push_back(spawn([]() -> Task<> { co_await sleep(1s); }));
    co_await gather_with_progress(handles, "pages", {.fd = pipe.ends[1]});
    const std::string said = pipe.said();
    EXPECT_NE(said.find("| 30/30 [00:01<00:00, 30.00it/s]\n"), std::string::npos) << said;
  });
}

TEST(GatherWithProgress, CountsFailuresWhereAllAreWaitedFor) {
  test::run([]() -> Task<> {
    const auto work = [](int i) -> Task<int> {
      co_await sleep((5 - i) * 1ms);
      if (i % 2 == 1) throw std::runtime_error("odd");
      if (i == 4) this_task().cancel();
      co_await sleep(0s);
      co_return i;
    };
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(work(i));
    test::Log log;
    const auto outcomes = co_await gather_settled_with_progress(
        tasks, [&](std::size_t done, std::size_t total) {
          log(std::to_string(done) + "/" + std::to_string(total));
        });
    EXPECT_EQ(log.text(), "1/5 2/5 3/5 4/5 5/5");
    EXPECT_EQ(outcomes[0].value(), 0);
    EXPECT_FALSE(outcomes[1]);
    EXPECT_EQ(outcomes[2].value(), 2);
    EXPECT_FALSE(outcomes[3]);
    EXPECT_TRUE(outcomes[4].cancelled());
  });
}

TEST(GatherWithProgress, ShowsABarOfWhatEndedInAnyWay) {
  test::run([]() -> Task<> {
    Pipe pipe;
    std::vector<Task<>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back([](int number) -> Task<> {
        co_await sleep(1s);
        if (number == 0) throw std::runtime_error("none");
      }(i));
    }
    const auto outcomes =
        co_await gather_settled_with_progress(tasks, "pages", {.fd = pipe.ends[1]});
    EXPECT_EQ(outcomes.size(), 4u);
    const std::string said = pipe.said();
    EXPECT_NE(said.find("| 4/4 [00:01<00:00, 4.00it/s]\n"), std::string::npos) << said;
  });
}

TEST(GatherWithProgress, OfNothingIsNothing) {
  test::run([]() -> Task<> {
    std::vector<Task<int>> none;
    const auto told = [](std::size_t, std::size_t) { ADD_FAILURE(); };
    EXPECT_TRUE((co_await gather_with_progress(none, told)).empty());
  });
}

}  // namespace
