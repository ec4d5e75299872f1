// Rows of kit: a pool of resources, batches, and many calls at a time.
#include "support/awaitables.hpp"

#include <eddy/kit/batches.hpp>
#include <eddy/kit/bulk.hpp>
#include <eddy/kit/gather_with_progress.hpp>
#include <eddy/kit/resource_pool.hpp>
#include <eddy/sync/event.hpp>

#include <gtest/gtest.h>

namespace {

using namespace test;

using Numbers = eddy::Pool<int>;

Task<int> number() { co_return 7; }

// One resource, which somebody has until wake().
struct Lent {
  Task<> begin() { held = co_await pool.acquire(); }
  void wake() { held.release(); }
  Task<> check() {
    EXPECT_EQ(pool.stats().idle, 1u) << "the resource was lost";
    EXPECT_EQ(pool.stats().waiting, 0u);
    co_return;
  }
  Numbers pool{number, {.max = 1}};
  Numbers::Guard held;
};

const Rows<Lent> lent = {
    {"Pool::acquire", [](Lent& w) -> Task<> { auto guard = co_await w.pool.acquire(); },
     at_once()},
    {"Pool::acquire with_a_limit",
     [](Lent& w) -> Task<> { auto guard = co_await w.pool.acquire(1h); }, at_once()},
    {"Pool::acquire for_some_turns",
     [](Lent& w) -> Task<> {
       auto guard = co_await w.pool.acquire();
       for (int i = 0; i < 3; ++i) co_await yield();
     }},
};

// The factory waits for wake(), and so does the check of what is idle.
struct Gate {
  Task<> pass() {
    co_await told.wait();
    co_await yield();
  }
  Task<int> make() {
    co_await pass();
    co_return 7;
  }
  void wake() { told.set(); }
  Event told;
};
struct Making : Gate {
  Task<> check() {
    for (int i = 0; i < 5; ++i) co_await yield();
    EXPECT_LE(pool.stats().size, 1u);
    EXPECT_EQ(pool.stats().idle, pool.stats().size) << "a place was lost";
    EXPECT_EQ(pool.stats().waiting, 0u);
    co_await pool.close();
  }
  Numbers pool{[this] { return make(); }, {.min = 1, .max = 1}};
};

const Rows<Making> making = {
    {"Pool::acquire of_a_new_one",
     [](Making& w) -> Task<> { auto guard = co_await w.pool.acquire(); }, together},
    {"Pool::fill", [](Making& w) -> Task<> { co_await w.pool.fill(); }, apart},
};

struct Checked : Gate {
  Task<> begin() {
    pool.on_check([this](int&) -> Task<bool> {
      co_await pass();
      co_return true;
    });
    co_await pool.fill();
  }
  Task<> check() {
    EXPECT_EQ(pool.stats().idle, pool.stats().size) << "a place was lost";
    co_await pool.close();
  }
  Numbers pool{number, {.min = 1, .max = 1, .check_after = 0s}};
};

const Rows<Checked> checked = {
    {"Pool::acquire after_a_check",
     [](Checked& w) -> Task<> { auto guard = co_await w.pool.acquire(); }, apart},
};

struct Closed {
  Task<> begin() { held = co_await pool.acquire(); }
  void wake() { held.release(); }
  Task<> check() {
    EXPECT_EQ(pool.stats().size, pool.stats().idle) << "idle, if the call never began";
    co_await pool.close();
    EXPECT_EQ(pool.stats().size, 0u);
  }
  Numbers pool{number};
  Numbers::Guard held;
};

const Rows<Closed> closed = {
    {"Pool::close", [](Closed& w) -> Task<> { co_await w.pool.close(); }, together},
};

// Batches of one item each, which comes with wake(); none may be lost.
template <class Groups>
Task<> take_batch(Groups& groups, int& got) {
  auto group = co_await groups.next();
  if (group) got += static_cast<int>(group->size());
}
struct Queued {
  void wake() {
    EXPECT_TRUE(queue.try_put(7));
    ++put;
  }
  Task<> check() {
    queue.shutdown();
    for (int i = 0; i < put; ++i) co_await take_batch(groups, got);
    EXPECT_EQ(got, put) << "an item was lost, or came twice";
  }
  Queue<int> queue;
  decltype(batches(queue, 1)) groups = batches(queue, 1);
  int put = 0;
  int got = 0;
};

const Rows<Queued> queued = {
    {"Batches::next", [](Queued& w) { return take_batch(w.groups, w.got); }, at_once(refused)}};

struct Generated : Gate {
  Generator<int> items() {
    co_await pass();
    co_yield 7;
  }
  Task<> check() {
    if (!failed) {
      co_await take_batch(groups, got);
      EXPECT_EQ(got, 1) << "an item was lost";
    }
    co_await groups.aclose();
  }
  Batches<GeneratorSource<int>> groups = batches(items(), 1);
  int got = 0;
  bool failed = false;
};

const Rows<Generated> generated = {
    {"Batches::next of_a_generator",
     [](Generated& w) { return take_batch(w.groups, w.got); }, refused}};

struct Ended : Gate {
  Generator<int> items() {
    co_await pass();
    co_yield 7;
  }
  Task<> begin() {
    static_cast<void>(co_await as_outcome(timeout(0s, groups.next())));
  }
  Task<> check() { co_await groups.aclose(); }
  Batches<GeneratorSource<int>> groups = batches(items(), 1);
};

const Rows<Ended> ended = {
    {"Batches::aclose", [](Ended& w) -> Task<> { co_await w.groups.aclose(); }, by_itself}};

// Two items, one after the other; each waits for wake().
struct Running {
  explicit Running(int& running) : count(running) { ++count; }
  ~Running() { --count; }
  int& count;
};
struct Many : Gate {
  Task<> call(int) {
    const Running now(running);
    co_await pass();
  }
  Task<> check() {
    for (int i = 0; i < 5; ++i) co_await yield();
    EXPECT_EQ(running, 0) << "a call outlived its bulk()";
  }
  auto function() {
    return [this](int item) { return call(item); };
  }
  std::vector<int> items{1, 2};
  int running = 0;
};

const Rows<Many> many = {
    {"bulk", [](Many& w) -> Task<> { co_await bulk(w.items, 1, w.function()); }, together},
    {"gather_with_progress",
     [](Many& w) -> Task<> {
       std::vector<Task<>> calls;
       for (const int item : w.items) calls.push_back(w.call(item));
       const auto told = [](std::size_t done, std::size_t all) { EXPECT_LE(done, all); };
       co_await gather_with_progress(calls, told);
     },
     together},
    {"gather_settled_with_progress",
     [](Many& w) -> Task<> {
       std::vector<Task<>> calls;
       for (const int item : w.items) calls.push_back(w.call(item));
       const auto told = [](std::size_t done, std::size_t all) { EXPECT_LE(done, all); };
       const auto outcomes = co_await gather_settled_with_progress(calls, told);
       EXPECT_EQ(outcomes.size(), 2u);
     },
     together},
    {"bulk_settled",
     [](Many& w) -> Task<> {
       const auto outcomes = co_await bulk_settled(w.items, 2, w.function());
       EXPECT_EQ(outcomes.size(), 2u);
     },
     together},
    {"bulk_as_completed",
     [](Many& w) -> Task<> {
       auto outcomes = bulk_as_completed(w.items, 2, w.function());
       while (auto next = co_await outcomes.next()) EXPECT_LT(next->index, 2u);
     },
     together},
};

}  // namespace
