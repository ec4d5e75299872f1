// An asyncio cookbook, recipe by recipe, in eddy's words. The recipes that ask by HTTP are
// patterns_cookbook_http.cpp.
//
// Run:    examples/run patterns_cookbook
// Prints: a header per recipe, and below it what the Python program of that recipe prints.
#include <eddy/eddy.hpp>

#include <cerrno>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

// As in the original: it only sleeps; and fails for some.
Task<std::string> fetch_data(std::string url) {
  co_await sleep(1ms);
  if (url.ends_with("down")) throw Error(ECONNREFUSED, "fetch", url);
  co_return "Data from " + url;
}

std::vector<Task<std::string>> fetches(const Strings& urls) {
  std::vector<Task<std::string>> tasks;
  for (const auto& url : urls) tasks.push_back(fetch_data(url));
  return tasks;
}

Task<> task_group_recipe() {
  section("Running Concurrent Tasks with TaskGroup");
  JoinHandle<std::string> task1, task2, task3;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    task1 = group.spawn(fetch_data("url1"));
    task2 = group.spawn(fetch_data("url2"));
    task3 = group.spawn(fetch_data("url3"));
    co_return;
  });
  // All have completed, or an exception was thrown.
  std::cout << "Task1: " << task1.result() << "\nTask2: " << task2.result()
            << "\nTask3: " << task3.result() << '\n';
}

Task<> gather_recipe() {
  section("Gathering Multiple Results");
  const Strings urls{"url1", "url2"};
  const Strings all = co_await gather(fetches(urls));
  for (const auto& text : all) std::cout << text << '\n';

  const Strings shaky{"url1", "down", "url3"};
  int successes = 0, errors = 0;
  for (const auto& outcome : co_await gather_settled(fetches(shaky))) {
    outcome ? ++successes : ++errors;
  }
  std::cout << successes << " successes, " << errors << " errors\n";
}

Task<std::string> slow_operation() {
  co_await sleep(1h);
  co_return "never";
}

Task<> timeout_recipe() {
  section("Adding Timeouts to Async Operations");
  try {
    std::cout << co_await timeout(5ms, slow_operation()) << '\n';
  } catch (const TimeoutError&) {
    std::cout << "Operation timed out\n";
  }
  const auto result = co_await as_result(wait_for(slow_operation(), 5ms));  // without a throw
  if (!result) std::cout << "Timed out\n";
}

Generator<int> async_range(int count) {
  for (int i = 0; i < count; ++i) {
    co_await sleep(1ms);
    co_yield i;
  }
}

Task<> generator_recipe() {
  section("Creating Async Generators");
  auto values = async_range(5);
  while (auto value = co_await values.next()) std::cout << *value << '\n';
}

Task<> comprehension_recipe() {
  section("Using Async Comprehensions");
  const auto print = [](const std::vector<int>& items) {
    for (const int item : items) std::cout << item << ' ';
    std::cout << '\n';
  };
  print(co_await collect(async_range(10)));
  const auto even = [](int i) { return i % 2 == 0; };
  print(co_await collect(async_range(10) | filter(even)));
}

// What Python writes as try/finally around the yields: the exit is seen as an exception, and the
// cleanup, which may wait, stands behind the catch.
Generator<std::string> stream_data() {
  try {
    for (int chunk = 1;; ++chunk) co_yield "chunk " + std::to_string(chunk);
  } catch (const GeneratorExit&) {
  }
  co_await sleep(1ms);
  std::cout << "connection cleaned up\n";
}

Task<> generator_cleanup_recipe() {
  section("Cleaning Up Async Generators");
  co_await closing(stream_data(), [](Generator<std::string>& chunks) -> Task<> {
    for (int i = 0; i < 2; ++i) {
      const auto chunk = co_await chunks.next();
      std::cout << *chunk << '\n';
    }
  });
}

class DatabaseConnection {
 public:
  Task<> enter() {
    std::cout << "Connecting...\n";
    co_await sleep(1ms);
  }
  Task<bool> exit(std::exception_ptr) {
    std::cout << "Closing...\n";
    co_await sleep(1ms);
    co_return false;  // an exception goes on its way
  }
};

Task<> class_manager_recipe() {
  section("Creating Class-Based Async Context Managers");
  co_await with(DatabaseConnection(), [](DatabaseConnection&) -> Task<> {
    std::cout << "Using connection\n";
    co_return;
  });
}

ContextGenerator<Instant> timer(std::string name) {
  const Instant start = Loop::current().now();
  std::exception_ptr failure;
  try {
    co_yield start;
  } catch (...) {
    failure = std::current_exception();
  }
  const auto took = std::chrono::duration<double>(Loop::current().now() - start);
  std::cout << name << " took " << took.count() << "s\n";
  if (failure) std::rethrow_exception(failure);
}

Task<> generator_manager_recipe() {
  section("Creating Decorator-Based Async Context Managers");
  co_await with(timer("fetch"), []() -> Task<> { co_await fetch_data("url"); });
}

Task<> might_fail(int which) {
  co_await sleep(1ms);
  if (which == 1) throw std::invalid_argument("bad value");
  if (which == 2) throw std::bad_cast();
  throw std::invalid_argument("another bad value");
}

Task<> exception_group_recipe() {
  section("Handling Exception Groups");
  try {
    co_await task_group([](TaskGroup& group) -> Task<> {
      for (int i = 1; i <= 3; ++i) group.spawn(might_fail(i));
      co_return;
    });
  } catch (const ExceptionGroup& group) {
    group
        .handle<std::invalid_argument>([](const std::invalid_argument& error) {
          std::cout << "invalid_argument: " << error.what() << '\n';
        })
        .handle<std::bad_cast>([](const std::bad_cast&) { std::cout << "bad_cast\n"; })
        .rethrow_rest();
  }
}

Task<> degradation_recipe() {
  section("Implementing Graceful Degradation");
  const auto primary = [] { return fetch_data("primary/down"); };
  const auto fallback = [] { return fetch_data("fallback"); };
  std::cout << co_await first_ok(primary, fallback) << '\n';

  const Strings urls{"url1", "down", "url3"};
  for (const auto& outcome : co_await gather_settled(fetches(urls))) {
    if (outcome) std::cout << outcome.value() << '\n';
  }
}

std::string blocking_operation() {
  std::this_thread::sleep_for(1ms);
  return "done";
}

Task<> blocking_recipe() {
  section("Running Blocking Code in Async Context");
  const std::string result = co_await to_thread(blocking_operation);
  std::cout << result << '\n';
}

Task<> semaphore_recipe() {
  section("Rate Limiting with Semaphores");
  Semaphore semaphore(2);
  int running = 0, most = 0;
  const auto limited_fetch = [&](std::string url) -> Task<std::string> {
    auto guard = co_await semaphore.scoped();
    most = std::max(most, ++running);
    auto text = co_await fetch_data(url);
    --running;
    co_return text;
  };
  std::vector<Task<std::string>> tasks;
  for (int i = 1; i <= 5; ++i) tasks.push_back(limited_fetch("url" + std::to_string(i)));
  const Strings all = co_await gather(std::move(tasks));
  std::cout << all.size() << " fetched, " << most << " at a time\n";
}

Task<> event_recipe() {
  section("Coordinating Tasks with Events");
  Event event;
  const auto waiter = [&]() -> Task<> {
    std::cout << "Waiting...\n";
    co_await event.wait();
    std::cout << "Got signal!\n";
  };
  const auto setter = [&]() -> Task<> {
    co_await sleep(1ms);
    event.set();
  };
  co_await gather(waiter(), setter());
}

Task<> queue_recipe() {
  section("Producer-Consumer Pattern with Queues");
  Queue<int> queue;
  const auto producer = [&]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      co_await queue.put(i);
      co_await sleep(1ms);
    }
    queue.shutdown();  // instead of a sentinel: ends any number of consumers
  };
  const auto consumer = [&]() -> Task<> {
    for (;;) {
      const auto item = co_await as_result(queue.get());
      if (!item) co_return;
      std::cout << "Processing " << *item << '\n';
      queue.task_done();
    }
  };
  co_await gather(producer(), consumer());
}

class Counter {
 public:
  Task<int> increment() {
    auto guard = co_await lock_.scoped();
    const int before = value_;
    co_await yield();  // others run here, but not in here
    value_ = before + 1;
    co_return value_;
  }
  int value() const { return value_; }

 private:
  Lock lock_;
  int value_ = 0;
};

Task<> lock_recipe() {
  section("Protecting Shared State with Locks");
  Counter counter;
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 100; ++i) tasks.push_back(counter.increment());
  co_await gather(std::move(tasks));
  std::cout << counter.value() << '\n';
}

Task<> amain() {
  co_await task_group_recipe();
  co_await gather_recipe();
  co_await timeout_recipe();
  co_await generator_recipe();
  co_await comprehension_recipe();
  co_await generator_cleanup_recipe();
  co_await class_manager_recipe();
  co_await generator_manager_recipe();
  co_await exception_group_recipe();
  co_await degradation_recipe();
  co_await blocking_recipe();
  co_await semaphore_recipe();
  co_await event_recipe();
  co_await queue_recipe();
  co_await lock_recipe();
}

}  // namespace

// Virtual time: sleeps take none, so that the output is the same on every machine.
int main() { run(amain(), {.virtual_time = true}); }
