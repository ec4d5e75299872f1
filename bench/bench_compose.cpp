// Several tasks at once, per child: gather and task_group, beside spawning and joining by hand.
#include "harness.hpp"

#include <eddy/core/spawn.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/task_group.hpp>

#include <vector>

namespace {

eddy::Task<int> child(int value) { co_return value; }
eddy::Task<> quiet_child() { co_return; }

eddy::Task<> gather_three(std::size_t count) {
  int sum = 0;
  for (std::size_t done = 0; done < count; done += 3) {
    auto [a, b, c] = co_await eddy::gather(child(1), child(1), child(1));
    sum += a + b + c;
  }
  if (sum != static_cast<int>(count)) std::terminate();
}
eddy::Task<> join_three(std::size_t count) {
  int sum = 0;
  for (std::size_t done = 0; done < count; done += 3) {
    auto a = eddy::spawn(child(1)), b = eddy::spawn(child(1)), c = eddy::spawn(child(1));
    sum += co_await a;
    sum += co_await b;
    sum += co_await c;
  }
  if (sum != static_cast<int>(count)) std::terminate();
}

template <std::size_t Children>
eddy::Task<> groups(std::size_t count) {
  for (std::size_t done = 0; done < count; done += Children) {
    co_await eddy::task_group([](eddy::TaskGroup& group) -> eddy::Task<> {
      for (std::size_t i = 0; i < Children; ++i) group.spawn(quiet_child());
      co_return;
    });
  }
}
template <std::size_t Children>
eddy::Task<> joins(std::size_t count) {
  std::vector<eddy::JoinHandle<>> handles(Children);
  for (std::size_t done = 0; done < count; done += Children) {
    for (auto& handle : handles) handle = eddy::spawn(quiet_child());
    for (auto& handle : handles) co_await handle;
  }
}

void add(const std::string& name, eddy::Task<> (&composed)(std::size_t),
         eddy::Task<> (&by_hand)(std::size_t), std::size_t children) {
  static eddy::Loop loop;
  bench::add({.name = name + ", per child",
              .eddy = [&](std::size_t count) { loop.run(composed(count)); },
              .twin_name = "spawn and join",
              .twin = [&](std::size_t count) { loop.run(by_hand(count)); },
              .goal = bench::times(1.5),
              .grain = children});
}

}  // namespace

void add_rows() {
  add("gather of 3", gather_three, join_three, 3);
  add("task_group of 10", groups<10>, joins<10>, 10);
  add("task_group of 100", groups<100>, joins<100>, 100);
}
