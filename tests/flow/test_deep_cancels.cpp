// A request to stop goes along what waits for several, and for one, however deep, and in circles.
#include "support/run.hpp"

#include <functional>
#include <stdexcept>

namespace {

using namespace eddy;

// Sanitizers make frames large and everything slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int deep = 20'000;
#else
constexpr int deep = 100'000;
#endif

Task<> gathers(JoinHandle<> next) { EDDY_DO(gather(next)); }
Task<> gathers_settled(JoinHandle<> next) {
  std::vector<JoinHandle<>> handles{next};
  EDDY_TRY(const auto outcomes, gather_settled(handles));
  static_cast<void>(outcomes);
}
Task<> joins(JoinHandle<> next) { EDDY_DO(next); }
Task<> waits_for(JoinHandle<> next) { EDDY_DO(wait_for(next, 2h)); }
Task<> times_out(JoinHandle<> next) { EDDY_DO(timeout(2h, gather(next))); }
Task<> sleeps() { EDDY_DO(sleep(1h)); }

using Waits = Task<> (*)(JoinHandle<>);
constexpr Waits all[] = {gathers, gathers_settled, joins, waits_for, times_out};

std::vector<JoinHandle<>> chain(Loop& loop, const std::function<Waits(int)>& link) {
  std::vector<JoinHandle<>> tasks{loop.spawn(sleeps())};
  for (int i = 0; i < deep; ++i) tasks.push_back(loop.spawn(link(i)(tasks.back())));
  loop.turn();
  return tasks;
}

void ends_when_its_end_is_pulled(const std::function<Waits(int)>& link) {
  Loop loop(test::options());
  auto tasks = chain(loop, link);
  tasks.back().cancel("pull");
  while (!tasks.back().done()) loop.turn();
  EXPECT_TRUE(tasks.front().cancelled());
  for (const auto& task : tasks) {
    ASSERT_TRUE(task.done());
    ASSERT_EQ(task.cancelling(), 1u);
  }
}

TEST(DeepCancel, OfOneKindCostsNoStack) {
  for (const Waits kind : all) ends_when_its_end_is_pulled([=](int) { return kind; });
}

TEST(DeepCancel, OfEveryKindInTurnCostsNoStack) {
  ends_when_its_end_is_pulled([](int i) { return all[i % std::size(all)]; });
}

TEST(DeepCancel, ByALoopThatClosesAsksEachOnce) {
  Loop loop(test::options());
  auto tasks = chain(loop, [](int i) { return all[i % std::size(all)]; });
  loop.close();
  for (const auto& task : tasks) ASSERT_EQ(task.cancelling(), 1u);
}

// Waits for what is not there yet when it is spawned.
Task<> waits_in_a_circle(Waits kind, const JoinHandle<>& next) {
  EDDY_DO(yield());
  EDDY_DO(kind(next));
}
std::vector<JoinHandle<>> circle(Loop& loop, std::vector<JoinHandle<>>& tasks, std::size_t length,
                                 const std::function<Waits(std::size_t)>& link) {
  tasks.resize(length);
  for (std::size_t i = 0; i < length; ++i) {
    tasks[i] = loop.spawn(waits_in_a_circle(link(i), tasks[(i + 1) % length]));
  }
  for (int i = 0; i < 5; ++i) loop.turn();
  return tasks;
}

TEST(DeepCancel, InACircleEndsIt) {
  for (const std::size_t length : {2u, 3u, 4u, 7u, 1000u}) {
    for (const Waits kind : all) {
      for (const bool closes : {false, true}) {
        for (const bool mixed : {false, true}) {
          Loop loop(test::options());
          std::vector<JoinHandle<>> tasks;
          circle(loop, tasks, length, [&](std::size_t i) { return mixed && i % 2 ? joins : kind; });
          for (const auto& task : tasks) ASSERT_FALSE(task.done());
          if (!closes) {
            tasks[0].cancel();
            for (std::size_t i = 0; i < length + 5; ++i) loop.turn();
            for (const auto& task : tasks) ASSERT_TRUE(task.done());
          }
          loop.close();
        }
      }
    }
  }
}

// Both wait for the same one, which is no circle: it is asked by both, and they wait for its end.
TEST(DeepCancel, AlongTwoWaysToOneTaskWaitsForItsEnd) {
  test::run([]() -> Task<> {
    test::Log log;
    auto last = spawn([&]() -> Task<> {
      co_await test::wait_until_done(spawn(sleeps()));
      co_await yield();
      log("last");
    });
    JoinHandle<> shared = spawn(gathers(last));
    JoinHandle<> one = spawn(gathers(shared));
    JoinHandle<> other = spawn(joins(shared));
    auto top = spawn([&]() -> Task<> {
      static_cast<void>(co_await as_outcome(gather_settled(one, other)));
      log("top");
    });
    co_await test::settle();
    top.cancel();
    co_await test::wait_until_done(top);
    EXPECT_EQ(log.lines().back(), "top");
    EXPECT_TRUE(shared.done() && one.done() && other.done());
  });
}

}  // namespace
