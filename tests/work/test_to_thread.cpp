#include "support/allocations.hpp"
#include "work/held.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace {

using namespace eddy;
using test::Held;
using test::wait_until_done;

// F80
TEST(ToThread, RunsAFunctionOnAnotherThreadWhileTheLoopGoesOn) {
  test::run([]() -> Task<> {
    Held held;
    auto task = spawn(to_thread([&] {
      held.run();
      return std::this_thread::get_id();
    }));
    co_await yield();
    held.wait_for_begin();
    for (int ticks = 0; ticks < 100; ++ticks) co_await yield();
    EXPECT_FALSE(task.done());
    held.go();
    EXPECT_NE(co_await task, std::this_thread::get_id());
  });
}

int twice(int number) { return 2 * number; }
struct Account {
  int balance = 7;
  int add(int more) { return balance += more; }
};

TEST(ToThread, CallsWhateverCanBeCalled) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await to_thread(twice, 21), 42);
    EXPECT_EQ(co_await to_thread(&twice, 4), 8);
    Account account;
    EXPECT_EQ(co_await to_thread(&Account::add, std::ref(account), 3), 10);
    EXPECT_EQ(co_await to_thread(&Account::add, &account, 3), 13);
    EXPECT_EQ(co_await to_thread(&Account::balance, account), 13);
    auto owner = [number = std::make_unique<int>(5)] { return *number; };
    EXPECT_EQ(co_await to_thread(moved(owner)), 5);
    std::move_only_function<int()> function = [] { return 6; };
    EXPECT_EQ(co_await to_thread(std::move(function)), 6);
  });
}

TEST(ToThread, TakesArgumentsByValueAndGivesWhatIsReturned) {
  test::run([]() -> Task<> {
    std::string text = "text";
    auto task = spawn(to_thread([](std::string copy) { return copy + "!"; }, text));
    text = "changed";
    EXPECT_EQ(co_await task, "text!");
    int number = 1;
    int& same = co_await to_thread([](int& it) -> int& { return ++it, it; }, std::ref(number));
    EXPECT_EQ(&same, &number);
    EXPECT_EQ(number, 2);
    auto owned = co_await to_thread([](std::unique_ptr<int> it) { return it; },
                                    std::make_unique<int>(9));
    EXPECT_EQ(*owned, 9);
    co_await to_thread([&] { number = 3; });
    EXPECT_EQ(number, 3);
  });
}

TEST(ToThread, ThrowsWhatTheFunctionThrows) {
  test::run([]() -> Task<> {
    std::string said;
    try {
      co_await to_thread([] { throw std::runtime_error("from a thread"); });
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "from a thread");
    const auto result = co_await as_result(to_thread([]() -> int { throw Error(ENOENT, "look"); }));
    EXPECT_EQ(result.error(), std::errc::no_such_file_or_directory);
  });
}

// F80
TEST(ToThread, FindsTheContextVariablesOfItsTaskAndKeepsItsOwnToItself) {
  static ContextVar<std::string> user("user");
  static ContextVar<int> unset("unset", 1);
  test::run([]() -> Task<> {
    const auto guard = user.set("anna");
    EXPECT_EQ(co_await to_thread([] { return user.get(); }), "anna");
    co_await to_thread([] {
      user.set("bert").keep();
      unset.set(2).keep();
      EXPECT_EQ(user.get(), "bert");
      { const auto inner = user.set("carl"); }
      EXPECT_EQ(user.get(), "bert");
      EXPECT_EQ(run([]() -> Task<std::string> { co_return user.get(); }), "bert");
    });
    EXPECT_EQ(user.get(), "anna");
    EXPECT_EQ(co_await to_thread([] { return unset.get(); }), 1);
    const auto name = [](std::string mine) -> Task<std::string> {
      const auto own = user.set(mine);
      co_return co_await to_thread([] { return user.get(); });
    };
    const auto [one, two] = co_await gather(name("one"), name("two"));
    EXPECT_EQ(one + two, "onetwo");
    EXPECT_EQ(co_await to_thread(abandon_on_cancel, [] { return user.get(); }), "anna");
    EXPECT_EQ(co_await to_thread([] {
      return run([]() -> Task<std::string> { co_return user.get(); });
    }), "anna");
  });
}

TEST(ToThread, WaitsForAFunctionThatHasBegunAndLeavesTheRequestPending) {
  test::run([]() -> Task<> {
    Held held;
    int result = 0;
    bool cancelled_later = false;
    auto task = spawn([&]() -> Task<> {
      result = co_await to_thread([&] {
        held.run();
        return 5;
      });
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        cancelled_later = true;
      }
    });
    co_await yield();
    held.wait_for_begin();
    task.cancel();
    co_await test::settle();
    EXPECT_FALSE(task.done());
    held.go();
    co_await wait_until_done(task);
    EXPECT_EQ(result, 5);
    EXPECT_TRUE(cancelled_later);
  });
}

TEST(ToThread, IsNotCalledForATaskThatWasCancelledBefore) {
  test::run([]() -> Task<> {
    std::atomic<int> calls = 0;
    auto unstarted = spawn(to_thread([&] { ++calls; }));
    unstarted.cancel();
    auto pending = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await to_thread([&] { ++calls; });
    });
    co_await wait_until_done(unstarted);
    co_await wait_until_done(pending);
    EXPECT_TRUE(unstarted.cancelled() && pending.cancelled());
    co_await to_thread([] {});
    EXPECT_EQ(calls, 0);
  });
}

struct CountsDeath {
  std::latch* dead;
  explicit CountsDeath(std::latch* latch) : dead(latch) {}
  CountsDeath(CountsDeath&& other) noexcept : dead(std::exchange(other.dead, nullptr)) {}
  ~CountsDeath() { if (dead) dead->count_down(); }
};

TEST(ToThread, AbandonedEndsAtOnceAndDropsItsValuesOnTheThread) {
  auto held = std::make_shared<Held>();
  std::latch dead(2);
  test::run([&]() -> Task<> {
    auto call = to_thread(abandon_on_cancel, [](std::shared_ptr<Held> it, CountsDeath value) {
      it->run();
      return value;
    }, held, CountsDeath(&dead));
    auto task = spawn(std::move(call));
    co_await yield();
    held->wait_for_begin();
    EXPECT_EQ(held.use_count(), 2);
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled()) << "while the thread goes on";
    dead.count_down();
    held->go();
    dead.wait();
  });
  EXPECT_EQ(held.use_count(), 1) << "run() returned after the function";
}

// C13: what comes with the request is not lost
TEST(ToThread, AbandonedAfterItsFunctionHasEndedIsToldWithTheResult) {
  test::run([]() -> Task<> {
    auto held = std::make_shared<Held>();
    auto task = spawn(to_thread(abandon_on_cancel, [](std::shared_ptr<Held> it) {
      it->run();
      return 3;
    }, held));
    co_await yield();
    held->wait_for_begin();
    held->go();
    while (default_pool().stats().running > 0) std::this_thread::yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled()) << "C2: the request takes the place of the value at the end";
  });
}

// F84
TEST(ToThread, HasEndedWhenRunReturns) {
  std::atomic<bool> ended = false;
  auto held = std::make_shared<Held>();
  std::jthread lets_go;
  eddy::run([&]() -> Task<> {
    auto task = spawn(to_thread([&] {
      held->run();
      ended = true;
    }));
    co_await yield();
    held->wait_for_begin();
    lets_go = std::jthread([held] { held->go(); });
  });
  EXPECT_TRUE(ended);
}

TEST(ToThread, AbandonedHasEndedWhenRunReturnsToo) {
  static std::atomic<bool> ended;
  ended = false;
  auto held = std::make_shared<Held>();
  std::jthread lets_go;
  eddy::run([&]() -> Task<> {
    auto task = spawn(to_thread(abandon_on_cancel, [](std::shared_ptr<Held> it) {
      it->run();
      ended = true;
    }, held));
    co_await yield();
    held->wait_for_begin();
    task.cancel();
    co_await wait_until_done(task);
    lets_go = std::jthread([held] { held->go(); });
  });
  EXPECT_TRUE(ended);
}

TEST(ToThread, ComposesWithTimeoutGatherAndGroups) {
  test::run([]() -> Task<> {
    const auto [one, two] = co_await gather(to_thread(twice, 1), to_thread(twice, 2));
    EXPECT_EQ(one + two, 6);
    EXPECT_EQ(*co_await as_result(to_thread(twice, 3)), 6);
    int sum = 0;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 50; ++i) {
        group.spawn([&sum, i]() -> Task<> { sum += co_await to_thread(twice, i); });
      }
      co_return;
    });
    EXPECT_EQ(sum, 2450);
  });
  eddy::run([]() -> Task<> { EXPECT_EQ(co_await timeout(1h, to_thread(twice, 2)), 4); });
}

TEST(ToThread, IsNamedByATimeout) {
  eddy::run([]() -> Task<> {
    auto held = std::make_shared<Held>();
    std::string said;
    try {
      auto call = to_thread(abandon_on_cancel, [](std::shared_ptr<Held> it) { it->run(); }, held);
      co_await timeout(1ms, std::move(call));
    } catch (const TimeoutError& error) {
      said = error.what();
    }
    held->go();
    EXPECT_EQ(said, "a call on a thread: timed out after 1ms");
  });
}

TEST(ToThread, LeavesSignalsToOtherThreadsAndHasAName) {
  test::run([]() -> Task<> {
    const auto [blocked, name] = co_await to_thread([] {
      sigset_t set;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
      char text[16] = {};
      ::pthread_getname_np(::pthread_self(), text, sizeof text);
      return std::pair(::sigismember(&set, SIGTERM), std::string(text));
    });
    EXPECT_EQ(blocked, 1);
    EXPECT_EQ(name, "eddy-pool");
  });
}

TEST(ToThread, AllocatesNothingByItself) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "a sanitizer's heap is not counted";
  test::run([]() -> Task<> {
    static ContextVar<int> variable("variable", 0);
    const auto guard = variable.set(1);
    const auto calls = []() -> Task<> {
      for (int i = 0; i < 10; ++i) co_await to_thread(twice, i);
      for (int i = 0; i < 10; ++i) co_await to_thread(abandon_on_cancel, twice, i);
      auto task = spawn(to_thread(twice, 1));
      co_await task;
    };
    for (int i = 0; i < 5; ++i) co_await calls();
    const std::size_t before = test::allocations();
    co_await calls();
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

TEST(ToThread, UsesOneThreadForCallsOneAfterTheOther) {
  test::run([]() -> Task<> {
    for (int i = 0; i < 200; ++i) co_await to_thread(twice, i);
    const ThreadPoolStats stats = default_pool().stats();
    EXPECT_EQ(stats.threads, 1u);
    EXPECT_EQ(stats.begun, 200u);
    EXPECT_EQ(stats.queued, 0u);
    EXPECT_EQ(stats.most_threads, std::min(32u, available_cpus() + 4));
  });
}

TEST(ToThread, ManyAtOnceAllComeBack) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 2000; ++i) tasks.push_back(spawn(to_thread(twice, i)));
    int sum = 0;
    for (auto& task : tasks) sum += co_await task;
    EXPECT_EQ(sum, 1999 * 2000);
  });
}

// F81
TEST(RunInExecutor, IsWithThePoolAtOnce) {
  test::run([]() -> Task<> {
    ThreadPool pool(1);
    Held held;
    auto one = run_in_executor(pool, [&] { held.run(); });
    held.wait_for_begin();
    auto queued = run_in_executor(pool, twice, 1);
    EXPECT_EQ(pool.stats().queued, 1u);
    queued.cancel();
    co_await wait_until_done(queued);
    EXPECT_TRUE(queued.cancelled());
    held.go();
    co_await one;
    EXPECT_EQ(co_await run_in_executor(nullptr, twice, 8), 16);
  });
}

// F81: asyncio's does not
TEST(RunInExecutor, FindsTheContextVariablesOfItsCaller) {
  static ContextVar<int> variable("variable", 0);
  test::run([]() -> Task<> {
    ThreadPool pool(1);
    std::vector<JoinHandle<int>> calls;
    {
      const auto guard = variable.set(4);
      calls.push_back(run_in_executor(pool, [] { return variable.get(); }));
      calls.push_back(run_in_executor(nullptr, [] { return variable.get(); }));
    }
    calls.push_back(run_in_executor(pool, [] { return variable.get(); }));
    const auto found = co_await gather(std::move(calls));
    EXPECT_EQ(found, (std::vector{4, 4, 0}));
  });
}

// Edges 7
TEST(ToThread, IsNoConcernOfAChild) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer lets a child of several threads start none";
#endif
  std::optional<Loop> loop(std::in_place, test::options());
  ThreadPool pool(2);
  const auto call = [&]() -> Task<> {
    EXPECT_EQ(co_await to_thread(twice, 1), 2);
    EXPECT_EQ(co_await pool.submit(twice, 2), 4);
  };
  loop->run(call());
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    loop.reset();
    int refused = 0;
    try {
      eddy::run([&]() -> Task<> { co_await pool.submit(twice, 1); });
    } catch (const UsageError&) {
      ++refused;
    }
    pool.~ThreadPool();
    const int own = eddy::run([]() -> Task<int> { co_return co_await to_thread(twice, 3); });
    ::_exit(refused == 1 && own == 6 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  loop->run(call());
}

// Edges 15: in a child, as somebody whom the limit binds
TEST(ToThread, WithoutAThreadToHaveIsAnErrorOfThatCall) {
  if (::getuid() != 0) GTEST_SKIP() << "needs to become another user";
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    int result = 0;
    eddy::run([&]() -> Task<> {
      ThreadPool pool(2);
      co_await pool.submit(twice, 1);
      const rlimit none{0, 0};
      if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setuid(65534) != 0) ::_exit(77);
      const auto refused = co_await as_result(to_thread(twice, 1));
      if (refused || refused.error() != std::errc::resource_unavailable_try_again) result |= 1;
      const auto [one, two] = co_await gather(pool.submit(twice, 1), pool.submit(twice, 2));
      if (one + two != 6) result |= 2;
      if (pool.stats().threads != 1) result |= 4;
    });
    ::_exit(result);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "the limit cannot be set here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

static_assert(!holds_values<int*> && !holds_values<std::string_view> &&
              !holds_values<std::span<int>> && !holds_values<std::reference_wrapper<int>>);
static_assert(holds_values<std::string> && holds_values<std::unique_ptr<int>> &&
              holds_values<int (*)(int)> && holds_values<std::vector<int>>);

}  // namespace
