// Signals: each one that came is told to each that waits for it, and nothing of it is left.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <latch>
#include <thread>

namespace {

using namespace eddy;
using test::settle;
using test::wait_until_done;

// Of a signal that the test may set as it likes; put back in the end.
class Action {
 public:
  explicit Action(int number, void (*handler)(int) = SIG_IGN) : number_(number) {
    struct sigaction action {};
    action.sa_handler = handler;
    EXPECT_EQ(::sigaction(number, &action, &before_), 0);
  }
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;
  ~Action() { ::sigaction(number_, &before_, nullptr); }
  static void (*of(int number))(int) {
    struct sigaction action {};
    EXPECT_EQ(::sigaction(number, nullptr, &action), 0);
    return action.sa_handler;
  }

 private:
  int number_;
  struct sigaction before_ {};
};

// X5
TEST(Signals, ToldOfOneThatCameBeforeAndOfOneThatComesLater) {
  test::run([]() -> Task<> {
    Signals signals({SIGHUP, SIGTERM});
    ::raise(SIGTERM);
    EXPECT_EQ(co_await signals.next(), SIGTERM);
    auto later = spawn(signals.next());
    co_await settle();
    EXPECT_FALSE(later.done());
    ::raise(SIGHUP);
    EXPECT_EQ(co_await later, SIGHUP);
  });
}

TEST(Signals, OneKindThatCameOftenIsToldOnceTheLowestNumberFirst) {
  test::run([]() -> Task<> {
    Signals signals({SIGTERM, SIGHUP, SIGRTMAX});
    for (int i = 0; i < 3; ++i) {
      for (const int number : {SIGRTMAX, SIGTERM, SIGHUP}) ::raise(number);
    }
    for (const int number : {SIGHUP, SIGTERM, SIGRTMAX}) {
      EXPECT_EQ(co_await signals.next(), number);
    }
    auto another = spawn(signals.next());
    co_await settle();
    EXPECT_FALSE(another.done());
    another.cancel();
    co_await wait_until_done(another);
  });
}

TEST(Signals, EachOfSeveralIsToldAndSeveralWaitersOfOneAreServedInOrder) {
  test::run([]() -> Task<> {
    Signals one({SIGHUP, SIGUSR2});
    Signals two({SIGHUP});
    auto first = spawn(one.next());
    auto second = spawn(one.next());
    auto other = spawn(two.next());
    auto once = spawn(signal(SIGHUP));
    co_await settle();
    ::raise(SIGHUP);
    EXPECT_EQ(co_await first, SIGHUP);
    EXPECT_EQ(co_await other, SIGHUP);
    EXPECT_EQ(co_await once, SIGHUP);
    EXPECT_FALSE(second.done());
    ::raise(SIGUSR2);
    EXPECT_EQ(co_await second, SIGUSR2);
  });
}

TEST(Signals, ACancelledWaiterHandsOnWhatItWasGiven) {
  test::run([]() -> Task<> {
    Signals before({SIGHUP});
    Signals signals({SIGUSR2});
    auto first = spawn(signals.next());
    auto second = spawn(signals.next());
    auto canceller = spawn([&]() -> Task<> {
      EXPECT_EQ(co_await before.next(), SIGHUP);
      first.cancel();  // which was woken in the same turn, and has not run
    });
    co_await settle();
    ::raise(SIGUSR2);
    ::raise(SIGHUP);
    co_await wait_until_done(first);
    EXPECT_TRUE(first.cancelled());
    EXPECT_EQ(co_await second, SIGUSR2);
    co_await canceller;
  });
}

TEST(Signals, ACancelInTheTurnOfTheSignalLosesNone) {
  test::run([]() -> Task<> {
    for (int turns = 0; turns < 4; ++turns) {
      Signals signals({SIGHUP});
      auto waiter = spawn(signals.next());
      co_await settle();
      ::raise(SIGHUP);
      for (int i = 0; i < turns; ++i) co_await yield();
      waiter.cancel();
      co_await wait_until_done(waiter);
      if (waiter.cancelled()) {
        EXPECT_EQ(co_await signals.next(), SIGHUP);
      }
    }
  });
}

TEST(Signals, ACancelledSignalThatHasComeIsToldAndTheRequestWaits) {
  test::run([]() -> Task<> {
    for (int turns = 0; turns < 4; ++turns) {
      const Action unharmed(SIGHUP);
      int told = 0;
      auto waiter = spawn([&told]() -> Task<> {
        told = co_await signal(SIGHUP);
        co_await yield();
      });
      co_await settle();
      ::raise(SIGHUP);
      for (int i = 0; i < turns; ++i) co_await yield();
      const bool asked = waiter.cancel();
      co_await wait_until_done(waiter);
      EXPECT_EQ(waiter.cancelled(), asked) << turns;
    }
  });
}

// X5
TEST(Signals, RefusesWhatNobodyCanWaitFor) {
  test::run([]() -> Task<> {
    for (const int number : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS,
                             SIGABRT, 0, -1, 32, 33, 65, 1 << 30, SIGRTMAX + 1}) {
      EXPECT_THROW(static_cast<void>(signal(number)), UsageError) << number;
      EXPECT_THROW(Signals({SIGHUP, number}), UsageError) << number;
    }
    EXPECT_THROW(Signals({}), UsageError);
    EXPECT_EQ(Action::of(SIGHUP), SIG_DFL) << "what was refused has changed something";
    try {
      static_cast<void>(signal(SIGKILL));
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("SIGKILL cannot"), std::string::npos);
    }
    co_return;
  });
}

void nothing(int) {}

// X5
TEST(Signals, TheLastOnePutsTheEarlierActionBack) {
  for (void (*before)(int) : {SIG_IGN, static_cast<void (*)(int)>(&nothing)}) {
    const Action action(SIGHUP, before);
    test::run([before]() -> Task<> {
      auto one = std::make_unique<Signals>(std::initializer_list<int>{SIGHUP, SIGTERM});
      EXPECT_NE(Action::of(SIGHUP), before);
      {
        Signals two({SIGHUP});
        one.reset();
        EXPECT_NE(Action::of(SIGHUP), before) << "another still waits";
        EXPECT_EQ(Action::of(SIGTERM), SIG_DFL);
      }
      EXPECT_EQ(Action::of(SIGHUP), before);
      auto waiter = spawn(signal(SIGHUP));
      co_await settle();
      EXPECT_NE(Action::of(SIGHUP), before);
      ::raise(SIGHUP);
      co_await waiter;
      EXPECT_EQ(Action::of(SIGHUP), before);
    });
  }
}

TEST(Signals, AnActionThatSomebodyElseHasSetMeanwhileStays) {
  const Action action(SIGHUP);
  test::run([]() -> Task<> {
    std::string told;
    Loop::current().set_debug(true);
    Loop::current().on_exception([&told](const ExceptionReport& report) { told = report.message; });
    {
      Signals signals({SIGHUP});
      ::signal(SIGHUP, &nothing);
    }
    EXPECT_EQ(Action::of(SIGHUP), &nothing);
    EXPECT_NE(told.find("SIGHUP"), std::string::npos);
    {
      Signals signals({SIGHUP});
      ::raise(SIGHUP);
      EXPECT_EQ(co_await signals.next(), SIGHUP) << "who asks anew is told again";
    }
    EXPECT_EQ(Action::of(SIGHUP), &nothing);
    Loop::current().on_exception([](const ExceptionReport&) {});
  });
}

TEST(Signals, OutliveTheirLoop) {
  std::unique_ptr<Signals> signals;
  {
    Loop loop;
    loop.run([&]() -> Task<> {
      signals = std::make_unique<Signals>(std::initializer_list<int>{SIGHUP});
      co_return;
    });
    EXPECT_NE(Action::of(SIGHUP), SIG_DFL);
  }
  EXPECT_EQ(Action::of(SIGHUP), SIG_DFL);
  test::run([&]() -> Task<> {
    bool refused = false;
    try {
      static_cast<void>(co_await signals->next());
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    signals.reset();
  });
}

TEST(Signals, AreOfTheLoopTheyWereMadeOn) {
  EXPECT_THROW(Signals({SIGHUP}), UsageError);
  EXPECT_EQ(Action::of(SIGHUP), SIG_DFL);
}

TEST(Signals, ALoopOfEachThreadIsTold) {
  constexpr int threads = 4;
  std::latch waiting(threads + 1);
  std::atomic<int> told = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      run([&]() -> Task<> {
        Signals signals({SIGUSR2});
        waiting.arrive_and_wait();
        EXPECT_EQ(co_await signals.next(), SIGUSR2);
        ++told;
      });
    });
  }
  waiting.arrive_and_wait();
  ::kill(::getpid(), SIGUSR2);
  for (std::thread& thread : all) thread.join();
  EXPECT_EQ(told, threads);
  EXPECT_EQ(Action::of(SIGUSR2), SIG_DFL);
}

// Threads send while loops come and go.
TEST(Signals, AStormFromOtherThreadsLosesNeitherLoopNorFile) {
  const Action unharmed(SIGUSR2);
  std::atomic<bool> over = false;
  std::vector<std::thread> senders;
  for (int i = 0; i < 2; ++i) {
    senders.emplace_back([&] { while (!over) ::raise(SIGUSR2); });
  }
  for (int round = 0; round < 200; ++round) {
    run([]() -> Task<> {
      Signals signals({SIGUSR2});
      for (int i = 0; i < 5; ++i) EXPECT_EQ(co_await signals.next(), SIGUSR2);
      EXPECT_EQ(co_await signal(SIGUSR2), SIGUSR2);
    });
  }
  over = true;
  for (std::thread& sender : senders) sender.join();
}

// X5
TEST(Signals, WakeALoopThatSleepsAndOneThatIsTurnedByAnother) {
  for (const bool embedded : {false, true}) {
    Loop loop;
    const int fd = embedded ? loop.fd() : -1;
    auto waiter = loop.spawn([]() -> Task<int> { co_return co_await signal(SIGUSR2); });
    for (int i = 0; i < 5; ++i) loop.turn();
    EXPECT_FALSE(waiter.done());
    std::thread sender([] { ::raise(SIGUSR2); });
    if (embedded) {
      pollfd readable{fd, POLLIN, 0};
      int ready = 0;
      while ((ready = ::poll(&readable, 1, -1)) < 0 && errno == EINTR) {
      }
      EXPECT_EQ(ready, 1);
      while (!waiter.done()) loop.turn();
    } else {
      EXPECT_EQ(loop.run([&]() -> Task<int> { co_return co_await waiter; }), SIGUSR2);
    }
    sender.join();
    EXPECT_EQ(waiter.result(), SIGUSR2);
  }
}

TEST(Signals, KeepErrno) {
  test::run([]() -> Task<> {
    Signals signals({SIGHUP});
    errno = 4711;
    ::raise(SIGHUP);
    EXPECT_EQ(errno, 4711);
    EXPECT_EQ(co_await signals.next(), SIGHUP);
  });
}

// Edges 7
TEST(Signals, AChildOfForkHasTheEarlierActionsAndTheParentIsNotTold) {
  const Action action(SIGHUP, SIG_IGN);
  test::run([]() -> Task<> {
    Signals signals({SIGHUP, SIGTERM});
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      if (Action::of(SIGHUP) != SIG_IGN) ::_exit(1);
      ::raise(SIGHUP);
      ::raise(SIGTERM);
      ::_exit(2);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
    auto waiter = spawn(signals.next());
    co_await settle();
    EXPECT_FALSE(waiter.done());
    ::raise(SIGHUP);
    EXPECT_EQ(co_await waiter, SIGHUP) << "the parent's is as it was";
  });
}

TEST(Signals, AChildOfForkHasSignalsOfItsOwn) {
  test::run([]() -> Task<> {
    Signals signals({SIGHUP});
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      const int told = run([]() -> Task<int> {
        Signals own({SIGHUP});
        ::raise(SIGHUP);
        co_return co_await own.next();
      });
      ::_exit(told == SIGHUP && Action::of(SIGHUP) == SIG_DFL ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    co_return;
  });
}

// Without the handlers of fork(): nobody has told the child.
TEST(Signals, AChildThatWasMadeAtTheKernelsDiesByWhatTheParentWaitsFor) {
  test::run([]() -> Task<> {
    Signals signals({SIGTERM});
    std::fflush(nullptr);
    const pid_t child = ::_Fork();
    if (child == 0) {
      ::kill(::getpid(), SIGTERM);
      ::_exit(2);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
    co_return;
  });
}

TEST(Signals, WaitingAllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  test::run([]() -> Task<> {
    Signals signals({SIGHUP});
    const auto once = [](Signals& of) -> Task<> {
      auto waiter = spawn(of.next());
      co_await yield();
      ::raise(SIGHUP);
      EXPECT_EQ(co_await waiter, SIGHUP);
    };
    co_await once(signals);
    const std::size_t before = test::allocations();
    for (int i = 0; i < 10; ++i) co_await once(signals);
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

TEST(Signals, AreNotToldOfWhatCameBefore) {
  test::run([]() -> Task<> {
    {
      Signals before({SIGHUP});
      ::raise(SIGHUP);
    }
    Signals signals({SIGHUP});
    auto waiter = spawn(signals.next());
    co_await test::settle();
    EXPECT_FALSE(waiter.done());
    ::raise(SIGHUP);
    const auto number = co_await waiter;
    EXPECT_EQ(number, SIGHUP);
  });
}

}  // namespace
