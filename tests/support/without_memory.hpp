// Awaits something while no allocation comes through: what needs a coroutine's frame fails.
#pragma once

#include "support/failing_memory.hpp"

#include <eddy/core/as_result.hpp>

#include <gtest/gtest.h>

namespace test {

// Awaits what `make()` gives. Fails the test when that allocates anything.
template <class F>
auto without_memory(F make) -> eddy::Task<eddy::AwaitValue<std::invoke_result_t<F&>>> {
  FailingMemory memory(1);
  memory.arm();
  auto outcome = co_await eddy::as_outcome(make());
  memory.disarm();
  EXPECT_FALSE(memory.failed()) << "it has allocated";
  if (!outcome) co_await eddy::fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<eddy::AwaitValue<std::invoke_result_t<F&>>>) {
    co_return std::move(*outcome);
  }
}

}  // namespace test
