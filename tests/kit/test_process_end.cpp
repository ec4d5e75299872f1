// Process: how a child ends, who hears of it, and what is left behind.
#include "support/failing_kernel.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <csignal>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace eddy;

constexpr std::uint8_t opcode_waitid = 50;
constexpr ProcessOptions talks{.input = Stdio::pipe(), .output = Stdio::pipe()};

// Neither a running child nor a zombie.
void expect_no_child() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// With the ring's waitid, and as on a kernel that has none.
class ProcessEnd : public testing::TestWithParam<bool> {
 protected:
  template <class F>
  void run(F&& body) {
    std::unique_ptr<internal::Kernel> kernel;
    if (!GetParam()) kernel = std::make_unique<test::FailingKernel>(opcode_waitid, EINVAL);
    if (!kernel) kernel = internal::open_io_uring({});
    Loop loop({}, std::move(kernel));
    loop.run(body());
  }
};
INSTANTIATE_TEST_SUITE_P(ByWaitidAndByPoll, ProcessEnd, testing::Bool());

TEST_P(ProcessEnd, TellsCodeAndSignal) {
  run([]() -> Task<> {
    for (const int code : {0, 1, 42, 255}) {
      const Process child = Process::shell("exit " + std::to_string(code));
      EXPECT_EQ((co_await child.wait()).code(), code);
    }
    const Process child = Process::exec({"cat"}, talks);
    EXPECT_FALSE(child.status());
    EXPECT_TRUE(child.terminate());
    const ExitStatus status = co_await child.wait();
    EXPECT_EQ(status.signal(), SIGTERM);
    EXPECT_EQ(status.returncode(), -SIGTERM);
    EXPECT_EQ(status.text(), "signal 15");
  });
  expect_no_child();
}

// X4
TEST_P(ProcessEnd, SeveralTasksWait) {
  run([]() -> Task<> {
    const Process child = Process::exec({"cat"}, talks);
    auto first = spawn(child.wait());
    auto second = spawn(child.wait());
    auto third = spawn(child.wait());
    co_await test::settle();
    third.cancel();
    co_await test::wait_until_done(third);
    EXPECT_TRUE(third.cancelled());
    EXPECT_FALSE(child.status()) << "a cancelled wait leaves the child alive";
    EXPECT_TRUE(child.kill());
    EXPECT_EQ((co_await first).signal(), SIGKILL);
    EXPECT_EQ((co_await second).signal(), SIGKILL);
    EXPECT_EQ((co_await child.wait()).signal(), SIGKILL);
  });
}

// X4: harmless, and never to a stranger who has the number by now
TEST_P(ProcessEnd, SignalsAfterTheEndGoNowhere) {
  run([]() -> Task<> {
    const Process child = Process::exec({"true"});
    co_await child.wait();
    EXPECT_FALSE(child.kill());
    EXPECT_FALSE(child.terminate());
    EXPECT_FALSE(child.send_signal(SIGUSR1));
    const Process other = Process::exec({"cat"}, talks);
    EXPECT_THROW(other.send_signal(9999), Error);
    EXPECT_THROW(other.signal_group(SIGTERM), UsageError);
    EXPECT_TRUE(other.kill());
    co_await other.wait();
  });
}

// X4: whichever of the two comes first
TEST_P(ProcessEnd, AChildMayBeToldToEndWhenItDoes) {
  run([]() -> Task<> {
    for (int turns = 0; turns < 100; ++turns) {
      const Process child = Process::exec({"true"});
      for (int i = 0; i < turns && !child.status(); ++i) co_await yield();
      const bool sent = child.terminate();
      const ExitStatus status = co_await child.wait();
      EXPECT_TRUE(status.success() || (sent && status.signal() == SIGTERM)) << status.text();
      EXPECT_FALSE(child.terminate());
    }
  });
}

TEST_P(ProcessEnd, AChildThatIsStoppedHasNotEnded) {
  run([]() -> Task<> {
    const Process child = Process::exec({"cat"}, talks);
    siginfo_t info;
    EXPECT_TRUE(child.send_signal(SIGSTOP));
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT), 0);
    co_await test::settle();
    EXPECT_FALSE(child.status());
    EXPECT_TRUE(child.send_signal(SIGCONT));
    const Communicated done = co_await child.communicate("bytes");
    EXPECT_EQ(done.output, "bytes");
    EXPECT_TRUE(done.status.success());
  });
}

// X4
TEST_P(ProcessEnd, ACancelledCommunicateLeavesTheChildAlive) {
  run([]() -> Task<> {
    const Process child = Process::shell("read line; echo $line", talks);
    auto talk = spawn([&]() -> Task<> {
      const Process other = Process::exec({"sleep", "1000"},
                                          {.output = Stdio::pipe(), .kill_on_drop = true});
      const Communicated done = co_await other.communicate();
    });
    co_await test::settle();
    talk.cancel();
    co_await test::wait_until_done(talk);
    EXPECT_TRUE(talk.cancelled());
    auto reads = spawn([&]() -> Task<> { static_cast<void>(co_await child.output().readline()); });
    co_await test::settle();
    reads.cancel();
    co_await test::wait_until_done(reads);
    EXPECT_FALSE(child.status());
    const Communicated done = co_await child.communicate("still here\n");
    EXPECT_EQ(done.output, "still here\n");
  });
  expect_no_child();
}

TEST_P(ProcessEnd, WaitDoesNotWaitForThePipes) {
  run([]() -> Task<> {
    // A grandchild has the output, and ends with the input.
    const Process child = Process::shell("exec 3<&0; cat <&3 & exit 5", talks);
    EXPECT_EQ((co_await child.wait()).code(), 5);
    co_await child.input().write("late");
    co_await child.input().close();
    EXPECT_EQ(co_await child.output().read(), "late");
  });
}

TEST_P(ProcessEnd, AGroupIsSignalledAsAWhole) {
  for (const ProcessGroup group : {ProcessGroup::own, ProcessGroup::session}) {
    run([group]() -> Task<> {
      const Process child = Process::shell(
          "exec 3<&0; cat <&3 & echo ready; wait",
          {.input = Stdio::pipe(), .output = Stdio::pipe(), .group = group});
      co_await child.output().readline();
      EXPECT_EQ(::getpgid(child.pid()), child.pid());
      EXPECT_EQ(::getsid(child.pid()) == child.pid(), group == ProcessGroup::session);
      EXPECT_TRUE(child.signal_group(SIGKILL));
      EXPECT_EQ((co_await child.wait()).signal(), SIGKILL);
      EXPECT_EQ(co_await child.output().read(), "");  // nobody has the pipe any more
      EXPECT_FALSE(child.signal_group(SIGKILL));
    });
  }
}

// The host waits for any child
TEST_P(ProcessEnd, AStatusThatSomebodyElseTookIsUnknown) {
  run([]() -> Task<> {
    const Process child = Process::exec({"true"});
    EXPECT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
    const ExitStatus status = co_await child.wait();
    EXPECT_FALSE(status.known());
    EXPECT_EQ(status.returncode(), 255);
    EXPECT_FALSE(child.kill());
  });
}

TEST_P(ProcessEnd, AStatusThatIsIgnoredIsUnknown) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  run([]() -> Task<> {
    const Process child = Process::exec({"cat"}, talks);
    co_await child.input().close();
    EXPECT_FALSE((co_await child.wait()).known());
    const Process quick = Process::exec({"true"});  // gone, perhaps, before it can be watched
    EXPECT_FALSE((co_await quick.wait()).known());
  });
  ::signal(SIGCHLD, before);
}

TEST_P(ProcessEnd, ADroppedChildRunsOnAndIsReaped) {
  run([]() -> Task<> {
    pid_t pid = 0;
    {
      const Process child = Process::exec({"cat"}, {.input = Stdio::pipe()});
      pid = child.pid();
    }  // its input ends, and so it does
    while (::kill(pid, 0) == 0) co_await yield();
    EXPECT_EQ(errno, ESRCH);
  });
  expect_no_child();
}

TEST_P(ProcessEnd, KillOnDropKills) {
  run([]() -> Task<> {
    pid_t pid = 0;
    {
      const Process child = Process::exec({"sleep", "1000"}, {.kill_on_drop = true});
      pid = child.pid();
    }
    while (::kill(pid, 0) == 0) co_await yield();
    EXPECT_EQ(errno, ESRCH);
  });
  expect_no_child();
}

TEST_P(ProcessEnd, KillOnDropKillsAGroupOfItsOwn) {
  run([]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd theirs(ends[1]);
    File output = File::adopt(ends[0], "rb");
    {
      const Process child = Process::shell("sleep 1000 & echo ready; wait",
                                           {.input = Stdio::null(),
                                            .output = Stdio::descriptor(theirs.get()),
                                            .errors = Stdio::null(),
                                            .group = ProcessGroup::own,
                                            .kill_on_drop = true});
      theirs.reset();
      EXPECT_EQ(co_await output.readline(), "ready\n");
    }
    EXPECT_EQ(co_await output.read(), "") << "nobody has the pipe any more";
    co_await output.close();
  });
}

TEST_P(ProcessEnd, ALoopThatClosesLetsGoOfWhatRuns) {
  pid_t pid = 0;
  Process kept;
  run([&]() -> Task<> {
    kept = Process::exec({"sleep", "1000"});
    pid = kept.pid();
    co_return;
  });
  EXPECT_FALSE(kept.kill());
  EXPECT_EQ(::kill(pid, SIGKILL), 0) << "it was killed";
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_P(ProcessEnd, ALoopThatClosesKillsAndReapsWhatShouldNotOutliveIt) {
  Process kept;
  run([&]() -> Task<> {
    kept = Process::exec({"sleep", "1000"}, {.kill_on_drop = true});
    co_return;
  });
  EXPECT_EQ(kept.status()->signal(), SIGKILL);
  expect_no_child();
}

TEST_P(ProcessEnd, ALoopThatClosesReapsWhatHasEnded) {
  run([]() -> Task<> {
    const Process child = Process::exec({"true"});
    siginfo_t info;  // waits for its end, and leaves it as it is
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), 0);
    co_return;
  });
  expect_no_child();
}

// No seat for a pidfd, or a profile that does not know it: nothing may be left running
TEST(ProcessLeft, AChildThatCannotBeWatchedIsKilledAndReaped) {
  test::in_a_child([] {
    test::refuse(SYS_pidfd_open, EMFILE);
    test::run([]() -> Task<> {
      EXPECT_THROW(Process::exec({"sleep", "1000"}, {.output = Stdio::pipe()}), Error);
      co_return;
    });
    expect_no_child();
  });
}

TEST(ProcessLeft, AForkOfTheProcessWaitsForNobodyAndKillsNobody) {
  test::run([]() -> Task<> {
    Process child = Process::exec({"cat"}, {.input = Stdio::pipe(), .kill_on_drop = true});
    test::in_a_child([&] {
      EXPECT_THROW(test::run([&] { return child.wait(); }), UsageError);
      EXPECT_THROW(test::run([&] { return child.communicate(); }), UsageError);
      child = Process();
    });
    EXPECT_FALSE(child.status());
    co_await child.input().close();
    EXPECT_TRUE((co_await child.wait()).success());
  });
}

// Edges 7
TEST(ProcessLeft, AForkThatLeavesTheLoopKillsNobody) {
  bool forked = false;
  const auto main = [&]() -> Task<> {
    const Process child = Process::exec({"cat"}, {.input = Stdio::pipe(),
                                                  .output = Stdio::pipe(),
                                                  .kill_on_drop = true});
    auto talk = spawn(child.communicate(std::string(1 << 20, 'x')));
    co_await test::settle();
    const pid_t fork = ::fork();
    forked = fork == 0;
    if (forked) ::alarm(60);
    if (forked) co_await yield();  // throws
    int status = -1;
    EXPECT_EQ(::waitpid(fork, &status, 0), fork);
    EXPECT_EQ(status, 0);
    const Communicated done = co_await talk;
    EXPECT_TRUE(done.output == std::string(1 << 20, 'x'));
    EXPECT_TRUE(done.status.success()) << done.status.text();
  };
  try {
    Loop().run(main());
  } catch (const UsageError&) {
    ::_exit(forked ? EXIT_SUCCESS : EXIT_FAILURE);
  }
}

}  // namespace
