// The sections of the guide (patterns_guide.cpp, patterns_guide_more.cpp) that ask by HTTP, and its
// comprehensions over users that a server knows.
//
// Run:    examples/run patterns_guide_http
// Prints: a header per section, and below it what the Python program of that section prints.
#include "api_site.hpp"

#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

Task<json> fetch(http::Client& client, std::string url) {
  http::Response response = co_await client.get(url);
  response.raise_for_status();
  co_return co_await response.json<json>();
}

Task<json> fetch_url(std::string url) {
  co_return co_await closing(http::Client(), [&](http::Client& client) -> Task<json> {
    co_return co_await fetch(client, url);
  });
}

Task<> context_managers(ApiSite& site) {
  section("Common Async Context Manager Patterns");
  const json data = co_await fetch_url(site.url("/data"));
  std::cout << data << '\n';
}

// The client and the response end with the generator, also where nobody wants the rest.
Generator<json> fetch_items_stream(std::string url) {
  http::Client client;
  http::Response response = co_await client.get(url);
  auto lines = response.lines();
  while (const auto line = co_await lines.next()) {
    json item = json::parse(*line);
    co_yield item;
  }
}

Task<> async_generators(ApiSite& site) {
  section("Async Generators");
  const auto print = [](const json& item) { std::cout << item << '\n'; };
  co_await for_each(fetch_items_stream(site.url("/stream")), print);
  co_await for_each(fetch_items_stream(site.url("/stream")) | take(1), print);
}

Generator<int> async_user_ids() {
  for (int id = 0; id < 6; ++id) co_yield id;
}

class Users {
 public:
  explicit Users(ApiSite& site) : site_(site) {}

  Task<bool> is_active(int id) {
    const json answer = co_await fetch(client_, url(id) + "/active");
    co_return answer["active"].get<bool>();
  }
  Task<std::string> fetch_user(int id) {
    const json user = co_await fetch(client_, url(id));
    co_return user["name"].get<std::string>();
  }

 private:
  std::string url(int id) const { return site_.url("/users/" + std::to_string(id)); }

  ApiSite& site_;
  http::Client client_;
};

Task<> async_comprehensions(ApiSite& site) {
  section("Async Comprehensions");
  Users server(site);
  const auto is_active = [&](int id) { return server.is_active(id); };
  const auto fetch_user = [&](int id) { return server.fetch_user(id); };
  const std::vector<std::string> active =
      co_await collect(async_user_ids() | filter(is_active) | transform(fetch_user));
  for (const auto& user : active) std::cout << user << ", ";
  std::cout << '\n';

  std::map<int, std::string> users;  // a comprehension with keys is a loop
  auto ids = async_user_ids();
  while (const auto id = co_await ids.next()) {
    const std::string user = co_await fetch_user(*id);
    users.emplace(*id, user);
  }
  for (const auto& [id, user] : users) std::cout << id << ": " << user << ", ";
  std::cout << '\n';

  const auto active_ids = co_await collect<std::set>(async_user_ids() | filter(is_active));
  for (const int id : active_ids) std::cout << id << ' ';
  std::cout << '\n';
}

Task<> fetch_with_error_handling(http::Client& client, std::vector<std::string> urls) {
  try {
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (const auto& url : urls) group.spawn(fetch(client, url));
      co_return;
    });
  } catch (const ExceptionGroup& errors) {  // except*
    errors
        .handle<http::StatusError>([](const http::StatusError& error) {
          std::cout << "HTTP error: " << error.status() << '\n';
        })
        .handle<TimeoutError>([](const TimeoutError&) { std::cout << "Timeout\n"; })
        .rethrow_rest();
  }
}

Task<> task_groups(ApiSite& site) {
  section("Task Groups (Python 3.11+)");
  http::Client client;
  JoinHandle<json> task1, task2, task3;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    task1 = group.spawn(fetch(client, site.url("/1")));
    task2 = group.spawn(fetch(client, site.url("/2")));
    task3 = group.spawn(fetch(client, site.url("/3")));
    co_return;
  });
  std::cout << task1.result() << ", " << task2.result() << ", " << task3.result() << '\n';

  // The first failure cancels the request that would never end.
  std::vector<std::string> lost{site.url("/missing"), site.url("/slow")};
  co_await fetch_with_error_handling(client, std::move(lost));
  http::Client hasty({.timeouts = {.total = 50ms}});
  std::vector<std::string> stuck{site.url("/slow")};
  co_await fetch_with_error_handling(hasty, std::move(stuck));
}

// What blocks: a client on a loop of its own, which the thread turns until it has the answer.
json blocking_get(const std::string& url) { return run(fetch_url(url)); }

Task<> mix_blocking_and_async_code(ApiSite& site) {
  section("Don't mix blocking and async code");
  const json good = co_await fetch_url(site.url("/good"));
  std::cout << good << '\n';
  const json from_thread = co_await run_in_executor(nullptr, blocking_get, site.url("/blocking"));
  std::cout << from_thread << '\n';
}

Task<std::optional<json>> fetch_with_timeout(http::Client& client, std::string url) {
  std::optional<json> data;
  try {
    data = co_await timeout(1s, fetch(client, url));
  } catch (const TimeoutError&) {
    std::cout << "Timeout fetching " << url.substr(url.rfind('/')) << '\n';
  }
  co_return data;
}

Task<> timeout_for_multiple_operations(ApiSite& site) {
  section("Timeout for Multiple Operations");
  http::Client client;
  std::vector<Task<std::optional<json>>> fetches;
  for (const char* path : {"/1", "/slow", "/2"}) {
    fetches.push_back(fetch_with_timeout(client, site.url(path)));
  }
  const auto results = co_await gather(std::move(fetches));
  for (const auto& result : results) std::cout << (result ? result->dump() : "None") << '\n';
}

Task<> amain(ApiSite& site) {
  co_await context_managers(site);
  co_await async_generators(site);
  co_await async_comprehensions(site);
  co_await task_groups(site);
  co_await mix_blocking_and_async_code(site);
  co_await timeout_for_multiple_operations(site);
}

}  // namespace

int main() {
  ApiSite site;
  run(amain(site), {.handle_sigint = true});
}
