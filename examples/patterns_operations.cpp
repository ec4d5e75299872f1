// A reference of asyncio's operations, in eddy's words: threads, files, gathering, limits,
// background tasks, progress, retries, resources, streams, queues, and a scraper of all of them.
//
// Run:    examples/run patterns_operations
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::filesystem::path;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

// Stands in for an HTTP client, which eddy does not have: sleeps, and fails for some.
Task<std::string> fetch(std::string url) {
  co_await sleep(url.ends_with("/slow") ? Duration(1h) : 2ms);
  if (url.ends_with("/broken")) throw Error(ECONNRESET, "fetch", url);
  co_return "page at " + url;
}

std::string fetch_url_sync(const std::string& url) {
  std::this_thread::sleep_for(1ms);
  return "page at " + url;
}

Task<> synchronous_libraries() {
  section("1. I/O-bound functions in synchronous libraries");
  const auto blocking = [] { return fetch_url_sync("https://api.example.com"); };
  const std::string text = co_await to_thread(blocking);
  std::cout << text << '\n';
}

double cpu_heavy(int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += std::sqrt(i);
  return sum;
}

Task<> cpu_bound_work() {
  section("2. CPU-bound work");
  // No interpreter lock, hence no need for processes: threads compute side by side.
  const auto [small, large] = co_await gather(to_thread([] { return cpu_heavy(1'000); }),
                                              to_thread([] { return cpu_heavy(100'000); }));
  std::cout << std::llround(small) << ", " << std::llround(large) << '\n';
}

Task<Strings> fetch_multiple_urls(Strings urls) {
  std::vector<Task<std::string>> fetches;
  for (const auto& url : urls) fetches.push_back(fetch(url));
  co_return co_await gather(std::move(fetches));
}

Task<> native_async_http() {
  section("3. Native async HTTP with aiohttp");
  Strings urls{"https://a.example.com", "https://b.example.com"};
  const Strings pages = co_await fetch_multiple_urls(std::move(urls));
  for (const auto& page : pages) std::cout << page << '\n';
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

Task<> controlled_error_handling() {
  section("4. Controlled error handling with asyncio.gather");
  std::vector<Task<std::string>> fetches;
  for (const char* url : {"http://a", "http://b/broken", "http://c"}) fetches.push_back(fetch(url));
  const auto results = co_await gather_settled(std::move(fetches));
  const auto succeeded = std::ranges::count_if(results, &Outcome<std::string>::has_value);
  std::cout << succeeded << " succeeded, " << results.size() - succeeded << " failed\n";
}

Task<std::string> fetch_with_limit(Semaphore& semaphore, int& peak, std::string url) {
  const auto guard = co_await semaphore.scoped();
  peak = std::max(peak, 5 - static_cast<int>(semaphore.value()));
  co_return co_await fetch(url);
}

Task<> rate_limiting() {
  section("5. Rate limiting with semaphores");
  Semaphore semaphore(5);
  int peak = 0;
  std::vector<Task<std::string>> fetches;
  for (int i = 0; i < 12; ++i) {
    fetches.push_back(fetch_with_limit(semaphore, peak, "http://" + std::to_string(i)));
  }
  const auto pages = co_await gather(std::move(fetches));
  std::cout << pages.size() << " pages, at most " << peak << " at once\n";
}

Task<std::string> fetch_with_timeout(std::string url, milliseconds limit) {
  try {
    co_return co_await wait_for(fetch(url), limit);
  } catch (const TimeoutError&) {
    std::cout << url << " timed out after " << limit.count() << "ms\n";
  }
  co_return "";
}

Task<> timeout_control() {
  section("6. Timeout control with asyncio.wait_for");
  const std::string quick = co_await fetch_with_timeout("http://a", 1000ms);
  std::cout << quick << '\n';
  const std::string slow = co_await fetch_with_timeout("http://a/slow", 5ms);
  std::cout << "empty: " << slow.empty() << '\n';
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

// Tries again after network errors only, and waits twice as long each time.
template <Body F>
Task<BodyValue<F>> retry(F operation, int attempts, milliseconds wait) {
  for (int attempt = 1;; ++attempt, wait *= 2) {
    try {
      co_return co_await operation();
    } catch (const Error& error) {
      if (attempt == attempts) throw;
      std::cout << "attempt " << attempt << ": " << error.what() << '\n';
    }
    co_await sleep(wait);
  }
}

Task<> retry_logic() {
  section("9. Retry logic with tenacity");
  int calls = 0;
  const auto flaky = [&] { return fetch(++calls < 3 ? "http://a/broken" : "http://a"); };
  const std::string page = co_await retry(flaky, 3, 2ms);
  std::cout << page << " after " << calls << " calls\n";
}

class DatabaseConnection {
 public:
  explicit DatabaseConnection(std::string address) : address_(std::move(address)) {}

  Task<> enter() {
    std::cout << "Connecting to " << address_ << '\n';
    co_await sleep(1ms);
  }
  Task<bool> exit(std::exception_ptr) {
    std::cout << "Closing connection\n";
    co_await sleep(1ms);
    co_return false;
  }
  Task<Strings> query(std::string sql) {
    co_await sleep(2ms);
    co_return Strings(1, "result of " + sql);
  }

 private:
  std::string address_;
};

Task<> async_context_managers() {
  section("10. Async context managers");
  co_await with(DatabaseConnection("db://localhost"), [](DatabaseConnection& db) -> Task<> {
    const Strings results = co_await db.query("SELECT * FROM users");
    std::cout << "Got " << results.size() << " results\n";
  });
}

Generator<Strings> fetch_paginated_data(std::string base_url, int max_pages = 5) {
  for (int page = 1; page <= max_pages; ++page) {
    const std::string text = co_await fetch(base_url + "?page=" + std::to_string(page));
    co_yield Strings(static_cast<std::size_t>(page), text);
    co_await sleep(1ms);
  }
}

Task<> async_generators() {
  section("11. Async generators for streaming data");
  auto pages = fetch_paginated_data("https://api.example.com/items");
  while (const auto page = co_await pages.next()) {
    std::cout << "Processing page with " << page->size() << " items\n";
  }
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

Task<std::size_t> my_async_app() {
  Strings urls{"https://api.example.com/1", "https://api.example.com/2"};
  const Strings results = co_await fetch_multiple_urls(std::move(urls));
  co_return results.size();
}

struct Article {
  std::string title;
  std::string url;
};

Task<std::optional<Article>> scrape_article(Semaphore& semaphore, std::string url) {
  const auto guard = co_await semaphore.scoped();
  try {
    const std::string html = co_await timeout(10ms, fetch(url));
    std::optional<Article> article(std::in_place, "Article from " + url, url);
    co_return article;
  } catch (const std::exception& error) {  // not a Cancelled: that ends us
    std::cout << "Failed to scrape " << url << ": " << error.what() << '\n';
  }
  co_return std::nullopt;
}

Task<std::vector<Article>> scrape_website(Strings urls, std::size_t max_concurrent = 5) {
  Semaphore semaphore(max_concurrent);
  std::vector<Task<std::optional<Article>>> scrapes;
  for (const auto& url : urls) scrapes.push_back(scrape_article(semaphore, url));
  const auto results = co_await gather(std::move(scrapes));
  std::vector<Article> articles;
  for (const auto& article : results) {
    if (article) articles.push_back(*article);
  }
  co_return articles;
}

Task<> real_world_scraping() {
  section("14. Real-world scraping example");
  Strings urls{"http://a", "http://b/broken", "http://c/slow", "http://d"};
  const auto articles = co_await scrape_website(std::move(urls), 2);
  for (const auto& article : articles) std::cout << article.title << '\n';
}

Task<> sections_1_to_12() {
  co_await synchronous_libraries();
  co_await cpu_bound_work();
  co_await native_async_http();
  co_await async_file_io();
  co_await controlled_error_handling();
  co_await rate_limiting();
  co_await timeout_control();
  co_await background_tasks();
  co_await progress_tracking();
  co_await retry_logic();
  co_await async_context_managers();
  co_await async_generators();
  co_await queue_based_workers();
}

}  // namespace

int main() {
  std::cout << std::boolalpha;
  // On virtual time sleeps come in exact order and take no time: the same text in every run.
  const LoopOptions options{.virtual_time = true};
  run(sections_1_to_12(), options);
  section("13. Entry point for async scripts");
  std::cout << "Got " << run(my_async_app(), options) << " results\n";
  run(real_world_scraping(), options);
}
