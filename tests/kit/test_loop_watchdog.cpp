#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <eddy/kit/internal/loop_probe.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace {

using namespace eddy;
using namespace eddy::internal;

// What a watchdog has told, and a pipe that it writes then: the step that holds a loop waits for
// that, so that no time matters.
class Told {
 public:
  Told() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  ~Told() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  Watchdog::Report report() {
    return [this](const HoldReport& report) { note(report); };
  }
  void note(const HoldReport& report) {
    {
      const std::lock_guard lock(mutex_);
      reports_.push_back(report);
    }
    ++count_;
    if (!report.name.empty()) ++named_;
    EXPECT_EQ(::write(ends_[1], "x", 1), 1);
  }

  // Blocks the thread in a system call until there is one more.
  void wait() const {
    char byte;
    while (::read(ends_[0], &byte, 1) < 0) EXPECT_EQ(errno, EINTR);
  }
  int count() const { return count_; }
  int named() const { return named_; }
  std::string call() const {
    char path[64];
    const std::string link = "/proc/self/fd/" + std::to_string(ends_[0]);
    const auto size = ::readlink(link.c_str(), path, sizeof path);
    return "read of fd " + std::to_string(ends_[0]) + " (" + std::string(path, size) + ")";
  }
  std::vector<HoldReport> reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }

  // The first of `name`; all are gone then.
  HoldReport take(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(reports_, name, &HoldReport::name);
    HoldReport report = found == reports_.end() ? HoldReport() : *found;
    reports_.clear();
    return report;
  }

  std::uint64_t holder = 0;  // the task that blocks, by its id

 private:
  int ends_[2];
  std::mutex mutex_;
  std::vector<HoldReport> reports_;
  std::atomic<int> count_ = 0;
  std::atomic<int> named_ = 0;
};

constexpr WatchdogOptions soon{.limit = 2ms};

// On a loaded machine anything may take longer than the limit, the loop itself included: so what is
// reported of others is left out, and who wants to be seen blocked in a call tries until it is.
std::vector<HoldReport> of(const std::vector<HoldReport>& reports, std::string_view name) {
  std::vector<HoldReport> found;
  for (const HoldReport& report : reports) {
    if (report.name == name) found.push_back(report);
  }
  return found;
}

// Until the watchdog has told of `name`, so often.
void block_until_told(Told& told, std::string_view name, std::size_t times = 1) {
  while (of(told.reports(), name).size() < times) told.wait();
}

Task<> hold_in_a_call(Told& told, std::string_view name) {
  told.holder = thread_state.task->id();
  block_until_told(told, name);
  co_return;
}

TEST(Watchdog, NamesTheTaskThatHoldsTheLoopAndTheSystemCallWhileItDoes) {
  Told told;
  Loop loop;
  const std::string call = ThreadActivity().known() ? told.call() : "";
  HoldReport report;
  do {
    Watchdog watchdog(loop, soon, told.report());
    loop.spawn(hold_in_a_call(told, "holder"), {.name = "holder"});
    while (loop.turn()) {
    }
    report = told.take("holder");
  } while (report.system_call != call);
  EXPECT_GE(report.took, Duration(soon.limit));
  EXPECT_FALSE(report.over);
  EXPECT_EQ(report.task, told.holder);
  EXPECT_EQ(report.name, "holder");
  EXPECT_NE(report.where.find("hold_in_a_call() ("), std::string::npos) << report.where;
  EXPECT_NE(report.where.find("test_loop_watchdog.cpp:"), std::string::npos) << report.where;
  EXPECT_TRUE(report.function.ends_with("hold_in_a_call()")) << report.function;
}

// A loop that waits for the kernel is not held: so the step is over.
TEST(Watchdog, TellsWhenItIsOverAndHowLongItTook) {
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  loop.spawn(hold_in_a_call(told, "holder"), {.name = "holder"});
  loop.turn();
  block_until_told(told, "holder", 2);
  const auto reports = of(told.reports(), "holder");
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_TRUE(reports[1].over);
  EXPECT_GE(reports[1].took, reports[0].took);
  EXPECT_EQ(reports[1].task, reports[0].task);
}

TEST(Watchdog, TellsThatAStepIsOverWhileTheLoopWaitsForTheKernel) {
  if (!ThreadActivity().known()) GTEST_SKIP() << "this kernel does not tell";
  Told told;
  Loop loop;
  Event over;
  Watchdog watchdog(loop, soon, [&](const HoldReport& report) {
    told.note(report);
    if (report.over && report.name == "holder") loop.post([&] { over.set(); });
  });
  const auto main = [&]() -> Task<> {
    auto holder = spawn(hold_in_a_call(told, "holder"), {.name = "holder"});
    co_await over.wait();
    co_await holder;
  };
  loop.run(main());
  EXPECT_EQ(of(told.reports(), "holder").size(), 2u);
}

Task<> spin(const Told& told) {
  while (told.named() == 0) {
  }
  co_return;
}

TEST(Watchdog, NamesACoroutineThatComputesForEver) {
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  loop.spawn(spin(told), {.name = "spinner"});
  while (loop.turn()) {
  }
  const HoldReport report = of(told.reports(), "spinner").at(0);
  EXPECT_TRUE(report.function.ends_with("spin()")) << report.function;
  EXPECT_EQ(report.system_call, "");
}

Task<> resumed(Told& told) {
  co_await yield();
  block_until_told(told, "outer");
}
Task<> outer(Told& told) { co_await resumed(told); }

TEST(Watchdog, NamesTheInnermostCoroutineThatTheStepWentOnWith) {
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  loop.spawn(outer(told), {.name = "outer"});
  while (loop.turn()) {
  }
  const HoldReport report = of(told.reports(), "outer").at(0);
  EXPECT_NE(report.where.find("outer() ("), std::string::npos) << report.where;
  EXPECT_TRUE(report.function.ends_with("resumed()")) << report.function;
}

TEST(Watchdog, TellsOfACallbackThatBlocks) {
  if (!ThreadActivity().known()) GTEST_SKIP() << "this kernel does not tell";
  Told told;
  Loop loop;
  HoldReport report;
  do {
    Watchdog watchdog(loop, soon, told.report());
    loop.post([&] { told.wait(); });
    loop.turn();
    report = told.take("");
  } while (report.system_call != told.call());
  EXPECT_EQ(report.task, 0u);
}

TEST(Watchdog, TellsOfACallbackThatComputes) {
  if (!ThreadActivity().known()) GTEST_SKIP() << "this kernel does not tell";
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  loop.post([&] {
    while (told.count() == 0) {
    }
  });
  loop.turn();
  EXPECT_EQ(told.reports().at(0).task, 0u);
  EXPECT_EQ(told.reports().at(0).system_call, "");
}

TEST(Watchdog, TellsOfAFunctionOfCallLater) {
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  const auto main = [&]() -> Task<> {
    Event done;
    auto later = call_later(1ms, [&] {
      told.wait();
      done.set();
    });
    co_await done.wait();
  };
  loop.run(main());
  EXPECT_GE(told.count(), 1);
}

// Whose tasks those of the inner loop are, the outer one's watchdog does not say.
TEST(Watchdog, TellsOfAStepThatRunsAnotherLoop) {
  Told told;
  Loop loop;
  Loop inner;
  Watchdog watchdog(loop, soon, [&](const HoldReport& report) {
    told.note(report);
    inner.post([] {});
  });
  loop.spawn([&]() -> Task<> {
    auto never = inner.spawn(sleep(Duration::max()), {.name = "of the inner loop"});
    while (told.count() == 0) inner.turn(AnyDuration(std::chrono::hours(1)));
    never.cancel();
    co_return;
  });
  while (loop.turn()) {
  }
  EXPECT_EQ(told.reports().at(0).name, "");
  inner.close();
}

TEST(Watchdog, OfEachLoopTellsOfItsOwn) {
  const auto watched = [](std::string_view name) {
    Told told;
    Loop loop;
    Watchdog watchdog(loop, soon, told.report());
    loop.spawn(hold_in_a_call(told, name), {.name = name});
    while (loop.turn()) {
    }
    EXPECT_GE(of(told.reports(), name).size(), 1u);
    EXPECT_EQ(of(told.reports(), name == "here" ? "there" : "here").size(), 0u);
  };
  std::thread other(watched, "there");
  watched("here");
  other.join();
}

TEST(Watchdog, MayEndWhileAStepHoldsTheLoop) {
  Told told;
  Loop loop;
  auto watchdog = std::make_unique<Watchdog>(loop, soon, told.report());
  loop.spawn(
      [&]() -> Task<> {
        block_until_told(told, "holder");
        watchdog.reset();
        co_return;
      },
      {.name = "holder"});
  while (loop.turn()) {
  }
  EXPECT_EQ(of(told.reports(), "holder").size(), 1u) << "nobody says that it is over";
}

TEST(Watchdog, MayOutliveTheLoop) {
  Told told;
  auto loop = std::make_unique<Loop>();
  Watchdog watchdog(*loop, soon, told.report());
  loop->spawn(hold_in_a_call(told, "holder"), {.name = "holder"});
  loop->turn();
  loop.reset();
  block_until_told(told, "holder", 2);
  EXPECT_TRUE(of(told.reports(), "holder").at(1).over);
  Loop another;
  another.run([]() -> Task<> { co_await yield(); });
}

TEST(Watchdog, TellsOfWhatHoldsALoopThatCloses) {
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  loop.spawn(
      [&]() -> Task<> {
        const auto slept = co_await as_result(as_outcome(sleep(1h)));
        static_cast<void>(slept);
        block_until_told(told, "cleans up");
      },
      {.name = "cleans up"});
  loop.turn();
  loop.close();
  EXPECT_GE(of(told.reports(), "cleans up").size(), 1u);
}

TEST(Watchdog, HasAThreadWithANameThatTakesNoSignal) {
  Told told;
  Loop loop;
  char name[16] = "";
  sigset_t blocked;
  std::atomic<bool> seen = false;
  Watchdog watchdog(loop, soon, [&](const HoldReport& report) {
    if (!seen) {
      ::pthread_getname_np(::pthread_self(), name, sizeof name);
      ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    }
    seen = true;
    told.note(report);
  });
  loop.post([&] { told.wait(); });
  while (!seen) loop.turn();
  EXPECT_STREQ(name, "eddy-watchdog");
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1}) {
    EXPECT_TRUE(::sigismember(&blocked, signal)) << signal;
  }
}

TEST(Watchdog, WritesALineItselfWhereTheReportThrows) {
  Told told;
  Loop loop;
  testing::internal::CaptureStderr();
  {
    Watchdog watchdog(loop, soon, [&](const HoldReport& report) {
      told.note(report);
      throw std::runtime_error("no place");
    });
    loop.spawn(hold_in_a_call(told, "holder"), {.name = "holder"});
    loop.turn();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(" holds the loop [holder] (task "), std::string::npos) << said;
}

TEST(Watchdog, SaysWhatHoldsTheLoopInOneLine) {
  EXPECT_EQ(to_text(HoldReport{.took = 120ms,
                               .task = 7,
                               .name = "fetch",
                               .where = "fetch() (main.cpp:12)",
                               .function = "parse()",
                               .system_call = "read of fd 3 (/dev/tty)"}),
            "a step holds the loop [fetch] (task 7) of fetch() (main.cpp:12) for 120ms, in read of "
            "fd 3 (/dev/tty), on with parse()");
  EXPECT_EQ(to_text(HoldReport{.took = 340ms, .over = true, .task = 7, .function = "parse()"}),
            "a step held the loop (task 7) for 340ms");
  EXPECT_EQ(to_text(HoldReport{.took = 340ms}), "a callback holds the loop for 340ms");
  EXPECT_EQ(to_text(HoldReport{.took = 1s, .several = true, .task = 7}),
            "a turn of many steps holds the loop (task 7) for 1s");
  EXPECT_EQ(to_text(HoldReport{
                .took = 1s, .task = 7, .name = "a\nb", .system_call = "read of /\n"}),
            "a step holds the loop [a?b] (task 7) for 1s, in read of /?");
  EXPECT_EQ(to_text(HoldReport{.took = 1s, .over = true, .task = 7, .name = "a\x1b[31mb"}),
            "a step held the loop [a?[31mb] (task 7) for 1s");
}

TEST(Watchdog, RefusesWhatItCannotWatch) {
  Loop loop;
  EXPECT_THROW(Watchdog(loop, {.limit = 0ms}), UsageError);
  EXPECT_THROW(Watchdog(loop, {.limit = -1ms}), UsageError);
  std::thread([&] { EXPECT_THROW(Watchdog{loop}, UsageError); }).join();
  EXPECT_NO_THROW(Watchdog(loop, {.limit = Duration::max()}));
  loop.close();
  EXPECT_THROW(Watchdog{loop}, UsageError);
}

// -- where something is refused --

void watch_a_step() {
  Told told;
  Loop loop;
  Watchdog watchdog(loop, soon, told.report());
  loop.spawn(hold_in_a_call(told, "holder"), {.name = "holder"});
  while (loop.turn()) {
  }
  EXPECT_TRUE(of(told.reports(), "holder").at(0).function.ends_with("hold_in_a_call()"));
}

TEST(Watchdog, ReadsMemoryAsAFileWhereItMayNotReadThatOfAProcess) {
  test::in_a_child([] {
    test::refuse(SYS_process_vm_readv, EPERM);
    watch_a_step();
  });
}

TEST(Watchdog, SaysThatItMayReadNoMemory) {
  test::in_a_child([] {
    Loop loop;
    test::refuse(SYS_process_vm_readv, EPERM);
    test::refuse(SYS_openat, EACCES);
    std::string said;
    try {
      const Watchdog watchdog(loop);
    } catch (const Error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "read the memory of this process: Operation not permitted");
  });
}

TEST(Watchdog, SaysThatNoThreadCanBeStarted) {
  test::in_a_child([] {
    Loop loop;
    test::refuse(SYS_clone3, EAGAIN);
    test::refuse(SYS_clone, EAGAIN);
    std::string said;
    try {
      const Watchdog watchdog(loop);
    } catch (const Error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "start the thread of a watchdog: Resource temporarily unavailable");
  });
}

// The thread is not there; nothing waits for it.
TEST(Watchdog, EndsInAChildAfterFork) {
  Told told;
  Loop loop;
  auto watchdog = std::make_unique<Watchdog>(loop, soon, told.report());
  loop.post([&] { told.wait(); });
  loop.turn();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(60);
    watchdog.reset();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// -- the look itself --

TEST(LoopProbe, TakesALoopThatWaitsForTheKernelForIdle) {
  if (!ThreadActivity().known()) GTEST_SKIP() << "this kernel does not tell";
  Loop loop;
  LoopProbe probe(loop);
  const auto main = [&]() -> Task<> {
    Event looked;
    std::optional<LoopLook> look = probe.look();
    EXPECT_TRUE(look && look->busy && look->task != 0) << "from the step itself";
    std::thread other([&] {
      for (;;) {
        const auto call = probe.blocked_in();
        if (call && call->to_text() == "io_uring_enter") break;
        std::this_thread::yield();
      }
      look = probe.look();
      loop.post([&] { looked.set(); });
    });
    co_await looked.wait();
    other.join();
    EXPECT_TRUE(look && !look->busy);
  };
  loop.run(main());
  const auto after = probe.look();
  EXPECT_TRUE(after && !after->busy) << "between two turns";
}

TEST(LoopProbe, SeesNoStepOfALoopThatIsGone) {
  auto loop = std::make_unique<Loop>();
  LoopProbe probe(*loop);
  loop.reset();
  EXPECT_FALSE(probe.look().value_or(LoopLook{}).busy);
}

}  // namespace
