// Awaitables that are not eddy's, in a task: how they end, and what a cancel can do.
#include "support/allocations.hpp"
#include "support/foreign.hpp"
#include "support/run.hpp"

#include <thread>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::Call;
using test::Callbacks;
using test::FromCallback;
using test::Immediate;
using test::Lazy;

static_assert(Awaitable<Call> && Awaitable<FromCallback&> && Awaitable<Lazy>);
static_assert(std::is_same_v<AwaitValue<Call>, int>);
static_assert(!Awaitable<int> && !Awaitable<std::string&>);
static_assert(!ForeignAwaitable<Task<int>> && !ForeignAwaitable<JoinHandle<int>>);
static_assert(!ForeignAwaitable<Sleep> && !ForeignAwaitable<Future<int>>);

TEST(Foreign, ResumesWithWhatItGives) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto waits = spawn([&]() -> Task<int> {
      FromCallback answer(callbacks, 5);
      const int first = co_await foreign(answer);
      co_await yield();  // it is a task as before
      co_return first + co_await foreign(Call(callbacks));
    });
    co_await test::settle();
    for (int i = 0; i < 2; ++i) {
      EXPECT_FALSE(waits.done());
      Loop::current().post([&] { callbacks.call(); });
      co_await test::settle();
    }
    EXPECT_EQ(co_await waits, 12);
  });
}

TEST(Foreign, IsResumedFromTheStepOfAnotherTask) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    std::string log;
    auto waits = spawn([&]() -> Task<> {
      co_await foreign(Call(callbacks));
      log += "resumed by " + this_task().name();
    }, {.name = "itself"});
    co_await test::settle();
    callbacks.call();
    log += "not at once, ";
    co_await waits;
    EXPECT_EQ(log, "not at once, resumed by itself");
  });
}

TEST(Foreign, IsResumedOutsideOfATurn) {
  Loop loop;
  Callbacks callbacks;
  const auto body = [&]() -> Task<int> { co_return co_await foreign(Call(callbacks)); };
  auto waits = loop.spawn(body());
  loop.turn();
  callbacks.call();
  ASSERT_TRUE(loop.deadline());
  loop.turn();
  EXPECT_EQ(waits.result(), 7);
}

TEST(Foreign, ThrowsWhatItThrows) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto throws = spawn([&]() -> Task<> {
      EXPECT_THROW(co_await foreign(Call(callbacks, std::nullopt)), std::runtime_error);
      EXPECT_THROW(co_await foreign(Immediate(test::AtOnce::throws)), std::runtime_error);
      co_await yield();
    });
    co_await test::settle();
    callbacks.call();
    co_await throws;
  });
}

TEST(Foreign, SuspendsNothingWhereItDoesNot) {
  test::run([]() -> Task<> {
    const auto turns = [] { return Loop::current().stats().turns; };
    const auto before = turns();
    EXPECT_EQ(co_await foreign(Immediate(test::AtOnce::ready)), 3);
    EXPECT_EQ(co_await foreign(Immediate(test::AtOnce::refuses)), 3);
    EXPECT_EQ(co_await foreign(Immediate(test::AtOnce::resumes)), 3);
    co_await foreign(test::Transfers());
    EXPECT_EQ(turns(), before);
    co_await yield();
  });
}

// Many times, so that a sanitizer sees where the two threads meet.
class OnAThread {
 public:
  explicit OnAThread(std::thread& thread) : thread_(thread) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    thread_ = std::thread([frame] { frame.resume(); });
  }
  std::thread::id await_resume() const { return std::this_thread::get_id(); }

 private:
  std::thread& thread_;
};
TEST(ForeignThreads, ResumeATaskOnItsOwnThread) {
  test::run([]() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      std::thread thread;
      OnAThread hops(thread);
      EXPECT_EQ(co_await foreign(hops), std::this_thread::get_id());
      thread.join();
    }
  });
}

// -- coroutines of another library --

Lazy child(int value) { co_return value; }
Lazy parent(int value) { co_return co_await child(value) + co_await child(1); }
Lazy sleeps(int value) {
  co_await yield();
  co_await sleep(1h);
  co_return value;
}
Lazy throws_after(Duration length) {
  co_await sleep(length);
  throw std::runtime_error("lazy");
}
Lazy runs_a_task() {
  const auto task = []() -> Task<int> {
    co_await sleep(1h);
    co_return 4;
  };
  co_return co_await task();
}
Lazy waits_for_both(Callbacks& callbacks) {
  co_await sleep(1h);
  FromCallback answer(callbacks, 6);
  co_return co_await answer;
}

TEST(ForeignCoroutine, GivesItsValue) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await foreign(parent(4)), 5);
    EXPECT_EQ(co_await as_result(parent(5)), 6);
  });
}

TEST(ForeignCoroutine, AwaitsWhatIsEddysAsPartOfTheTask) {
  test::run([]() -> Task<> {
    const Instant start = Loop::current().now();
    EXPECT_EQ(co_await foreign(sleeps(2)), 2);
    EXPECT_EQ(co_await foreign(runs_a_task()), 4);
    EXPECT_THROW(co_await foreign(throws_after(1h)), std::runtime_error);
    EXPECT_EQ(Loop::current().now() - start, 3h);
  });
}

TEST(ForeignCoroutine, IsCancelledInWhatIsEddys) {
  test::run([]() -> Task<> {
    auto waits = spawn(sleeps(2));
    co_await test::settle();
    waits.cancel();
    co_await test::wait_until_done(waits);
    EXPECT_TRUE(waits.cancelled());
  });
}

TEST(ForeignCoroutine, WaitsForWhatIsEddysAndThenForACallback) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto waits = spawn(waits_for_both(callbacks));
    co_await sleep(2h);
    EXPECT_TRUE(callbacks.waited_for());
    callbacks.call();
    EXPECT_EQ(co_await waits, 6);
  });
}

// -- cancelled --

// C2, C3
TEST(ForeignCancel, BeforeItBeganKeepsItFromBeginning) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto waits = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await foreign(Call(callbacks));
      ADD_FAILURE() << "the cancel was lost";
    });
    co_await test::wait_until_done(waits);
    EXPECT_TRUE(waits.cancelled());
    EXPECT_FALSE(callbacks.waited_for());
  });
}

// C13
TEST(ForeignCancel, WhileItWaitsIsForTheNextWait) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    int got = 0;
    auto waits = spawn([&]() -> Task<> {
      got = co_await foreign(Call(callbacks));
      co_await yield();
      ADD_FAILURE() << "the cancel was lost";
    });
    co_await test::settle();
    EXPECT_TRUE(waits.cancel());
    co_await test::settle();
    EXPECT_FALSE(waits.done());
    callbacks.call();
    co_await test::wait_until_done(waits);
    EXPECT_EQ(got, 7);
    EXPECT_TRUE(waits.cancelled());
  });
}

// C4
TEST(ForeignCancel, InTheTurnInWhichItWasResumedIsForTheNextWait) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    int got = 0;
    auto waits = spawn([&]() -> Task<> {
      got = co_await foreign(Call(callbacks));
      co_await yield();
    });
    co_await test::settle();
    callbacks.call();
    waits.cancel();
    co_await test::wait_until_done(waits);
    EXPECT_EQ(got, 7);
    EXPECT_TRUE(waits.cancelled());
  });
}

// F02: a loop that closes waits for it, and a thread may end that.
TEST(ForeignThreads, LetALoopClose) {
  Callbacks callbacks;
  bool resumed = false;
  std::thread thread;
  // Outlives the loop, which runs it when it closes.
  const auto body = [&]() -> Task<> {
    co_await foreign(Call(callbacks));
    resumed = true;
  };
  {
    Loop loop;
    loop.spawn(body());
    loop.turn();
    thread = std::thread([&] { callbacks.call(); });
  }
  EXPECT_TRUE(resumed);
  thread.join();
}

TEST(ForeignCancel, EndsTheTaskBeforeAHostClosesItsLoop) {
  Callbacks callbacks;
  Loop loop;
  const auto body = [&]() -> Task<> {
    co_await foreign(Call(callbacks));
    co_await sleep(1h);
  };
  auto waits = loop.spawn(body());
  loop.turn();
  waits.cancel();
  callbacks.call();
  loop.close();
  EXPECT_TRUE(waits.cancelled());
}

#ifndef NDEBUG
TEST(ForeignDeathTest, AwaitedWithoutASayingSoEndsTheProcess) {
  const auto plainly = [] {
    Loop loop;
    Callbacks callbacks;
    const auto body = [&]() -> Task<int> { co_return co_await Call(callbacks); };
    loop.spawn(body(), {.name = "plain"});
    loop.turn();
  };
  EXPECT_DEATH(plainly(), "plain in .* awaits what is not eddy's");
}
#endif

// -- used as what is eddy's --

TEST(Foreign, IsSpawnedAndRunAsItIs) {
  test::run([]() -> Task<> {
    Callbacks callbacks;
    auto waits = spawn(Call(callbacks));
    co_await test::settle();
    callbacks.call();
    EXPECT_EQ(co_await waits, 7);
  });
  EXPECT_EQ(Loop(test::options()).run(Immediate(test::AtOnce::ready)), 3);
  EXPECT_EQ(eddy::run(parent(1), test::options()), 2);
}

TEST(Foreign, GivesAResult) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await as_result(Immediate(test::AtOnce::ready)), 3);
    EXPECT_THROW(co_await as_result(throws_after(1ms)), std::runtime_error);
    const auto fails = []() -> Lazy {
      co_await sleep(1ms);
      throw Error(EIO, "lazy");
    };
    const auto failed = co_await as_result(fails());
    EXPECT_EQ(failed.error(), std::errc::io_error);
  });
}

class Referring {
 public:
  explicit Referring(std::string& text) : text_(text) {}
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  std::string& await_resume() const noexcept { return text_; }

 private:
  std::string& text_;
};
TEST(Foreign, HandsAReferenceOn) {
  test::run([]() -> Task<> {
    std::string text = "a";
    EXPECT_EQ(&co_await foreign(Referring(text)), &text);
  });
}

TEST(Foreign, IsAwaitedOnce) {
  test::run([]() -> Task<> {
    auto once = foreign(Immediate(test::AtOnce::ready));
    co_await once;
    EXPECT_THROW(co_await once, UsageError);
  });
  Callbacks callbacks;
  EXPECT_THROW(foreign(Call(callbacks)).await_suspend(std::noop_coroutine()), UsageError);
}

class Held {
 public:
  explicit Held(std::coroutine_handle<>& waits) : waits_(&waits) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) const noexcept { *waits_ = frame; }
  void await_resume() const noexcept {}

 private:
  std::coroutine_handle<>* waits_;
};
// ∅
TEST(Foreign, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP();
  test::run([]() -> Task<> {
    std::coroutine_handle<> waits;
    std::size_t before = 0;
    for (int i = 0; i < 10; ++i) {
      if (i == 5) before = test::allocations();
      co_await foreign(Immediate(test::AtOnce::ready));
      co_await foreign(Immediate(test::AtOnce::resumes));
      auto held = spawn(Held(waits));
      co_await test::settle();
      waits.resume();
      co_await held;
    }
    EXPECT_EQ(test::allocations() - before, 0u);
  });
}

}  // namespace
