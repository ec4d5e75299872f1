// Awaiting a coroutine that ends at once: frame made, run, its value taken, frame gone.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/spawn.hpp>

namespace {

[[gnu::noinline]] eddy::Task<int> child(int value) { co_return value; }
[[gnu::noinline]] reference::Child plain_child(int value) { co_return value; }

eddy::Task<> parent(std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await child(1);
  if (sum != static_cast<int>(count)) std::terminate();
}

reference::Detached plain_parent(std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await plain_child(1);
  if (sum != static_cast<int>(count)) std::terminate();
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "await a child",
              .eddy = [](std::size_t count) { loop.run(parent(count)); },
              .twin_name = "coroutines by hand",
              .twin =
                  [](std::size_t count) {
                    plain_parent(count);
                    reference::run();
                  },
              .goal = bench::at_most(7)});
}
