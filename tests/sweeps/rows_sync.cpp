// Rows of sync: what tasks wait for from each other.
#include "support/awaitables.hpp"

#include <eddy/sync/barrier.hpp>
#include <eddy/sync/capacity_limiter.hpp>
#include <eddy/sync/condition.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/lock.hpp>
#include <eddy/sync/queue.hpp>
#include <eddy/sync/rw_lock.hpp>
#include <eddy/sync/semaphore.hpp>

#include <gtest/gtest.h>

namespace {

using namespace test;

// A lock that somebody has until wake(); afterwards nobody may have it.
struct Locked {
  Task<> begin() { co_await lock.acquire(); }
  void wake() { if (std::exchange(held, false)) lock.release(); }
  Task<> check() {
    EXPECT_FALSE(lock.locked()) << "the lock was lost";
    co_return;
  }
  Lock lock;
  bool held = true;
};

const Rows<Locked> locked = {
    {"Lock::acquire",
     [](Locked& w) -> Task<> {
       co_await w.lock.acquire();
       w.lock.release();
     },
     at_once()},
    {"Lock::scoped", [](Locked& w) -> Task<> { auto guard = co_await w.lock.scoped(); }, at_once()},
    {"Lock::scoped for_some_turns",
     [](Locked& w) -> Task<> {
       auto guard = co_await w.lock.scoped();
       for (int i = 0; i < 3; ++i) co_await yield();
     }},
};

// One unit, and as long as wake() was not called, none.
template <class S>
struct Counted {
  Task<> begin() { co_await units.acquire(); }
  void wake() { if (std::exchange(held, false)) units.release(); }
  Task<> check() {
    EXPECT_EQ(units.value(), 1u) << "a unit was lost, or made";
    co_return;
  }
  S units{1};
  bool held = true;
};

template <class S>
Task<> take_unit(Counted<S>& w) {
  co_await w.units.acquire();
  w.units.release();
}
template <class S>
Task<> hold_unit(Counted<S>& w) {
  auto guard = co_await w.units.scoped();
  co_await yield();
}

const Rows<Counted<Semaphore>> semaphores = {
    {"Semaphore::acquire", &take_unit<Semaphore>, at_once()},
    {"Semaphore::scoped", &hold_unit<Semaphore>},
};
const Rows<Counted<BoundedSemaphore>> bounded = {
    {"Semaphore::acquire of_a_bounded_one", &take_unit<BoundedSemaphore>, at_once()},
    {"Semaphore::scoped of_a_bounded_one", &hold_unit<BoundedSemaphore>},
};

struct Limited {
  Task<> begin() { co_await limiter.acquire_on_behalf_of(this); }
  void wake() { if (std::exchange(held, false)) limiter.release_on_behalf_of(this); }
  Task<> check() {
    EXPECT_EQ(limiter.available_tokens(), 1u) << "a token was lost, or made";
    EXPECT_EQ(limiter.statistics().tasks_waiting, 0u);
    co_return;
  }
  CapacityLimiter limiter{1};
  bool held = true;
};

const Rows<Limited> limited = {
    {"CapacityLimiter::acquire",
     [](Limited& w) -> Task<> {
       co_await w.limiter.acquire();
       w.limiter.release();
     },
     at_once()},
    {"CapacityLimiter::acquire_on_behalf_of",
     [](Limited& w) -> Task<> {
       const int borrower = 0;
       co_await w.limiter.acquire_on_behalf_of(&borrower);
       w.limiter.release_on_behalf_of(&borrower);
     },
     at_once()},
    {"CapacityLimiter::scoped",
     [](Limited& w) -> Task<> {
       const auto token = co_await w.limiter.scoped();
       co_await yield();
     }},
    {"CapacityLimiter::scoped_on_behalf_of",
     [](Limited& w) -> Task<> {
       const int borrower = 0;
       const auto token = co_await w.limiter.scoped_on_behalf_of(&borrower);
     },
     at_once()},
};

struct Flag {
  void wake() { event.set(); }
  Event event;
};

const Rows<Flag> flags = {{"Event::wait", [](Flag& w) { return only(w.event.wait()); }, at_once()}};

// Whoever wakes has the lock meanwhile, as it must.
struct Conditional {
  void wake() {
    ready = true;
    const bool taken = lock.acquire().await_ready();
    condition.notify_all();
    if (taken) lock.release();
  }
  Task<> check() {
    EXPECT_FALSE(lock.locked()) << "the lock was lost";
    co_return;
  }
  Lock lock;
  Condition condition{lock};
  bool ready = false;
};

const Rows<Conditional> conditions = {
    {"Condition::wait",
     [](Conditional& w) -> Task<> {
       auto guard = co_await w.lock.scoped();
       if (!w.ready) co_await w.condition.wait();
     },
     at_once()},
    {"Condition::wait for_a_predicate",
     [](Conditional& w) -> Task<> {
       auto guard = co_await w.lock.scoped();
       co_await w.condition.wait([&w] { return w.ready; });
     },
     at_once()},
};

// The other party comes when it is told to.
struct Parties {
  Task<> begin() {
    other = spawn([this]() -> Task<> {
      co_await told.wait();
      static_cast<void>(co_await as_outcome(barrier.wait()));
    });
    co_await yield();
  }
  void wake() { told.set(); }
  Task<> check() {
    for (int i = 0; i < 3; ++i) co_await yield();
    barrier.abort();
    co_await other;
    EXPECT_EQ(barrier.n_waiting(), 0u);
  }
  Event told;
  Barrier barrier{2};
  JoinHandle<> other;
};

const Rows<Parties> parties = {
    {"Barrier::wait", [](Parties& w) { return only(w.barrier.wait()); }, at_once(apart)}};

// Empty until an item comes for each wake(); none may be lost.
template <class Q>
struct Empty {
  void wake() {
    EXPECT_TRUE(queue.try_put(7));
    ++put;
  }
  Task<> check() {
    while (queue.try_get()) ++got;
    EXPECT_EQ(got, put) << "an item was lost, or came twice";
    co_return;
  }
  Q queue;
  int put = 0;
  int got = 0;
};

template <class Q>
Task<> get_one(Empty<Q>& w) {
  EXPECT_EQ(co_await w.queue.get(), 7);
  ++w.got;
}

const Rows<Empty<Queue<int>>> fifo = {{"BasicQueue::get", &get_one<Queue<int>>, at_once()}};
const Rows<Empty<PriorityQueue<int>>> heap = {
    {"BasicQueue::get of_a_PriorityQueue", &get_one<PriorityQueue<int>>, at_once()}};
const Rows<Empty<LifoQueue<int>>> stack = {
    {"BasicQueue::get of_a_LifoQueue", &get_one<LifoQueue<int>>, at_once()}};

// Full until one item is taken for each wake().
struct Full {
  Task<> begin() { co_await queue.put(1); }
  void wake() { EXPECT_TRUE(queue.try_get()); }
  Task<> check() {
    while (queue.try_get()) ++left;
    EXPECT_EQ(left, put) << "an item was lost, or put by a call that was cancelled";
    EXPECT_TRUE(queue.try_put(3)) << "a place was lost";
    co_return;
  }
  Queue<int> queue{1};
  int put = 0;
  int left = 0;
};

const Rows<Full> full = {{"BasicQueue::put",
                          [](Full& w) -> Task<> {
                            co_await w.queue.put(2);
                            ++w.put;
                          },
                          at_once(apart)}};

struct Unfinished {
  Task<> begin() { co_await queue.put(1); }
  void wake() {
    if (queue.try_get()) queue.task_done();
  }
  Queue<int> queue;
};

const Rows<Unfinished> unfinished = {
    {"BasicQueue::join", [](Unfinished& w) { return only(w.queue.join()); }, at_once()}};

// Somebody writes until wake().
struct Written {
  Task<> begin() {
    auto guard = co_await lock.write();
    std::swap(writer, guard);
  }
  void wake() { writer.release(); }
  Task<> check() {
    EXPECT_FALSE(lock.writing()) << "the lock was lost";
    EXPECT_EQ(lock.readers(), 0u);
    co_return;
  }
  RwLock lock;
  RwLock::WriteGuard writer;
};

const Rows<Written> rw_locks = {
    {"RwLock::read", [](Written& w) -> Task<> { auto guard = co_await w.lock.read(); }, at_once()},
    {"RwLock::write",
     [](Written& w) -> Task<> {
       auto guard = co_await w.lock.write();
       co_await yield();
     }},
};

}  // namespace
