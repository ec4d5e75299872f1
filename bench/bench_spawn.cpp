// Starting tasks: in batches of 100 that are joined through their handles, and detached.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>

#include <vector>

namespace {

constexpr std::size_t batch = 100;
int total = 0;

eddy::Task<int> child(int value) { co_return value; }
eddy::Task<> detached() {
  ++total;
  co_return;
}
reference::Detached plain() {
  ++total;
  co_return;
}

eddy::Task<> spawn_and_join(std::size_t count) {
  std::vector<eddy::JoinHandle<int>> handles(batch);
  int sum = 0;
  for (std::size_t done = 0; done < count; done += batch) {
    for (auto& handle : handles) handle = eddy::spawn(child(1));
    for (auto& handle : handles) sum += co_await handle;
  }
  if (sum != static_cast<int>(count)) std::terminate();
}

eddy::Task<> spawn_detached(std::size_t count) {
  for (std::size_t done = 0; done < count; done += batch) {
    for (std::size_t i = 0; i < batch; ++i) eddy::spawn(detached());
    co_await eddy::yield();
  }
}

void spawn_plain(std::size_t count) {
  for (std::size_t done = 0; done < count; done += batch) {
    for (std::size_t i = 0; i < batch; ++i) plain();
    reference::run();
  }
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  bench::add({.name = "spawn and join, batches of 100",
              .eddy = [](std::size_t count) { loop.run(spawn_and_join(count)); },
              .twin_name = "coroutines by hand, nothing to join",
              .twin = spawn_plain,
              .goal = bench::at_most(15),
              .grain = batch});
  bench::add({.name = "spawn detached",
              .eddy = [](std::size_t count) { loop.run(spawn_detached(count)); },
              .twin_name = "coroutines by hand",
              .twin = spawn_plain,
              .grain = batch});
}
