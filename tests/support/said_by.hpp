// What a failure of `awaitable` says, if it is of this type.
#pragma once

#include <eddy/core/task.hpp>

#include <string>

namespace test {

template <class E, class A>
eddy::Task<std::string> said_by(A awaitable) {
  std::string said = "nothing";
  try {
    static_cast<void>(co_await awaitable);
  } catch (const E& error) {
    said = error.what();
  }
  co_return said;
}

}  // namespace test
