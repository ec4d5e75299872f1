// A guide to asyncio's patterns, in eddy's words, first half: awaiting, running tasks, context
// managers, cancellation. The other half is patterns_guide_more.cpp, what asks by HTTP is
// patterns_guide_http.cpp, and what opens a database patterns_databases.cpp.
//
// Run:    examples/run patterns_guide
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

std::string what_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (const Cancelled&) {
    return "cancelled";
  }
}

// As in the original: it only sleeps; and fails for some.
Task<std::string> fetch_data(std::string url) {
  co_await sleep(1ms);
  if (url.ends_with(".invalid")) throw Error(EHOSTUNREACH, "fetch", url);
  co_return "{'url': '" + url + "', 'data': '...'}";
}

std::vector<Task<std::string>> fetch_each(const std::vector<std::string>& urls) {
  std::vector<Task<std::string>> fetches;
  for (const auto& url : urls) fetches.push_back(fetch_data(url));
  return fetches;
}

// ---- Async/await basics ----

Task<> defining_async_functions() {
  section("Defining Async Functions");
  std::cout << co_await fetch_data("https://api.example.com") << '\n';
}

void sync_fetch(const std::string& url) {
  std::cout << "start " << url << ", ";
  std::this_thread::sleep_for(1ms);  // holds the whole thread
  std::cout << "end " << url << '\n';
}

Task<> async_fetch(std::string url) {
  std::cout << "start " << url << '\n';
  co_await sleep(1ms);  // lets the others run
  std::cout << "end " << url << '\n';
}

Task<> async_vs_sync() {
  section("Async vs Sync");
  for (const char* url : {"url1", "url2", "url3"}) sync_fetch(url);
  std::vector<Task<>> fetches;
  for (const char* url : {"url1", "url2", "url3"}) fetches.push_back(async_fetch(url));
  co_await gather(std::move(fetches));
}

// ---- Running async tasks ----

Task<> gather_runs_multiple_tasks() {
  section("asyncio.gather() - Run Multiple Tasks");
  auto [first, second, third] = co_await gather(fetch_data("https://api1.example.com"),
                                                fetch_data("https://api2.example.com"),
                                                fetch_data("https://api3.example.com"));
  std::cout << first << '\n' << second << '\n' << third << '\n';

  const std::vector<std::string> urls{"https://a.example.com", "https://b.invalid"};
  const auto results = co_await gather_settled(fetch_each(urls));  // return_exceptions=True
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      std::cout << "Task " << i << ": " << results[i].value() << '\n';
    } else {
      std::cout << "Task " << i << " failed: " << what_of(results[i].exception()) << '\n';
    }
  }
}

Task<> background_task(std::string name) {
  while (true) {
    std::cout << name << " running\n";
    co_await sleep(4ms);
  }
}

Task<> create_task_in_the_background() {
  section("asyncio.create_task() - Create Background Tasks");
  const auto task1 = spawn(background_task("Task 1"));
  const auto task2 = spawn(background_task("Task 2"));
  co_await sleep(18ms);  // other work
  task1.cancel();
  task2.cancel();
  co_await gather_settled(task1, task2);
}

Task<int> work(milliseconds length) {
  co_await sleep(length);
  co_return length.count();
}

Task<> wait_for_tasks() {
  section("asyncio.wait() - Advanced Task Management");
  const auto report = [](const char* what, const WaitResult<int>& result) {
    std::cout << what << ": " << result.done.size() << " done, " << result.pending.size()
              << " pending\n";
  };
  std::vector<JoinHandle<int>> tasks;
  for (const auto length : {2ms, 10ms, 1000ms}) tasks.push_back(spawn(work(length)));
  report("first", co_await wait(tasks, {.until = first_completed}));
  const auto limited = co_await wait(tasks, {.timeout = 15ms});
  report("with a timeout", limited);
  for (const auto& task : limited.pending) task.cancel();
  report("all", co_await wait(tasks));
}

// ---- Async context managers ----

Task<std::string> fetch_with_semaphore(Semaphore& semaphore, int& peak, std::string url) {
  const auto guard = co_await semaphore.scoped();
  peak = std::max(peak, 2 - static_cast<int>(semaphore.value()));
  co_return co_await fetch_data(url);
}

Task<> common_async_context_manager_patterns() {
  section("Common Async Context Manager Patterns");
  const std::string name = "eddy_guide_" + std::to_string(getpid());
  const auto path = std::filesystem::temp_directory_path() / name;
  co_await with(open(path, "w"), [](File& file) -> Task<> { co_await file.write("contents"); });
  const auto contents = co_await with(
      open(path), [](File& file) -> Task<std::string> { co_return co_await file.read(); });
  std::cout << contents << '\n';
  co_await fs::remove(path);

  Lock lock;
  {
    const auto guard = co_await lock.scoped();  // released at the end of the scope
    std::cout << "locked: " << lock.locked() << '\n';
  }
  std::cout << "locked: " << lock.locked() << '\n';

  Semaphore semaphore(2);
  int peak = 0;
  std::vector<Task<std::string>> fetches;
  for (const char* url : {"url1", "url2", "url3", "url4"}) {
    fetches.push_back(fetch_with_semaphore(semaphore, peak, url));
  }
  const auto results = co_await gather(std::move(fetches));
  std::cout << results.size() << " fetched, " << peak << " at a time\n";
}

// A time limit is a scope around an awaitable, not a resource; so this is a function.
template <Awaitable A>
Task<AwaitValue<A>> logged_timeout(milliseconds limit, A awaitable) {
  try {
    co_return co_await timeout(limit, std::move(awaitable));
  } catch (const TimeoutError&) {
    std::cout << "Operation timed out after " << limit.count() << " milliseconds\n";
    throw;
  }
}

Task<> async_context_manager_with_timeout() {
  section("Async Context Manager with Timeout");
  std::cout << co_await logged_timeout(1000ms, fetch_data("https://api.example.com")) << '\n';
  try {
    co_await logged_timeout(5ms, work(1000ms));
  } catch (const TimeoutError& error) {
    std::cout << error.what() << '\n';
  }
  try {
    co_await wait_for(work(1000ms), 5ms);  // as before Python 3.11
  } catch (const TimeoutError& error) {
    std::cout << error.what() << '\n';
  }
}

// ---- Task cancellation ----

Task<> long_running_task() {
  try {
    while (true) {
      co_await sleep(4ms);
      std::cout << "Working...\n";
    }
  } catch (const Cancelled&) {
    std::cout << "Task was cancelled\n";
    throw;  // completes the cancellation
  }
}

Task<> basic_cancellation() {
  section("Basic Cancellation");
  const auto task = spawn(long_running_task());
  co_await sleep(14ms);
  task.cancel();
  try {
    co_await task;
  } catch (const Cancelled&) {
    std::cout << "Task cancelled successfully\n";
  }
}

Task<> graceful_task() {
  std::exception_ptr cancelled;
  try {
    while (true) co_await sleep(1ms);
  } catch (const Cancelled&) {
    cancelled = std::current_exception();
  }
  // The cancellation was delivered, so cleaning up can wait; but not inside of a catch block.
  std::cout << "Cancellation requested, cleaning up...\n";
  co_await sleep(1ms);
  std::cout << "Cleanup complete\n";
  std::rethrow_exception(cancelled);
}

Task<> graceful_cancellation() {
  section("Graceful Cancellation");
  const auto task = spawn(graceful_task());
  co_await sleep(5ms);
  task.cancel();
  try {
    co_await task;
  } catch (const Cancelled&) {
    std::cout << "Task cancelled gracefully\n";
  }
}

Task<> cancellation_with_timeout() {
  section("Cancellation with Timeout");
  const auto task = spawn(work(1000ms));
  try {
    co_await timeout(5ms, task);  // cancels the task, and resumes when that has ended
  } catch (const TimeoutError&) {
    std::cout << "Task timed out after 5 milliseconds, cancelled: " << task.cancelled() << '\n';
  }
}

Task<std::string> critical_operation() {
  co_await sleep(4ms);
  std::cout << "saved to the database\n";
  co_await sleep(4ms);
  std::cout << "sent the confirmation\n";
  co_return "confirmed";
}

Task<std::string> waits_for_critical_operation() {
  const auto task = spawn(critical_operation());
  try {
    co_return co_await shield(task);
  } catch (const Cancelled&) {
    std::cout << "Main cancelled, but task continues\n";
  }
  co_return co_await task;
}

Task<> shield_from_cancellation() {
  section("Shield from Cancellation");
  const auto caller = spawn(waits_for_critical_operation());
  co_await sleep(2ms);
  caller.cancel();
  std::cout << co_await caller << '\n';
}

Task<> worker(int number) {
  co_await sleep(1ms);
  if (number == 7) throw std::runtime_error("worker 7 broke");
  co_await sleep(1h);
}

Task<> cancel_all_tasks(std::vector<JoinHandle<>> tasks) {
  for (const auto& task : tasks) task.cancel();
  co_await gather_settled(tasks);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].cancelled()) {
      std::cout << "Task " << i << " cancelled\n";
    } else if (tasks[i].exception()) {
      std::cout << "Task " << i << " failed: " << what_of(tasks[i].exception()) << '\n';
    }
  }
}

Task<> cancelling_multiple_tasks() {
  section("Cancelling Multiple Tasks");
  std::vector<JoinHandle<>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(spawn(worker(i)));
  co_await sleep(5ms);
  co_await cancel_all_tasks(tasks);
}

Task<> amain() {
  std::cout << std::boolalpha;
  co_await defining_async_functions();
  co_await async_vs_sync();
  co_await gather_runs_multiple_tasks();
  co_await create_task_in_the_background();
  co_await wait_for_tasks();
  co_await common_async_context_manager_patterns();
  co_await async_context_manager_with_timeout();
  co_await basic_cancellation();
  co_await graceful_cancellation();
  co_await cancellation_with_timeout();
  co_await shield_from_cancellation();
  co_await cancelling_multiple_tasks();
}

}  // namespace

// On virtual time sleeps come in exact order and take no time: the same text in every run.
int main() { run(amain(), {.virtual_time = true}); }
