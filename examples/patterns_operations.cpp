// A reference of asyncio's operations, in eddy's words: computing, files, background tasks,
// progress and queues. What asks by HTTP is patterns_operations_http.cpp, and section 14 is
// scraper.cpp; what opens a database is patterns_databases.cpp.
//
// Run:    examples/run patterns_operations
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::filesystem::path;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

double cpu_heavy(int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += std::sqrt(i);
  return sum;
}

// No interpreter lock, hence no need for processes: threads compute side by side.
Task<double> async_cpu_heavy(int n) {
  ThreadPool pool = cpu_pool();
  const double sum = co_await run_in_executor(pool, cpu_heavy, n);
  co_return sum;
}

template <class F, class... Args>
Task<std::invoke_result_t<F, Args...>> async_thread_work(F function, Args... arguments) {
  ThreadPool pool(2);
  const auto result = co_await run_in_executor(pool, std::move(function), arguments...);
  co_return result;
}

Task<> cpu_bound_work() {
  section("2. CPU-bound work");
  const auto [small, large] = co_await gather(async_cpu_heavy(1'000), async_cpu_heavy(100'000));
  const double from_thread = co_await async_thread_work(cpu_heavy, 1'000);
  std::cout << std::llround(small) << ", " << std::llround(large) << ", "
            << std::llround(from_thread) << '\n';
}

// The program backup_users.cpp does the same with a JSON library.
Task<path> write_user_json(int id, std::string name, path directory) {
  const path file = directory / ("user_" + std::to_string(id) + ".json");
  co_await write_text(file, "{\"id\": " + std::to_string(id) + ", \"name\": \"" + name + "\"}");
  co_return file;
}

Task<> async_file_io() {
  section("3b. Async file I/O with aiofiles");
  const path directory =
      std::filesystem::temp_directory_path() / ("eddy_users_" + std::to_string(getpid()));
  co_await fs::makedirs(directory, {.exist_ok = true});
  std::vector<Task<path>> writes;
  writes.push_back(write_user_json(1, "Alice", directory));
  writes.push_back(write_user_json(2, "Bob", directory));
  writes.push_back(write_user_json(3, "Charlie", directory));
  const auto files = co_await gather(std::move(writes));
  for (const path& file : files) {
    std::cout << "Wrote " << file.filename().string() << '\n';
    const std::string content = co_await read_text(file);
    std::cout << content << '\n';
    co_await fs::remove(file);
  }
  co_await fs::rmdir(directory);
}

Task<> process_item(std::string name) {
  co_await sleep(10ms);
  std::cout << "Processed: " << name << '\n';
}

Task<> background_tasks() {
  section("7. Background, fire-and-forget tasks");
  std::vector<JoinHandle<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(spawn(process_item("Item-" + std::to_string(i))));
  std::cout << "All tasks started, continuing main work...\n";
  co_await sleep(5ms);
  std::cout << "Main work done, now waiting for background tasks...\n";
  co_await gather(tasks);
}

Task<int> squared_after(int number) {
  co_await sleep(milliseconds(4 * (6 - number)));  // the last one is the first to end
  co_return number* number;
}

Task<> progress_tracking() {
  section("8. Progress tracking with tqdm");
  std::vector<JoinHandle<int>> tasks;
  for (int i = 1; i <= 5; ++i) tasks.push_back(spawn(squared_after(i)));
  auto completed = as_completed(tasks);
  for (std::size_t done = 1; co_await completed.next(); ++done) {
    std::cout << "Processing items: " << done << '/' << tasks.size() << '\n';
  }
  for (const auto& task : tasks) std::cout << task.result() << ' ';
  std::cout << '\n';
}

using Items = Queue<std::optional<std::string>>;  // no value: the end

Task<> producer(Items& queue, int count) {
  for (int i = 0; i < count; ++i) {
    co_await queue.put("item-" + std::to_string(i));
    co_await sleep(2ms);
  }
  co_await queue.put(std::nullopt);
}

Task<> consumer(Items& queue, int id) {
  while (const auto item = co_await queue.get()) {
    std::cout << "Consumer-" << id << " processing " << *item << '\n';
    co_await sleep(5ms);
    queue.task_done();
  }
  queue.task_done();
  co_await queue.put(std::nullopt);  // for the next consumer
}

Task<> queue_based_workers() {
  section("12. Queue-based worker pattern");
  Items queue(10);
  std::vector<JoinHandle<>> tasks;
  tasks.push_back(spawn(producer(queue, 20)));
  for (const int id : {1, 2, 3}) tasks.push_back(spawn(consumer(queue, id)));
  co_await gather(tasks);
}

Task<> sections_2_to_12() {
  co_await cpu_bound_work();
  co_await async_file_io();
  co_await background_tasks();
  co_await progress_tracking();
  co_await queue_based_workers();
}

}  // namespace

// On virtual time sleeps come in exact order and take no time: the same text in every run.
int main() { run(sections_2_to_12(), {.virtual_time = true}); }
