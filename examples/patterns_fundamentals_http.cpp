// The sections of the fundamentals (patterns_fundamentals.cpp) that ask by HTTP.
//
// Run:    examples/run patterns_fundamentals_http
// Prints: a header per section, and below it what the Python program of that section prints.
#include "api_site.hpp"

#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <iostream>
#include <string>
#include <vector>

using namespace eddy;
using nlohmann::json;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

// The client ends with the scope; with closing() around it, its connections would be waited for.
Task<json> fetch_data(std::string url) {
  http::Client client;
  http::Response response = co_await client.get(url);
  co_return co_await response.json<json>();
}

Task<> basic_functions(ApiSite& site) {
  section("Basic Async Functions");
  const json data = co_await fetch_data(site.url("/data"));
  std::cout << data << '\n';
}

Task<json> fetch_one(http::Client& client, std::string url) {
  http::Response response = co_await client.get(url);
  response.raise_for_status();
  co_return co_await response.json<json>();
}

Task<> concurrent_execution(ApiSite& site) {
  section("Concurrent Execution with gather");
  http::Client client;
  std::vector<Task<json>> fetches;
  for (const char* path : {"/a", "/b", "/c"}) fetches.push_back(fetch_one(client, site.url(path)));
  const auto all = co_await gather(std::move(fetches));
  for (const json& data : all) std::cout << data << '\n';

  std::vector<Task<json>> shaky;
  for (const char* path : {"/a", "/missing", "/c"}) {
    shaky.push_back(fetch_one(client, site.url(path)));
  }
  // Without _settled the first failure would be thrown, and the others would run on.
  const auto results = co_await gather_settled(std::move(shaky));
  for (const auto& result : results) {
    try {
      std::cout << result.value() << '\n';
    } catch (const http::Error& error) {
      std::cout << "Task failed: " << error.status() << ' ' << to_text(error.kind()) << '\n';
    }
  }
}

Task<Strings> fetch_with_limit(ApiSite& site, std::size_t max_concurrent) {
  Semaphore semaphore(max_concurrent);
  const auto limited_fetch = [&](std::string url) -> Task<std::string> {
    const auto place = co_await semaphore.scoped();
    http::Client client;
    http::Response response = co_await client.get(url);
    co_return co_await response.text();
  };
  std::vector<JoinHandle<std::string>> tasks;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    for (int i = 0; i < 6; ++i) {
      tasks.push_back(group.spawn(limited_fetch(site.url("/" + std::to_string(i)))));
    }
    co_return;
  });
  Strings texts;
  for (const auto& task : tasks) texts.push_back(task.result());
  co_return texts;
}

Task<> rate_limiting() {
  section("Semaphores and Rate Limiting");
  ApiSite site;
  const Strings texts = co_await fetch_with_limit(site, 2);
  for (const std::string& text : texts) std::cout << text << '\n';
  std::cout << "at most " << site.busiest() << " requests at once\n";
}

Task<> amain(ApiSite& site) {
  co_await basic_functions(site);
  co_await concurrent_execution(site);
  co_await rate_limiting();
}

}  // namespace

int main() {
  ApiSite site;
  run(amain(site), {.handle_sigint = true});
}
