// Ctrl-C in run(): main is cancelled and everybody cleans up, or the process ends.
#include "support/run.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace {

using namespace eddy;

void (*action())(int) {
  struct sigaction current {};
  ::sigaction(SIGINT, nullptr, &current);
  return current.sa_handler;
}

constexpr LoopOptions options{.handle_sigint = true, .virtual_time = true};

// What `body` ends a process of its own with: its status, or 1000 and the signal.
template <class F>
int in_a_child(F body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    body();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// R3
TEST(KeyboardInterrupt, CancelsMainWhichCleansUpAndSoDoesEveryOtherTask) {
  std::string log;
  const auto work = [&log](const char* name) -> Task<> {
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
      log += name;
      throw;
    }
  };
  const auto main = [&]() -> Task<> {
    auto other = spawn(work("other "));
    co_await yield();
    ::raise(SIGINT);
    co_await work("main ");
  };
  EXPECT_THROW(run(main(), options), KeyboardInterrupt);
  EXPECT_EQ(log, "main other ");
  EXPECT_EQ(action(), SIG_DFL);
}

TEST(KeyboardInterrupt, IsNoneWhereMainGoesOnOrSomebodyElseCancelledItToo) {
  EXPECT_EQ(run([]() -> Task<int> {
    ::raise(SIGINT);
    const auto slept = co_await as_outcome(sleep(1h));
    EXPECT_TRUE(!slept && slept.error().is_cancelled());
    co_return 7;
  }, options), 7);
  try {
    run([]() -> Task<> {
      ::raise(SIGINT);
      this_task().cancel();
      co_await as_outcome(sleep(1h));
      co_await sleep(1h);
      throw Cancelled();
    }, options);
    ADD_FAILURE();
  } catch (const KeyboardInterrupt&) {
    ADD_FAILURE() << "somebody else cancelled it";
  } catch (const Cancelled&) {
  }
}

TEST(KeyboardInterrupt, IsOfWhoWaitsForTheSignal) {
  run([]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      Signals signals({SIGINT});
      ::raise(SIGINT);
      ::raise(SIGINT);
      EXPECT_EQ(co_await signals.next(), SIGINT);
      EXPECT_EQ(this_task().cancelling(), 0u);
    }
  }, options);
  EXPECT_EQ(action(), SIG_DFL);
}

TEST(KeyboardInterrupt, LeavesASignalThatIsIgnoredOrAnothersAndIsOffUnlessAskedFor) {
  run([]() -> Task<> {
    EXPECT_EQ(action(), SIG_DFL);
    co_return;
  });
  void (*const before)(int) = ::signal(SIGINT, SIG_IGN);
  run([]() -> Task<> {
    EXPECT_EQ(action(), SIG_IGN);
    ::raise(SIGINT);
    co_await sleep(1ms);
  }, options);
  EXPECT_EQ(action(), SIG_IGN);
  ::signal(SIGINT, before);
}

TEST(KeyboardInterrupt, EachRunBeginsAnew) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(run([]() -> Task<> {
      ::raise(SIGINT);
      co_await sleep(1h);
    }, options), KeyboardInterrupt);
  }
}

TEST(KeyboardInterrupt, TheSecondOneEndsTheProcessWhateverTheLoopDoes) {
  EXPECT_EQ(in_a_child([] {
    run([]() -> Task<> {
      ::raise(SIGINT);
      ::raise(SIGINT);  // the loop has not run since the first
      ::_exit(3);
      co_return;
    }, options);
  }), 1000 + SIGINT);
  EXPECT_EQ(in_a_child([] {
    run([]() -> Task<> {
      ::raise(SIGINT);
      static_cast<void>(co_await as_outcome(sleep(1h)));
      ::raise(SIGINT);  // in its cleanup
      ::_exit(3);
    }, options);
  }), 1000 + SIGINT);
}

TEST(KeyboardInterrupt, ThatNobodyCatchesEndsTheProcessByTheSignalAfterTheCleanup) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto main = [&ends]() -> Task<> {
    ::raise(SIGINT);
    const auto slept = co_await as_outcome(sleep(1h));
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    if (!slept) co_await fail(slept.error());
  };
  const auto uncaught = [&] { std::thread([&] { run(main(), options); }).join(); };
  EXPECT_EQ(in_a_child(uncaught), 1000 + SIGINT);
  char cleaned = 0;
  EXPECT_EQ(::read(ends[0], &cleaned, 1), 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Somebody waited for it in the cleanup, and has gone.
TEST(KeyboardInterrupt, TheSecondOneEndsTheProcessAlsoAfterSomebodyElseHasWaited) {
  EXPECT_EQ(in_a_child([] {
    run([]() -> Task<> {
      ::raise(SIGINT);
      static_cast<void>(co_await as_outcome(sleep(1h)));
      { Signals own({SIGINT}); }
      ::raise(SIGINT);
      ::_exit(3);
    }, options);
  }), 1000 + SIGINT);
}

TEST(KeyboardInterrupt, IsNoneByASignalThatCameForSomebodyWhoHasGone) {
  run([]() -> Task<> {
    {
      Signals own({SIGINT});
      ::raise(SIGINT);
    }
    co_await sleep(1ms);
    EXPECT_EQ(this_task().cancelling(), 0u);
  }, options);
}

// As system() does in another thread: it finds the handler, and puts it back too late.
TEST(KeyboardInterrupt, EndsTheProcessThoughSomebodyPutsTheHandlerBackTooLate) {
  EXPECT_EQ(in_a_child([] {
    void (*found)(int) = nullptr;
    run([&]() -> Task<> {
      found = ::signal(SIGINT, SIG_IGN);
      co_return;
    }, options);
    ::signal(SIGINT, found);
    ::raise(SIGINT);
    ::_exit(3);
  }), 1000 + SIGINT);
}

}  // namespace
