// Rows of kit: what keeps a program going when others fail.
#include "support/awaitables.hpp"

#include <eddy/kit/retry.hpp>
#include <eddy/sync/event.hpp>

#include <gtest/gtest.h>

namespace {

using namespace test;

// Fails until it is told to wait for what comes by wake().
struct Failing {
  auto factory() {
    return [this]() -> Task<> {
      if (failures > 0 && failures--) co_await fail(Failure::error(EIO, "read"));
      co_await event.wait();
    };
  }
  void wake() { event.set(); }
  Event event;
  int failures = 0;
};

const Rows<Failing> retries = {
    {"retry", [](Failing& w) { return retry(w.factory()); }, at_once(apart)},
    {"retry after_failures",
     [](Failing& w) {
       w.failures = 3;
       return retry(w.factory());
     },
     apart},
    {"retry between_attempts",
     [](Failing& w) {
       w.failures = 3;
       w.wake();
       return retry(w.factory(), RetryPolicy().wait(wait_random(1ms, 5ms)));
     },
     by_time},
};

}  // namespace
