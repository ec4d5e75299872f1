// Runs a test's coroutine on a loop of its own, on virtual time: sleeps and timeouts take no time
// and come in exact order. Every test that uses it also checks that nothing is left behind.
#pragma once

#include <eddy/eddy.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace test {

// The options of a test loop: reports fail the test unless it installs a handler of its own. A disk
// that is slow for a moment, or a thread that had to wait for a processor, changes nothing there
// unless the test says what is slow.
inline eddy::LoopOptions options(eddy::LoopOptions options = {}) {
  options.virtual_time = true;
  if (options.slow_call == eddy::LoopOptions().slow_call) options.slow_call = 1h;
  options.submission_entries = options.submission_entries == 256 ? 32 : options.submission_entries;
  options.completion_entries = options.completion_entries == 4096 ? 64 : options.completion_entries;
  return options;
}

inline void expect_no_reports(eddy::Loop& loop) {
  loop.on_exception([](const eddy::ExceptionReport& report) {
    ADD_FAILURE() << "unexpected report: " << report.message << " [" << report.task << "]";
  });
}

// Closes the loop, and checks that nothing is left: no task, no timer, no operation.
inline void close_with_nothing_left(eddy::Loop& loop) {
  loop.close();
  const eddy::Stats stats = loop.stats();
  EXPECT_EQ(stats.tasks, 0u);
  EXPECT_EQ(stats.timers, 0u);
  EXPECT_EQ(stats.in_flight, 0u);
  EXPECT_EQ(stats.queued, 0u);
}

// Runs `body`, a callable that returns a Task, to its end, closes the loop, and checks that nothing
// is left. Returns the body's value.
template <class F>
auto run(F&& body, eddy::LoopOptions wanted = {}) {
  using T = eddy::BodyValue<std::remove_cvref_t<F>>;
  eddy::Loop loop(options(wanted));
  expect_no_reports(loop);
  if constexpr (std::is_void_v<T>) {
    loop.run(body());
    close_with_nothing_left(loop);
  } else {
    T value = loop.run(body());
    close_with_nothing_left(loop);
    return value;
  }
}

// Lets every ready task take `turns` steps.
inline eddy::Task<> settle(int turns = 5) {
  for (int i = 0; i < turns; ++i) co_await eddy::yield();
}

// Joins a task without taking its exception.
inline eddy::Task<> wait_until_done(eddy::TaskHandle task) {
  static_cast<void>(co_await eddy::as_outcome(eddy::JoinHandle<>(task)));
}

// What happened, in order; compare with a list of the same.
class Log {
 public:
  void operator()(std::string line) { lines_.push_back(std::move(line)); }
  const std::vector<std::string>& lines() const { return lines_; }
  std::string text() const {
    std::string all;
    for (const auto& line : lines_) all += (all.empty() ? "" : " ") + line;
    return all;
  }

 private:
  std::vector<std::string> lines_;
};

}  // namespace test
