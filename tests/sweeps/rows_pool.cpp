// Rows of kit: a pool of resources.
#include "support/awaitables.hpp"

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

}  // namespace
