// A read that is cancelled at any turn: what it got, or else what the next one gets.
#pragma once

#include "support/run.hpp"

#include <string>

namespace test {

// `read` tells what came, and is cancelled after `turns` turns; `send` has something come in the
// third of them, or after the cancel if there are fewer.
template <class Read, class Send>
eddy::Task<std::string> read_despite_cancel(int turns, Read read, Send send) {
  std::string got;
  auto reader = eddy::spawn([&]() -> eddy::Task<> {
    got = co_await read();
    co_await eddy::yield();
  });
  for (int i = 0; i < turns; ++i) {
    if (i == 2) co_await send();
    co_await eddy::yield();
  }
  EXPECT_TRUE(reader.cancel() || reader.done());
  co_await wait_until_done(reader);
  if (turns <= 2) co_await send();
  if (got.empty()) got = co_await read();
  co_return got;
}

}  // namespace test
