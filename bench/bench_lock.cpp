// A lock that is free, and one that is handed round by ten tasks.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/sync/lock.hpp>

namespace {

constexpr std::size_t tasks = 10;

eddy::Task<> alone(std::size_t count) {
  eddy::Lock lock;
  for (std::size_t i = 0; i < count; ++i) {
    co_await lock.acquire();
    lock.release();
  }
}

eddy::Task<> one_of(eddy::Lock& lock, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await lock.acquire();
    lock.release();
  }
}
// The first to have it keeps it until all others wait: from then on each release hands it over.
eddy::Task<> contended(std::size_t count) {
  eddy::Lock lock;
  co_await lock.acquire();
  for (std::size_t i = 1; i < tasks; ++i) eddy::spawn(one_of(lock, count / tasks));
  co_await eddy::yield();
  lock.release();
  co_await one_of(lock, count / tasks);
}

reference::Detached plain_alone(std::size_t count) {
  reference::Lock lock;
  for (std::size_t i = 0; i < count; ++i) {
    co_await lock.acquire();
    lock.release();
  }
}
reference::Detached plain_one_of(reference::Lock& lock, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await lock.acquire();
    lock.release();
  }
}
reference::Detached plain_holder(reference::Lock& lock) {
  co_await lock.acquire();
  co_await reference::Yield();
  lock.release();
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "lock, free",
              .eddy = [](std::size_t count) { loop.run(alone(count)); },
              .twin_name = "coroutines by hand",
              .twin =
                  [](std::size_t count) {
                    plain_alone(count);
                    reference::run();
                  },
              .goal = bench::at_most(2.5)});
  bench::add({.name = "lock, contended by 10",
              .eddy = [](std::size_t count) { loop.run(contended(count)); },
              .twin_name = "coroutines by hand",
              .twin =
                  [](std::size_t count) {
                    reference::Lock lock;
                    plain_holder(lock);
                    for (std::size_t i = 0; i < tasks; ++i) plain_one_of(lock, count / tasks);
                    reference::run();
                  },
              .goal = bench::at_most(8),
              .grain = tasks});
}
