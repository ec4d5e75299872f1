// Pool: a resource that is idle, lent and given back; and one that ten tasks hand on to each other.
//
// The twins: a Semaphore beside a vector, which is what one writes first; and a pool for threads, a
// vector under a mutex with a condition variable.
#include "harness.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/kit/resource_pool.hpp>
#include <eddy/sync/semaphore.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t tasks = 10;
constexpr std::size_t resources = 4;

struct Connection {
  int uses = 0;
};
eddy::Task<std::unique_ptr<Connection>> connect() { co_return std::make_unique<Connection>(); }
void use(Connection& connection) { benchmark::DoNotOptimize(++connection.uses); }

using Pool = eddy::Pool<std::unique_ptr<Connection>>;

class SimplePool {
 public:
  explicit SimplePool(std::size_t size) : free_(size) {
    while (idle_.size() < size) idle_.push_back(std::make_unique<Connection>());
  }
  auto acquire() { return free_.acquire(); }
  std::unique_ptr<Connection> take() {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  void release(std::unique_ptr<Connection> connection) {
    idle_.push_back(std::move(connection));
    free_.release();
  }

 private:
  eddy::Semaphore free_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

class ThreadsPool {
 public:
  explicit ThreadsPool(std::size_t size) {
    while (idle_.size() < size) idle_.push_back(std::make_unique<Connection>());
  }
  std::unique_ptr<Connection> acquire() {
    std::unique_lock lock(mutex_);
    given_back_.wait(lock, [this] { return !idle_.empty(); });
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  void release(std::unique_ptr<Connection> connection) {
    {
      std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
    }
    given_back_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

eddy::Task<> borrow(Pool& pool, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto connection = co_await pool.acquire();
    use(**connection);
  }
}
eddy::Task<> borrow_simply(SimplePool& pool, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await pool.acquire();
    auto connection = pool.take();
    use(*connection);
    pool.release(std::move(connection));
  }
}
void borrow_by_thread(ThreadsPool& pool, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto connection = pool.acquire();
    use(*connection);
    pool.release(std::move(connection));
  }
}

// The first to have it keeps it until all others wait: from then on each release hands it over.
eddy::Task<> hand_round(Pool& pool, std::size_t count) {
  auto connection = co_await pool.acquire();
  std::array<eddy::JoinHandle<>, tasks> others;
  for (auto& each : others) each = eddy::spawn(borrow(pool, count / tasks));
  co_await eddy::yield();
  connection.release();
  for (auto& each : others) co_await each;
}
eddy::Task<> hand_round_simply(SimplePool& pool, std::size_t count) {
  co_await pool.acquire();
  auto connection = pool.take();
  std::array<eddy::JoinHandle<>, tasks> others;
  for (auto& each : others) each = eddy::spawn(borrow_simply(pool, count / tasks));
  co_await eddy::yield();
  pool.release(std::move(connection));
  for (auto& each : others) co_await each;
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static Pool pool(connect, {.max = resources});
  static Pool single(connect, {.max = 1});
  static SimplePool simple(resources);
  static SimplePool simple_single(1);
  static ThreadsPool plain(resources);
  loop.run(borrow(pool, 1));
  loop.run(borrow(single, 1));
  const bench::Side idle = [](std::size_t count) { loop.run(borrow(pool, count)); };
  bench::add({.name = "pool, acquire and release of an idle one",
              .eddy = idle,
              .twin_name = "Semaphore and vector",
              .twin = [](std::size_t count) { loop.run(borrow_simply(simple, count)); }});
  bench::add({.name = "pool, acquire and release of an idle one",
              .eddy = idle,
              .twin_name = "mutex and condition variable",
              .twin = [](std::size_t count) { borrow_by_thread(plain, count); },
              .goal = bench::ahead()});
  bench::add({.name = "pool of one, handed round by 10",
              .eddy = [](std::size_t count) { loop.run(hand_round(single, count)); },
              .twin_name = "Semaphore and vector",
              .twin = [](std::size_t count) { loop.run(hand_round_simply(simple_single, count)); },
              .grain = tasks});
}
