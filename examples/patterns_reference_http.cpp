// The sections of the reference of patterns (patterns_reference.cpp) that ask by HTTP.
//
// Run:    examples/run patterns_reference_http
// Prints: a header per section, and below it what the Python program of that section prints.
#include "api_site.hpp"

#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

class RateLimitedClient {
 public:
  explicit RateLimitedClient(std::size_t most) : semaphore_(most) {}

  Task<json> fetch(std::string url) {
    const auto place = co_await semaphore_.scoped();
    co_return co_await do_fetch(url);
  }

 private:
  static Task<json> do_fetch(std::string url) {
    http::Client session;
    http::Response response = co_await session.get(url);
    co_return co_await response.json<json>();
  }

  Semaphore semaphore_;
};

Task<> semaphores() {
  section("Semaphores - Rate Limiting");
  ApiSite site;
  RateLimitedClient client(5);
  std::vector<Task<json>> fetches;
  for (int id = 1; id <= 20; ++id) {
    fetches.push_back(client.fetch(site.url("/users/" + std::to_string(id))));
  }
  const auto users = co_await gather(std::move(fetches));
  std::cout << users.size() << " users, at most " << site.busiest() << " requests at once\n";
}

// Opens its session with the first request, and again after a close().
class AsyncHttpClient {
 public:
  Task<json> get(std::string url) {
    http::Response response = co_await session().get(url);
    response.raise_for_status();
    co_return co_await response.json<json>();
  }
  Task<json> post(std::string url, json data) {
    http::Response response = co_await session().post(url, {.body = http::json(data)});
    response.raise_for_status();
    co_return co_await response.json<json>();
  }
  Task<> close() {
    if (session_) co_await session_->close();
  }

 private:
  http::Client& session() {
    if (!session_ || session_->closed()) session_.emplace();
    return *session_;
  }

  std::optional<http::Client> session_;
};

Task<> http_client(ApiSite& site) {
  section("HTTP Client (aiohttp)");
  AsyncHttpClient client;
  const json user = co_await client.get(site.url("/users/7"));
  std::cout << user << '\n';
  co_await client.close();
  const json data = {{"id", 8}};
  const json answer = co_await client.post(site.url("/echo"), data);
  std::cout << answer << '\n';
  try {
    co_await client.get(site.url("/missing"));
  } catch (const http::StatusError& error) {
    std::cout << "failed: " << error.status() << '\n';
  }
  co_await client.close();

  co_await closing(http::Client(), [&](http::Client& session) -> Task<> {
    http::Response response = co_await session.get(site.url("/data"));
    const json text = co_await response.json<json>();
    std::cout << text << '\n';
  });
}

Task<json> fetch(http::Client& client, std::string url) {
  http::Response response = co_await client.get(url);
  response.raise_for_status();
  co_return co_await response.json<json>();
}

// By hand, as in the original; retry() does it in one call.
Task<json> resilient_fetch(http::Client& client, std::string url, int retries = 3) {
  std::exception_ptr last_error;
  for (int attempt = 0; attempt < retries; ++attempt) {
    try {
      co_return co_await fetch(client, url);
    } catch (const http::Error&) {
      last_error = std::current_exception();
    }
    if (attempt < retries - 1) co_await sleep((1 << attempt) * 1ms);
  }
  std::rethrow_exception(last_error);
}

Task<> error_handling(ApiSite& site) {
  section("Error Handling");
  http::Client client;
  const json text = co_await resilient_fetch(client, site.url("/flaky"));
  std::cout << text << '\n';

  CircuitBreaker breaker({.failures = 2, .open_for = 60s}, "/down");
  const auto broken = [&] { return fetch(client, site.url("/down")); };
  for (int i = 0; i < 3; ++i) {
    try {
      co_await breaker.call(broken);
    } catch (const http::StatusError& error) {
      std::cout << error.status() << '\n';
    } catch (const CircuitOpen&) {
      std::cout << "the circuit breaker is open\n";
    }
  }
}

Task<> amain(ApiSite& site) {
  co_await semaphores();
  co_await http_client(site);
  co_await error_handling(site);
}

}  // namespace

int main() {
  ApiSite site;
  run(amain(site), {.handle_sigint = true});
}
