// A primitive that dies while it is used: refused with a message, in release too, and only there
// where a task could still run.
#include "support/run.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace {

using namespace eddy;

// Destroys a P as soon as one task waits for it.
template <class P, class Wait, class... Args>
void dies_with_a_waiter(Wait wait, Args... args) {
  test::run([&]() -> Task<> {
    auto primitive = std::make_unique<P>(args...);
    auto waiter = spawn([&]() -> Task<> { co_await wait(*primitive); });
    co_await test::settle();
    primitive.reset();
    co_await waiter;
  });
}

TEST(Lifetime, OfAPrimitiveLastsAsLongAsATaskWaitsForIt) {
  const auto waits = [](auto& primitive) { return primitive.wait(); };
  EXPECT_DEATH(dies_with_a_waiter<Event>(waits), "an Event died while a task waited");
  EXPECT_DEATH(dies_with_a_waiter<Barrier>(waits, 2), "a Barrier died while a task waited");
  const auto acquires = [](auto& primitive) { return primitive.acquire(); };
  EXPECT_DEATH(dies_with_a_waiter<Semaphore>(acquires, 0), "a Semaphore died while a task waited");
  const auto gets = [](auto& queue) { return queue.get(); };
  EXPECT_DEATH(dies_with_a_waiter<Queue<int>>(gets), "a Queue died while a task waited to get");
  const auto puts = [](auto& queue) -> Task<> {
    co_await queue.put(1);
    co_await queue.put(2);
  };
  EXPECT_DEATH(dies_with_a_waiter<Queue<int>>(puts, 1), "a Queue died while a task waited to put");
  const auto joins = [](auto& queue) -> Task<> {
    co_await queue.put(1);
    co_await queue.join();
  };
  EXPECT_DEATH(dies_with_a_waiter<Queue<int>>(joins), "a Queue died while a task waited in join");
  const auto waits_locked = [](auto& lock) -> Task<> {
    co_await lock.acquire();
    co_await lock.acquire();
  };
  EXPECT_DEATH(dies_with_a_waiter<Lock>(waits_locked), "a Lock died while a task waited");
  const auto writes = [](auto& lock) -> Task<> {
    auto reader = co_await lock.read();
    auto writer = co_await lock.write();
  };
  EXPECT_DEATH(dies_with_a_waiter<RwLock>(writes), "a RwLock died while a task waited");
}

// Each was given what it waited for, and had not run when that died.
TEST(Lifetime, OfAPrimitiveLastsUntilATaskThatItWokeHasRun) {
  const auto woken = [](auto make, auto wait, auto wake) {
    test::run([&]() -> Task<> {
      auto primitive = make();
      auto waiter = spawn([&]() -> Task<> { co_await wait(*primitive); });
      co_await test::settle();
      wake(*primitive);
      primitive.reset();
      co_await waiter;
    });
  };
  const auto acquires = [](auto& primitive) -> Task<> {
    co_await primitive.acquire();
    primitive.release();
  };
  const auto locked = [] {
    auto lock = std::make_unique<Lock>();
    lock->acquire().await_ready();
    return lock;
  };
  const auto release = [](auto& primitive) { primitive.release(); };
  EXPECT_DEATH(woken(locked, acquires, release), "a Lock died while a task waited");
  const auto of_none = [] { return std::make_unique<Semaphore>(0); };
  EXPECT_DEATH(woken(of_none, acquires, release), "a Semaphore died while a task waited");
  const auto empty = [] { return std::make_unique<Queue<int>>(); };
  const auto gets = [](auto& queue) -> Task<> { co_await queue.get(); };
  const auto puts = [](auto& queue) { queue.put_nowait(1); };
  EXPECT_DEATH(woken(empty, gets, puts), "a Queue died while a task waited");
}

TEST(Lifetime, OfARwLockLastsAsLongAsItIsHeld) {
  const auto outlives = [] {
    test::run([]() -> Task<> {
      auto lock = std::make_unique<RwLock>();
      auto guard = co_await lock->read();
      lock.reset();
    });
  };
  EXPECT_DEATH(outlives(), "a RwLock died while a task waited for it or held it");
}

TEST(Lifetime, OfAConditionLastsAsLongAsItsWaitTakesTheLock) {
  const auto dies = [] {
    test::run([]() -> Task<> {
      Lock lock;
      auto condition = std::make_unique<Condition>(lock);
      auto waiter = spawn([&]() -> Task<> {
        auto guard = co_await lock.scoped();
        co_await condition->wait();
      });
      co_await test::settle();
      co_await lock.acquire();
      condition->notify();
      co_await test::settle();
      condition.reset();
      lock.release();
      co_await waiter;
    });
  };
  EXPECT_DEATH(dies(), "a Condition died while a task waited");
}

// What was woken for good needs no more of it: an Event that was set, a Queue that was shut down.
TEST(Lifetime, OfWhatIsOverMayEndAtOnce) {
  test::run([]() -> Task<> {
    auto event = std::make_unique<Event>();
    auto barrier = std::make_unique<Barrier>(2);
    auto queue = std::make_unique<Queue<int>>(1);
    auto drained = std::make_unique<Queue<int>>();
    queue->put_nowait(1);
    const auto refused = [](auto waiting) -> Task<bool> {
      auto outcome = co_await as_outcome(std::move(waiting));
      co_return !outcome;
    };
    auto waits = spawn([&]() -> Task<> { co_await event->wait(); });
    auto breaks = spawn(refused(barrier->wait()));
    auto puts = spawn(refused(queue->put(2)));
    auto gets = spawn(refused(drained->get()));
    co_await test::settle();
    event->set();
    event.reset();
    barrier->abort();
    barrier.reset();
    queue->shutdown();
    queue.reset();
    drained->shutdown();
    drained.reset();
    co_await waits;
    EXPECT_TRUE(co_await breaks);
    EXPECT_TRUE(co_await puts);
    EXPECT_TRUE(co_await gets);
  });
}

int status_of(pid_t child) {
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

// A forked child that unwinds: the tasks are the parent's.
TEST(Lifetime, OfAPrimitiveMayEndInAForkedChild) {
  auto event = std::make_unique<Event>();
  test::run([&]() -> Task<> {
    auto waiter = spawn([&]() -> Task<> { co_await event->wait(); });
    co_await test::settle();
    const pid_t child = ::fork();
    if (child == 0) {
      event.reset();
      ::_exit(0);
    }
    EXPECT_EQ(status_of(child), 0);
    event->set();
    co_await waiter;
  });
}

// exit() in the middle of a run destroys what is static; no task runs after that.
TEST(Lifetime, OfAStaticPrimitiveMayEndInExit) {
  const auto exits = [] {
    static Queue<int> jobs;
    test::run([]() -> Task<> {
      spawn([]() -> Task<> { co_await jobs.get(); });
      co_await test::settle();
      std::exit(7);
    });
  };
  EXPECT_EXIT(exits(), testing::ExitedWithCode(7), "");
}

Task<> await_it(Event::Wait& wait) { co_await wait; }

// An awaitable of a primitive is in one list, once.
TEST(Lifetime, OfAWaitIsOneWait) {
  test::run([]() -> Task<> {
    Event event;
    auto wait = event.wait();
    auto first = spawn(await_it(wait));
    co_await test::settle();
    EXPECT_THROW(co_await await_it(wait), UsageError);
    event.set();
    co_await first;
  });
}

}  // namespace
