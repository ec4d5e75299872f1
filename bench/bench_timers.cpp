// Timers: armed and cancelled (a timeout that does not fire), armed and expired, and sleeping
// tasks. Beside each a std::multimap from deadline to timer, as one would write it by hand.
#include "harness.hpp"
#include "reference.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

// As many timers as there are, with a deadline of each.
struct Crowd {
  explicit Crowd(std::size_t count) : deadlines(count) {
    std::minstd_rand random(1);
    for (std::size_t i = 0; i < count; ++i) {
      timers.emplace_back([](eddy::internal::Timer&) {});
      deadlines[i] = eddy::Instant(eddy::Duration(random() % 1'000'000'000));
    }
  }
  std::deque<eddy::internal::Timer> timers;
  std::vector<eddy::Instant> deadlines;
  eddy::internal::TimerQueue queue;

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

// The same deadlines in a map.
struct PlainCrowd {
  explicit PlainCrowd(const Crowd& crowd) : deadlines(crowd.deadlines) {}
  void arm_all() {
    first += 7919;
    for (std::size_t i = 0; i < deadlines.size(); ++i) {
      queue.emplace(deadlines[(first + i) % deadlines.size()], i);
    }
  }
  std::vector<eddy::Instant> deadlines;
  std::multimap<eddy::Instant, std::size_t> queue;
  std::size_t first = 0;
};

void add_crowd(std::size_t size, const std::string& name, bench::Goal cancelled,
               bench::Goal expired) {
  auto asleep = std::make_shared<Crowd>(size);
  asleep->arm_all();
  auto crowd = std::make_shared<Crowd>(size);
  auto plain_asleep = std::make_shared<PlainCrowd>(*asleep);
  plain_asleep->arm_all();
  auto plain_crowd = std::make_shared<PlainCrowd>(*crowd);
  bench::add({.name = "timer, arm and cancel beside " + name,
              .eddy =
                  [asleep](std::size_t count) {
                    eddy::internal::Timer timer([](eddy::internal::Timer&) {});
                    for (std::size_t i = 0; i < count; ++i) {
                      asleep->queue.arm(timer, eddy::Instant(2s + eddy::Duration(i)));
                      asleep->queue.cancel(timer);
                    }
                  },
              .twin_name = "std::multimap",
              .twin =
                  [plain_asleep](std::size_t count) {
                    auto& queue = plain_asleep->queue;
                    for (std::size_t i = 0; i < count; ++i) {
                      queue.erase(queue.emplace(eddy::Instant(2s + eddy::Duration(i)), i));
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
              .twin_name = "std::multimap",
              .twin =
                  [plain_crowd](std::size_t count) {
                    auto& queue = plain_crowd->queue;
                    for (std::size_t done = 0; done < count;
                         done += plain_crowd->deadlines.size()) {
                      plain_crowd->arm_all();
                      while (!queue.empty()) queue.erase(queue.begin());
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

// By hand: wakes for the first that is due, with the same slack, and runs all that are.
std::multimap<eddy::Instant, reference::Node*> plain_timers;

struct PlainSleep : reference::Node {
  explicit PlainSleep(eddy::Instant deadline) noexcept : until(deadline) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> suspended) {
    frame = suspended;
    plain_timers.emplace(until, this);
  }
  void await_resume() const noexcept {}
  eddy::Instant until;
};
reference::Detached plain_sleeper(eddy::Duration length) {
  co_await PlainSleep(std::chrono::steady_clock::now() + length);
}
void plain_sleepers(std::size_t count) {
  std::minstd_rand random(1);
  for (std::size_t i = 0; i < count; ++i) plain_sleeper(eddy::Duration(random() % 1'000'000'000));
  reference::run();
  while (!plain_timers.empty()) {
    std::this_thread::sleep_until(plain_timers.begin()->first + 1ms);
    const auto now = std::chrono::steady_clock::now();
    while (!plain_timers.empty() && plain_timers.begin()->first <= now) {
      reference::ready.push(*plain_timers.begin()->second);
      plain_timers.erase(plain_timers.begin());
    }
    reference::run();
  }
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
              .twin_name = "coroutines by hand, std::multimap",
              .twin = plain_sleepers,
              .goal = bench::at_most(1000),
              .grain = many,
              .clock = bench::Clock::process,
              .rounds = 15});
}
