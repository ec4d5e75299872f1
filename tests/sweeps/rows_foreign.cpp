// Rows of what is not eddy's. One that only somebody else can resume is in tests/core: nothing but
// that ends it, so that no sweep could cancel it.
#include "support/awaitables.hpp"

#include <eddy/core/foreign.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/timeout.hpp>

#include <coroutine>

#include <gtest/gtest.h>

namespace {

using namespace test;

// Is resumed by a callback in a turn.
class Posted {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) const {
    Loop::current().post([frame] { frame.resume(); });
  }
  int await_resume() const noexcept { return 7; }
};

struct Nobodys {};

const Rows<Nobodys> foreigners = {
    {"foreign", [](Nobodys&) -> Task<> { EXPECT_EQ(co_await foreign(Posted()), 7); }, by_itself},
    {"foreign as_a_result", [](Nobodys&) { return only(as_result(Posted())); }, by_itself},
    {"foreign in_a_timeout", [](Nobodys&) { return only(timeout(1h, Posted())); }, by_itself},
    {"foreign in_a_gather", [](Nobodys&) { return only(gather(Posted(), Posted())); }, by_itself},
};

}  // namespace
