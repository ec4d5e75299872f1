// The recipes of the cookbook (patterns_cookbook.cpp) that ask by HTTP.
//
// Run:    examples/run patterns_cookbook_http
// Prints: a header per recipe, and below it what the Python program of that recipe prints.
#include "api_site.hpp"

#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <iostream>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

Task<json> fetch_json(std::string url) {
  co_return co_await closing(http::Client(), [&](http::Client& client) -> Task<json> {
    http::Response response = co_await client.get(url);
    response.raise_for_status();
    co_return co_await response.json<json>();
  });
}

Task<json> post_data(std::string url, json data) {
  co_return co_await closing(http::Client(), [&](http::Client& client) -> Task<json> {
    http::Response response = co_await client.post(url, {.body = http::json(data)});
    response.raise_for_status();
    co_return co_await response.json<json>();
  });
}

Task<> requests(ApiSite& site) {
  section("Making HTTP Requests with httpx");
  const json got = co_await fetch_json(site.url("/data"));
  std::cout << got << '\n';
  const json data = {{"name", "Alice"}, {"age", 30}};
  const json answer = co_await post_data(site.url("/echo"), data);
  std::cout << answer << '\n';
  try {
    co_await fetch_json(site.url("/missing"));
  } catch (const http::StatusError& error) {
    std::cout << "failed: " << error.status() << '\n';
  }
}

// The requests run in a group inside of the client's scope: it is closed after all have ended.
Task<std::vector<json>> fetch_multiple(std::vector<std::string> urls) {
  std::vector<json> texts;
  co_await closing(http::Client(), [&](http::Client& client) -> Task<> {
    std::vector<JoinHandle<http::Response>> tasks;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (const auto& url : urls) tasks.push_back(group.spawn(client.get(url)));
      co_return;
    });
    for (auto& task : tasks) {
      http::Response response = std::move(task.result());
      texts.push_back(co_await response.json<json>());
    }
  });
  co_return texts;
}

Task<> reused_client(ApiSite& site) {
  section("Reusing HTTP Client for Multiple Requests");
  std::vector<std::string> urls{site.url("/a"), site.url("/b"), site.url("/c")};
  for (const json& text : co_await fetch_multiple(std::move(urls))) std::cout << text << '\n';
}

Task<json> fetch_with_retry(std::string url) {
  const auto policy = RetryPolicy().stop_after_attempt(3).wait(wait_exponential(1ms));
  const auto fetch = [&]() -> Task<json> {
    http::Client client({.timeouts = {.total = 10s}});
    http::Response response = co_await client.get(url);
    response.raise_for_status();
    co_return co_await response.json<json>();
  };
  co_return co_await retry(fetch, policy);
}

Task<> retries(ApiSite& site) {
  section("Adding Retry Logic to HTTP Requests");
  const auto before = site.requests();
  const json text = co_await fetch_with_retry(site.url("/flaky"));
  std::cout << text << " after " << site.requests() - before << " requests\n";
  try {
    co_await fetch_with_retry(site.url("/down"));
  } catch (const http::StatusError& error) {
    std::cout << "gave up: " << error.status() << '\n';
  }
}

Task<> amain(ApiSite& site) {
  co_await requests(site);
  co_await reused_client(site);
  co_await retries(site);
}

}  // namespace

int main() {
  ApiSite site;
  run(amain(site), {.handle_sigint = true});
}
