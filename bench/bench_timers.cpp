// Timers: armed and cancelled (a timeout that does not fire), armed and expired, and sleeping
// tasks.
#include "harness.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>

#include <deque>
#include <memory>
#include <random>
#include <string>

namespace {

using namespace std::chrono_literals;

// As many timers as there are, with a deadline of each.
struct Crowd {
  explicit Crowd(std::size_t count) : deadlines(count) {
    std::minstd_rand random(1);
    for (std::size_t i = 0; i < count; ++i) {
      timers.emplace_back([](eddy::Timer&) {});
      deadlines[i] = eddy::Instant(eddy::Duration(random() % 1'000'000'000));
    }
  }
  std::deque<eddy::Timer> timers;
  std::vector<eddy::Instant> deadlines;
  eddy::TimerQueue queue;

  ~Crowd() { queue.fire_until(eddy::Instant::max()); }

  // Deadlines change places each time, so that nothing can be learned by heart.
  void arm_all() {
    first += 7919;
    for (std::size_t i = 0; i < timers.size(); ++i) {
      queue.arm(timers[i], deadlines[(first + i) % timers.size()]);
    }
  }
  std::size_t first = 0;
};

void add_crowd(std::size_t size, const std::string& name, bench::Goal cancelled,
               bench::Goal expired) {
  auto asleep = std::make_shared<Crowd>(size);
  asleep->arm_all();
  auto crowd = std::make_shared<Crowd>(size);
  bench::add({.name = "timer, arm and cancel beside " + name,
              .eddy =
                  [asleep](std::size_t count) {
                    eddy::Timer timer([](eddy::Timer&) {});
                    for (std::size_t i = 0; i < count; ++i) {
                      asleep->queue.arm(timer, eddy::Instant(2s + eddy::Duration(i)));
                      asleep->queue.cancel(timer);
                    }
                  },
              .goal = cancelled});
  bench::add({.name = "timer, arm and expire, " + name,
              .eddy =
                  [crowd](std::size_t count) {
                    for (std::size_t done = 0; done < count; done += crowd->timers.size()) {
                      crowd->arm_all();
                      crowd->queue.fire_until(eddy::Instant::max());
                    }
                  },
              .goal = expired,
              .grain = size});
}

eddy::Task<> sleeper(eddy::Duration length) { co_await eddy::sleep(length); }

eddy::Task<> sleepers(std::size_t count) {
  std::minstd_rand random(1);
  for (std::size_t i = 0; i < count; ++i) {
    eddy::spawn(sleeper(eddy::Duration(random() % 1'000'000'000)));
  }
  co_await eddy::sleep(1001ms);
}

}  // namespace

void add_rows() {
  const std::size_t many = bench::smoke() ? 10'000 : 100'000;
  add_crowd(1'000, "1 k", bench::at_most(6), {});
  add_crowd(many, "100 k", bench::at_most(6), bench::at_most(130));
  if (!bench::smoke()) add_crowd(1'000'000, "1 M", {}, {});
  static eddy::Loop loop({.timer_slack = 1ms});
  bench::add({.name = "100 k tasks asleep within 1 s, CPU",
              .eddy = [](std::size_t count) { loop.run(sleepers(count)); },
              .goal = bench::at_most(1000),
              .grain = many,
              .clock = bench::Clock::process,
              .rounds = 25});
}
