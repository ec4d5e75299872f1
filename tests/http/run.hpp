// Runs a test's coroutine beside a real server, and what it asks there.
#pragma once

#include "support/nginx.hpp"
#include "support/run_by_the_clock.hpp"

#include <eddy/http.hpp>

namespace test {

template <class F>
void run_http(F&& body) {
  static_cast<void>(nginx());
  run_by_the_clock(body);
}

// A client of the tests' authority.
inline eddy::http::ClientOptions trusting(eddy::http::ClientOptions options = {}) {
  options.ca_file = certificates().roots;
  return options;
}

// How an awaitable fails: by this class, which must be copyable. None: it did not.
template <class E, class A>
eddy::Task<std::optional<E>> failure_of(A awaitable) {
  std::optional<E> found;
  try {
    static_cast<void>(co_await awaitable);
  } catch (const E& error) {
    found = error;
  }
  co_return found;
}

// Gets a page, and its text.
inline eddy::Task<std::string> page(eddy::http::Client& client, std::string url,
                                    eddy::http::RequestOptions options = {}) {
  eddy::http::Response response = co_await client.get(url, options);
  std::string text = co_await response.text();
  co_return text;
}

}  // namespace test
