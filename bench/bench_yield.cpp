// Ten tasks that do nothing but give way to each other.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>

namespace {

constexpr std::size_t tasks = 10;

eddy::Task<> repeat(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await eddy::yield();
}
eddy::Task<> all(std::size_t count) {
  for (std::size_t i = 1; i < tasks; ++i) eddy::spawn(repeat(count / tasks));
  co_await repeat(count / tasks);
}

reference::Detached plain(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await reference::Yield();
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "yield, 10 tasks",
              .eddy = [](std::size_t count) { loop.run(all(count)); },
              .twin_name = "coroutines by hand, no kernel",
              .twin =
                  [](std::size_t count) {
                    for (std::size_t i = 0; i < tasks; ++i) plain(count / tasks);
                    reference::run();
                  },
              .goal = bench::at_most(4),
              .grain = tasks});
}
