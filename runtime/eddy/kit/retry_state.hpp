// What retry() tells of itself: RetryState to hooks and stops, RetryStatistics in the end.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/failure.hpp>

#include <cstddef>

namespace eddy {

// What a hook is told.
struct RetryState {
  std::size_t attempt = 0;  // this one, or that which has just ended; counted from 1
  Duration elapsed{};       // since the first began, on the loop's clock
  Duration idle{};          // of that, between attempts
  Duration next_wait{};     // what will be waited, where that is known
  // Why the attempt has failed: as long as the hook runs. Null where it has not, or its value was
  // not what is wanted.
  const Failure* failure = nullptr;
};

// Sums over all calls of a policy.
struct RetryStatistics {
  std::size_t calls = 0;
  std::size_t attempts = 0;
  std::size_t succeeded = 0;
  std::size_t passed_on = 0;  // failures that are not worth another attempt
  std::size_t given_up = 0;   // no more attempts, or no more time; what is left was cancelled
  Duration idle{};
};

}  // namespace eddy
