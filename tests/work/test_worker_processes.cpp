#include "support/run.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace {

using namespace eddy;
using test::wait_until_done;

// What a worker does, by the first word of a request.
std::string serve(std::string request) {
  if (request == "die") ::raise(SIGKILL);
  if (request == "end") ::_exit(3);
  if (request == "pid") return std::to_string(::getpid());
  if (request == "throw") throw std::runtime_error("it would not");
  if (request.starts_with("hang ")) {  // after it has told so
    const int fd = std::stoi(request.substr(5));
    static_cast<void>(!::write(fd, "x", 1));
    for (;;) ::pause();
  }
  return request + request;
}

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  char wait() {
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    return byte;
  }
  std::string hang() const { return "hang " + std::to_string(ends[1]); }
  int ends[2];
};

bool is_there(const std::string& pid) { return std::filesystem::exists("/proc/" + pid); }

TEST(WorkerProcesses, AnswerInAnotherProcess) {
  WorkerProcesses workers(2, serve);
  test::run([&]() -> Task<> {
    EXPECT_EQ(co_await workers.call("ab"), "abab");
    EXPECT_EQ(co_await workers.call(""), "");
    const std::string pid = co_await workers.call("pid");
    EXPECT_NE(pid, std::to_string(::getpid()));
    const std::string zeros(3'000'000, '\0');
    EXPECT_EQ((co_await workers.call(zeros)).size(), 2 * zeros.size());
  });
  EXPECT_EQ(workers.replaced(), 0u);
}

TEST(WorkerProcesses, ServeMoreCallsThanThereAreOfThem) {
  WorkerProcesses workers(3, serve);
  test::run([&]() -> Task<> {
    std::vector<JoinHandle<std::string>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(spawn(workers.call(std::to_string(i))));
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(co_await calls[i], std::to_string(i) + std::to_string(i));
    }
  });
}

// F83
TEST(WorkerProcesses, ThatDieFailTheirCallAndAreReplaced) {
  WorkerProcesses workers(1, serve);
  test::run([&]() -> Task<> {
    for (const char* how : {"die", "end"}) {
      std::string said;
      try {
        co_await workers.call(how);
      } catch (const WorkerDied& died) {
        said = died.what();
      }
      EXPECT_EQ(said, "call a worker process: it died");
      EXPECT_EQ(co_await workers.call("x"), "xx");
    }
    const auto result = co_await as_result(workers.call("die"));
    EXPECT_EQ(result.error(), std::errc::broken_pipe);
    EXPECT_EQ(co_await workers.call("y"), "yy");
  });
  EXPECT_EQ(workers.replaced(), 3u);
}

TEST(WorkerProcesses, ThatDieBetweenCallsFailTheNext) {
  WorkerProcesses workers(1, serve);
  test::run([&]() -> Task<> {
    const std::string pid = co_await workers.call("pid");
    ::kill(std::stoi(pid), SIGKILL);
    int answered = 0;
    while (answered == 0) {  // it may take a moment to die
      const auto result = co_await as_result(workers.call("pid"));
      if (result && *result != pid) ++answered;
    }
    EXPECT_EQ(workers.replaced(), 1u);
    EXPECT_FALSE(is_there(pid)) << "and is no zombie";
  });
}

TEST(WorkerProcesses, SayWhatTheirFunctionThrew) {
  WorkerProcesses workers(1, serve);
  test::run([&]() -> Task<> {
    std::string said;
    try {
      co_await workers.call("throw");
    } catch (const WorkerException& exception) {
      said = exception.what();
    }
    EXPECT_EQ(said, "it would not");
    EXPECT_EQ(co_await workers.call("x"), "xx");
  });
  EXPECT_EQ(workers.replaced(), 0u);
}

TEST(WorkerProcesses, AreKilledWhenTheirCallIsCancelled) {
  Pipe pipe;
  WorkerProcesses workers(1, serve);
  test::run([&]() -> Task<> {
    const std::string pid = co_await workers.call("pid");
    auto hangs = spawn(workers.call(pipe.hang()));
    auto queued = spawn(workers.call("queued"));
    co_await test::settle();
    pipe.wait();
    queued.cancel();
    co_await wait_until_done(queued);
    EXPECT_TRUE(queued.cancelled());
    hangs.cancel();
    co_await wait_until_done(hangs);
    EXPECT_TRUE(hangs.cancelled());
    EXPECT_NE(co_await workers.call("pid"), pid);
    EXPECT_FALSE(is_there(pid));
  });
  EXPECT_EQ(workers.replaced(), 1u);
}

TEST(WorkerProcesses, EndWithWhoHasThemAndFailTheirCalls) {
  Pipe pipe;
  std::optional<WorkerProcesses> workers(std::in_place, 1u, serve);
  test::run([&]() -> Task<> {
    const std::string pid = co_await workers->call("pid");
    auto hangs = spawn(workers->call(pipe.hang()));
    auto queued = spawn(workers->call("queued"));
    co_await test::settle();
    pipe.wait();
    workers.reset();
    EXPECT_FALSE(is_there(pid));
    EXPECT_EQ((co_await as_result(hangs)).error(), std::errc::broken_pipe);
    EXPECT_EQ((co_await as_result(queued)).error(), std::errc::broken_pipe);
  });
}

TEST(WorkerProcesses, EndWithTheirParent) {
  Pipe pipe;
  std::fflush(nullptr);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::alarm(20);
    WorkerProcesses workers(2, serve);
    eddy::run([&]() -> Task<> { co_await workers.call(pipe.hang()); });
  }
  pipe.wait();
  ::close(std::exchange(pipe.ends[1], -1));
  ::kill(parent, SIGKILL);
  EXPECT_EQ(::waitpid(parent, nullptr, 0), parent);
  char byte = 0;
  EXPECT_EQ(::read(pipe.ends[0], &byte, 1), 0) << "nobody has the other end any more";
}

TEST(WorkerProcesses, AreNoConcernOfAChild) {
  WorkerProcesses workers(1, serve);
  test::run([&]() -> Task<> { co_await workers.call("x"); });
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    bool refused = false;
    try {
      eddy::run([&]() -> Task<> { co_await workers.call("x"); });
    } catch (const UsageError&) {
      refused = true;
    }
    workers.~WorkerProcesses();
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  test::run([&]() -> Task<> { EXPECT_EQ(co_await workers.call("z"), "zz"); });
}

TEST(WorkerProcesses, NeedAtLeastOne) { EXPECT_THROW(WorkerProcesses(0, serve), UsageError); }

// In a process of its own, which begins this test anew: no loop has been there.
TEST(WorkerProcesses, MadeBeforeAnyLoopAreNoConcernOfAChildEither) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto ask = [] {
    WorkerProcesses workers(1, serve);
    const pid_t child = ::fork();
    if (child == 0) {
      workers.~WorkerProcesses();
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    const bool answers = eddy::run(workers.call("x")) == "xx";
    std::_Exit(answers ? 3 : 4);
  };
  EXPECT_EXIT(ask(), ::testing::ExitedWithCode(3), "");
}

}  // namespace
