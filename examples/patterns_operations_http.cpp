// The sections of the reference of operations (patterns_operations.cpp) that ask by HTTP. The last
// of them, 14, is a program of its own: scraper.cpp.
//
// Run:    examples/run patterns_operations_http
// Prints: a header per section, and below it what the Python program of that section prints.
#include "api_site.hpp"

#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

Task<json> fetch_json(http::Client& session, std::string url) {
  http::Response response = co_await session.get(url);
  response.raise_for_status();
  co_return co_await response.json<json>();
}

Strings urls_of(const ApiSite& site, std::initializer_list<const char*> paths) {
  Strings urls;
  for (const char* path : paths) urls.push_back(site.url(path));
  return urls;
}

// A library that blocks: its own loop, turned until the answer is there.
std::string fetch_url_sync(const std::string& url) {
  return run([](std::string from) -> Task<std::string> {
    http::Client session;
    http::Response response = co_await session.get(from);
    co_return co_await response.text();
  }(url));
}

Task<> synchronous_libraries(ApiSite& site) {
  section("1. I/O-bound functions in synchronous libraries");
  const std::string text = co_await to_thread(fetch_url_sync, site.url("/blocking"));
  std::cout << text << '\n';
}

Task<std::vector<json>> fetch_multiple_urls(Strings urls) {
  http::Client session;
  std::vector<Task<json>> fetches;
  for (const auto& url : urls) fetches.push_back(fetch_json(session, url));
  co_return co_await gather(std::move(fetches));
}

Task<> native_async_http(ApiSite& site) {
  section("3. Native async HTTP with aiohttp");
  Strings urls = urls_of(site, {"/a", "/b"});
  const auto pages = co_await fetch_multiple_urls(std::move(urls));
  for (const json& page : pages) std::cout << page << '\n';
}

Task<> controlled_error_handling(ApiSite& site) {
  section("4. Controlled error handling with asyncio.gather");
  http::Client session;
  std::vector<Task<json>> fetches;
  for (const auto& url : urls_of(site, {"/a", "/down", "/c"})) {
    fetches.push_back(fetch_json(session, url));
  }
  const auto results = co_await gather_settled(std::move(fetches));
  const auto succeeded = std::ranges::count_if(results, &Outcome<json>::has_value);
  std::cout << succeeded << " succeeded, " << results.size() - succeeded << " failed\n";
}

Task<json> fetch_with_limit(http::Client& session, Semaphore& semaphore, std::string url) {
  const auto place = co_await semaphore.scoped();
  co_return co_await fetch_json(session, url);
}

Task<> rate_limiting() {
  section("5. Rate limiting with semaphores");
  ApiSite site;
  http::Client session;
  Semaphore semaphore(5);
  std::vector<Task<json>> fetches;
  for (int i = 0; i < 12; ++i) {
    fetches.push_back(fetch_with_limit(session, semaphore, site.url("/" + std::to_string(i))));
  }
  const auto pages = co_await gather(std::move(fetches));
  std::cout << pages.size() << " pages, at most " << site.busiest() << " requests at once\n";
}

Task<json> fetch_with_timeout(std::string url, milliseconds limit) {
  json data;
  try {
    http::Client session;
    data = co_await wait_for(fetch_json(session, url), limit);
  } catch (const TimeoutError&) {
    std::cout << url.substr(url.rfind('/')) << " timed out after " << limit.count() << "ms\n";
  }
  co_return data;
}

Task<> timeout_control(ApiSite& site) {
  section("6. Timeout control with asyncio.wait_for");
  const json quick = co_await fetch_with_timeout(site.url("/quick"), 10s);
  std::cout << quick << '\n';
  const json slow = co_await fetch_with_timeout(site.url("/slow"), 50ms);
  std::cout << slow << '\n';
}

Task<> retry_logic(ApiSite& site) {
  section("9. Retry logic with tenacity");
  http::Client session;
  const auto policy = RetryPolicy()
                          .stop_after_attempt(3)
                          .wait(wait_exponential(2ms, {.min = 2ms, .max = 10ms}))
                          .retry_if<http::StatusError, http::TransferError>()
                          .before_sleep([](const RetryState& state) {
                            std::cout << "attempt " << state.attempt << ": 503\n";
                          });
  const auto flaky = [&] { return fetch_json(session, site.url("/flaky")); };
  const json page = co_await retry(flaky, policy);
  std::cout << page << '\n';
}

Generator<json> fetch_paginated_data(std::string base_url, int max_pages = 5) {
  http::Client session;
  for (int page = 1; page <= max_pages; ++page) {
    const json data = co_await fetch_json(session, base_url + "?page=" + std::to_string(page));
    co_yield data;
    co_await sleep(1ms);
  }
}

Task<> async_generators(ApiSite& site) {
  section("11. Async generators for streaming data");
  auto pages = fetch_paginated_data(site.url("/items"));
  while (const auto page = co_await pages.next()) {
    std::cout << "Processing page with " << page->size() << " items\n";
  }
}

Task<std::size_t> my_async_app(ApiSite& site) {
  Strings urls = urls_of(site, {"/1", "/2"});
  const auto results = co_await fetch_multiple_urls(std::move(urls));
  co_return results.size();
}

Task<> sections_1_to_11(ApiSite& site) {
  co_await synchronous_libraries(site);
  co_await native_async_http(site);
  co_await controlled_error_handling(site);
  co_await rate_limiting();
  co_await timeout_control(site);
  co_await retry_logic(site);
  co_await async_generators(site);
}

}  // namespace

int main() {
  ApiSite site;
  run(sections_1_to_11(site), {.handle_sigint = true});
  section("13. Entry point for async scripts");
  std::cout << "Got " << run(my_async_app(site)) << " results\n";
}
