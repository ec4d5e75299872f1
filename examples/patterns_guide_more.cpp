// A guide to asyncio's patterns, in eddy's words, second half: generators, groups and queues, what
// not to do, and retry, batches and time limits. The other half is patterns_guide.cpp; what asks by
// HTTP is patterns_guide_http.cpp.
//
// Run:    examples/run patterns_guide_more
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

class HttpError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// As in the original: it only sleeps; and fails for some.
Task<std::string> fetch_data(std::string url) {
  co_await sleep(2ms);
  if (url == "lost") throw HttpError("404 Not Found");
  if (url == "stuck") throw TimeoutError("fetch", url);
  if (url == "slow") co_await sleep(1h);
  co_return "data of " + url;
}

// ---- Advanced patterns ----

Generator<int> async_range(int count) {
  for (int i = 0; i < count; ++i) {
    co_await sleep(1ms);
    co_yield i;
  }
}

Task<> async_generators() {
  section("Async Generators");
  auto numbers = async_range(10);
  while (const auto number = co_await numbers.next()) std::cout << *number << '\n';
}

Task<> fetch_with_error_handling(std::vector<std::string> urls) {
  try {
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (const auto& url : urls) group.spawn(fetch_data(url));
      co_return;
    });
  } catch (const ExceptionGroup& errors) {  // except*
    errors
        .handle<HttpError>(
            [](const HttpError& error) { std::cout << "HTTP error: " << error.what() << '\n'; })
        .handle<TimeoutError>(
            [](const TimeoutError& error) { std::cout << "Timeout: " << error.what() << '\n'; })
        .rethrow_rest();
  }
}

Task<> task_groups() {
  section("Task Groups (Python 3.11+)");
  JoinHandle<std::string> task1, task2, task3;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    task1 = group.spawn(fetch_data("url1"));
    task2 = group.spawn(fetch_data("url2"));
    task3 = group.spawn(fetch_data("url3"));
    co_return;
  });
  std::cout << task1.result() << ", " << task2.result() << ", " << task3.result() << '\n';

  std::vector<std::string> lost{"lost", "slow"};  // the first failure cancels the slow one
  co_await fetch_with_error_handling(std::move(lost));
  std::vector<std::string> stuck{"stuck", "slow"};
  co_await fetch_with_error_handling(std::move(stuck));
}

using Numbers = Queue<std::optional<int>>;  // no value: the completion signal

Task<> producer(Numbers& queue, int count) {
  for (int i = 0; i < count; ++i) {
    co_await sleep(2ms);
    co_await queue.put(i);
    std::cout << "Produced: " << i << '\n';
  }
  co_await queue.put(std::nullopt);
}

Task<> consumer(Numbers& queue, std::string name) {
  while (const auto item = co_await queue.get()) {
    std::cout << name << " consumed: " << *item << '\n';
    co_await sleep(5ms);
    queue.task_done();
  }
  queue.task_done();
}

Task<> async_queue() {
  section("Async Queue");
  Numbers queue(10);
  const auto producing = spawn(producer(queue, 20));
  std::vector<JoinHandle<>> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.push_back(spawn(consumer(queue, "Consumer-" + std::to_string(i))));
  }
  co_await producing;
  co_await queue.join();
  for (const auto& task : consumers) task.cancel();  // one has seen the signal, two wait
  co_await gather_settled(consumers);
}

class AsyncIterator {
 public:
  explicit AsyncIterator(int count) : count_(count) {}
  Task<std::optional<int>> next() {
    if (current_ >= count_) co_return std::nullopt;
    co_await sleep(1ms);
    co_return current_++;
  }

 private:
  int count_;
  int current_ = 0;
};

Task<> async_iterators() {
  section("Async Iterators");
  AsyncIterator numbers(10);
  while (const auto number = co_await numbers.next()) std::cout << *number << '\n';
}

// ---- Best practices ----

long cpu_intensive_sync() {
  long result = 0;
  for (long i = 0; i < 10'000'000; ++i) result += i;
  return result;
}

Task<> cpu_bound_operations() {
  section("Don't use async for CPU-bound operations");
  ThreadPool pool = cpu_pool();  // what a ProcessPoolExecutor is in Python
  const long result = co_await run_in_executor(pool, cpu_intensive_sync);
  std::cout << result << '\n';
}

Task<> forget_to_await() {
  section("Don't forget to await");
  auto forgotten =
      fetch_data("url");  // a Task, nothing ran; debug mode reports one that never does
  std::cout << "bad: not even started: " << forgotten.valid() << '\n';
  forgotten.discard();
  const std::string result = co_await fetch_data("url");
  std::cout << "good: " << result << '\n';
}

Task<> bad_cancellation() {
  try {
    co_await sleep(1h);
  } catch (const Cancelled&) {
    std::cout << "Cancelled\n";  // forgot to throw it again
  }
}

Task<> good_cancellation() {
  const auto cleanup = []() -> Task<> {
    co_await sleep(1ms);
    std::cout << "Cancelled, cleaning up\n";
  };
  co_await try_finally(sleep(1h), cleanup);  // passes the cancellation on by itself
}

Task<> swallow_cancelled() {
  section("Don't swallow CancelledError");
  const auto bad = spawn(bad_cancellation());
  const auto good = spawn(good_cancellation());
  co_await sleep(1ms);
  bad.cancel();
  co_await gather_settled(bad);
  std::cout << "bad was cancelled: " << bad.cancelled() << '\n';
  good.cancel();
  co_await gather_settled(good);
  std::cout << "good was cancelled: " << good.cancelled() << '\n';
}

Task<> background_work(std::string name) {
  co_await sleep(2ms);
  std::cout << name << " is done\n";
}

Task<> create_tasks_without_tracking_them() {
  section("Don't create tasks without tracking them");
  spawn(background_work("bad"));  // the loop keeps it alive, but nobody learns how it ended
  const auto task = spawn(background_work("good"));
  co_await task;
}

// ---- Common patterns ----

// A Cancelled is no std::exception, so it is not retried.
template <Body F>
Task<BodyValue<F>> retry_with_backoff(F operation, int max_attempts = 3,
                                      milliseconds base_delay = 2ms,
                                      milliseconds max_delay = 60ms) {
  for (int attempt = 0;; ++attempt) {
    const auto delay = std::min(base_delay * (1 << attempt), max_delay);
    try {
      co_return co_await operation();
    } catch (const std::exception& error) {
      if (attempt == max_attempts - 1) throw;
      std::cout << "Attempt " << attempt + 1 << " failed: " << error.what() << ". Retrying in "
                << delay.count() << "ms...\n";
    }
    co_await sleep(delay);
  }
}

Task<> retry_with_exponential_backoff() {
  section("Retry with Exponential Backoff");
  int calls = 0;
  const auto flaky = [&]() -> Task<std::string> {
    co_await sleep(1ms);
    if (++calls < 3) throw HttpError("503 Service Unavailable");
    co_return "succeeded";
  };
  const std::string result = co_await retry_with_backoff(flaky);
  std::cout << result << " at call " << calls << '\n';

  try {
    co_await retry_with_backoff([] { return fetch_data("lost"); }, 2);
  } catch (const HttpError& error) {
    std::cout << "gave up: " << error.what() << '\n';
  }
}

template <class T, class F>
auto process_in_batches(std::vector<T> items, std::size_t batch_size, F process)
    -> Task<std::vector<BodyValue<F, T&>>> {
  std::vector<BodyValue<F, T&>> results;
  for (std::size_t i = 0; i < items.size(); i += batch_size) {
    std::vector<Task<BodyValue<F, T&>>> batch;
    for (std::size_t k = i; k < std::min(i + batch_size, items.size()); ++k) {
      batch.push_back(process(items[k]));
    }
    const auto batch_results = co_await gather(std::move(batch));
    results.insert(results.end(), batch_results.begin(), batch_results.end());
    if (i + batch_size < items.size()) co_await sleep(2ms);
  }
  co_return results;
}

Task<> batch_processing() {
  section("Batch Processing");
  const auto square = [](int number) -> Task<int> {
    co_await sleep(1ms);
    std::cout << "processing " << number << '\n';
    co_return number* number;
  };
  std::vector<int> items{1, 2, 3, 4, 5};
  const auto results = co_await process_in_batches(std::move(items), 2, square);
  for (const int result : results) std::cout << result << ' ';
  std::cout << '\n';
}

Task<std::optional<std::string>> fetch_with_timeout(std::string url, Duration limit) {
  try {
    co_return co_await timeout(limit, fetch_data(url));
  } catch (const TimeoutError&) {
    std::cout << "Timeout fetching " << url << '\n';
  }
  co_return std::nullopt;
}

Task<> timeout_for_multiple_operations() {
  section("Timeout for Multiple Operations");
  std::vector<Task<std::optional<std::string>>> fetches;
  for (const char* url : {"url1", "slow", "url2"}) fetches.push_back(fetch_with_timeout(url, 20ms));
  const auto results = co_await gather(std::move(fetches));
  for (const auto& result : results) std::cout << result.value_or("None") << '\n';
}

Task<> amain() {
  std::cout << std::boolalpha;
  co_await async_generators();
  co_await task_groups();
  co_await async_queue();
  co_await async_iterators();
  co_await cpu_bound_operations();
  co_await forget_to_await();
  co_await swallow_cancelled();
  co_await create_tasks_without_tracking_them();
  co_await retry_with_exponential_backoff();
  co_await batch_processing();
  co_await timeout_for_multiple_operations();
}

}  // namespace

// On virtual time sleeps come in exact order and take no time: the same text in every run.
int main() { run(amain(), {.virtual_time = true}); }
