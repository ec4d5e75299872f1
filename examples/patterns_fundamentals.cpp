// asyncio's patterns, from the first coroutine to the common pitfalls, in eddy's words. What asks
// by HTTP is patterns_fundamentals_http.cpp, and what opens a database patterns_databases.cpp.
//
// Run:    examples/run patterns_fundamentals
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

Task<> process_one(std::string item, Strings& results) {
  co_await sleep(1ms);
  results.push_back(item + " processed");  // one thread: nobody comes in between
}

Task<> structured_concurrency() {
  section("TaskGroup (Structured Concurrency)");
  Strings results;
  const Strings items{"a", "b", "c"};
  co_await task_group([&](TaskGroup& group) -> Task<> {
    for (const auto& item : items) group.spawn(process_one(item, results));
    co_return;
  });
  for (const auto& result : results) std::cout << result << '\n';
}

Task<> invalid_input() {
  co_await sleep(1ms);
  throw std::invalid_argument("not a number");
}
Task<> no_connection() {
  co_await sleep(1ms);
  throw Error(ECONNREFUSED, "connect", "db");
}

Task<> group_failures() {
  section("Handling TaskGroup Failures");
  try {
    co_await task_group([](TaskGroup& group) -> Task<> {
      group.spawn(invalid_input());
      group.spawn(no_connection());
      co_return;
    });
  } catch (const ExceptionGroup& group) {
    group
        .handle<std::invalid_argument>([](const std::invalid_argument& error) {
          std::cout << "Validation error: " << error.what() << '\n';
        })
        .handle<Error>(
            [](const Error& error) { std::cout << "Connection failed: " << error.what() << '\n'; })
        .rethrow_rest();
  }
}

// Holds the file open while somebody reads; with a closing() around it, also no longer.
Generator<std::string> read_lines(std::filesystem::path path) {
  File file = co_await open(path);
  bool wanted = true;
  std::string line;
  while (wanted && co_await file.readline_into(line)) {
    if (line.ends_with('\n')) line.pop_back();
    try {
      co_yield line;
    } catch (const GeneratorExit&) {
      wanted = false;
    }
  }
  co_await file.close();
}

Task<> iterators_and_generators() {
  section("Async Iterators and Generators");
  const auto path = std::filesystem::temp_directory_path() /
                    ("eddy_lines_" + std::to_string(::getpid()) + ".txt");
  co_await write_text(path, "first\n\nsecond\nlast without an end");
  const auto not_empty = [](const std::string& line) { return !line.empty(); };
  const Strings lines = co_await collect(read_lines(path) | filter(not_empty));
  std::cout << lines.size() << " lines\n";
  const auto process_line = [](const std::string& line) -> Task<> {
    std::cout << '[' << line << "]\n";
    co_return;
  };
  co_await for_each(read_lines(path), process_line);
  co_await closing(read_lines(path), [](Generator<std::string>& some) -> Task<> {
    const auto line = co_await some.next();
    std::cout << "only " << *line << '\n';
  });
  co_await fs::remove(path);
}

Task<std::string> slow_operation(Duration length) {
  co_await sleep(length);
  co_return "done";
}

Task<> timeouts() {
  section("Timeouts");
  std::cout << co_await timeout(5ms, slow_operation(1ms)) << '\n';
  try {
    co_await wait_for(slow_operation(1h), 5ms);
  } catch (const TimeoutError&) {
    std::cout << "Request timed out\n";
  }
}

Task<> producer_and_consumers() {
  section("Queues for Producer/Consumer");
  Queue<std::string> queue(100);
  int processed = 0;
  const auto producer = [&]() -> Task<> {
    for (int i = 0; i < 10; ++i) co_await queue.put("item " + std::to_string(i));
    // The original puts one sentinel for four consumers, and hangs.
    queue.shutdown();
  };
  const auto consumer = [&]() -> Task<> {
    while (const auto item = co_await as_result(queue.get())) {
      co_await sleep(1ms);
      ++processed;
    }
  };
  co_await task_group([&](TaskGroup& group) -> Task<> {
    group.spawn(producer());
    for (int i = 0; i < 4; ++i) group.spawn(consumer());
    co_return;
  });
  std::cout << processed << " items processed\n";
}

Task<> event_and_condition() {
  section("Event and Condition");
  Event shutdown;
  int rounds = 0;
  auto worker = spawn([&]() -> Task<> {
    // Wakes for the event at once instead of looking at it once in a while.
    while (!co_await as_result(timeout(1ms, shutdown.wait()))) ++rounds;
  });
  co_await sleep(3500us);
  shutdown.set();
  co_await worker;
  std::cout << "worked " << rounds << " times\n";

  Lock lock;
  Condition changed(lock);
  int value = 0;
  auto waiter = spawn([&]() -> Task<> {
    auto guard = co_await lock.scoped();
    co_await changed.wait([&] { return value == 2; });
    std::cout << "value is " << value << '\n';
  });
  while (value < 2) {
    co_await sleep(1ms);
    auto guard = co_await lock.scoped();
    ++value;
    changed.notify();
  }
  co_await waiter;
}

std::string cpu_heavy(std::string data) {
  std::this_thread::sleep_for(1ms);
  return {data.rbegin(), data.rend()};
}

Task<> best_practices() {
  section("Async Best Practices");
  const std::string result = co_await to_thread(cpu_heavy, "request");
  std::cout << result << '\n';
}

Task<> risky() {
  co_await sleep(1ms);
  throw std::runtime_error("risky failed");
}

Task<> pitfalls() {
  section("Common Pitfalls");
  // A Task that is dropped is a compiler's warning ([[nodiscard]]) and, in debug mode, a report.
  Loop::current().on_exception(
      [](const ExceptionReport& report) { std::cout << "reported: " << report.message << '\n'; });
  { const auto forgotten = slow_operation(1ms); }
  spawn(risky());  // nobody takes what it throws: reported too
  co_await sleep(2ms);

  const auto task = spawn(risky());
  try {
    co_await task;
  } catch (const std::exception& error) {
    std::cout << "Task failed: " << error.what() << '\n';
  }
}

Task<> amain() {
  co_await structured_concurrency();
  co_await group_failures();
  co_await iterators_and_generators();
  co_await timeouts();
  co_await producer_and_consumers();
  co_await event_and_condition();
  co_await best_practices();
  co_await pitfalls();
}

}  // namespace

// On virtual time sleeps come in exact order and take no time: the same text in every run.
int main() { run(amain(), {.debug = true, .virtual_time = true}); }
