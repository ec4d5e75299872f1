// Runs a test's coroutine on a loop of its own, by the clock, for there are real servers: and
// checks that no task, timer, operation or descriptor is left.
#pragma once

#include "support/directory.hpp"
#include "support/nginx.hpp"
#include "support/run.hpp"

#include <eddy/http.hpp>

namespace test {

inline void fail_on_reports(eddy::Loop& loop) {
  loop.on_exception([](const eddy::ExceptionReport& report) {
    ADD_FAILURE() << "unexpected report: " << report.message << " [" << report.task << "]";
  });
}

template <class F>
void run_http(F&& body) {
  static_cast<void>(nginx());
  const unsigned before = open_descriptors();
  {
    eddy::Loop loop;
    fail_on_reports(loop);
    loop.run(body());
    loop.close();
    const eddy::Stats stats = loop.stats();
    EXPECT_EQ(stats.tasks, 0u);
    EXPECT_EQ(stats.timers, 0u);
    EXPECT_EQ(stats.in_flight, 0u);
    EXPECT_EQ(stats.queued, 0u);
  }
  EXPECT_EQ(open_descriptors_in_the_end(before), before) << "a descriptor was left open";
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
