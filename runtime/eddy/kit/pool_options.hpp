// PoolOptions: how many resources a Pool has, which it lends first, and how long they last.
// PoolStats: what it has done.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/count.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace eddy {

enum class PoolOrder : std::uint8_t {
  latest_first,  // the one that was used last: warm, while the others grow old and go
  oldest_first,  // each in its turn
};

// Trivially copyable.
struct PoolOptions {
  internal::Count min = 0;       // so many are kept however long they are idle; see Pool::fill()
  internal::Count max = 10;      // so many are kept when they are given back
  internal::Count overflow = 0;  // so many more while all are lent
  internal::Count waiting = 0;   // who waits at once; one more is refused (EAGAIN). 0: any number
  internal::Count max_uses = 0;  // given back so often it is not lent again. 0: any number
  PoolOrder order = PoolOrder::latest_first;
  AnyDuration max_age = Duration::max();   // of a resource, up to 2.5 % less: not all at once
  AnyDuration max_idle = Duration::max();  // unused; then it goes, if more than `min` are left
  AnyDuration check_after = std::chrono::milliseconds(500);  // idle so long: checked before lent
  AnyDuration reset_limit = std::chrono::seconds(10);        // for the reset of one
};

struct PoolStats {
  std::size_t size = 0;     // resources, those that are being made included
  std::size_t idle = 0;
  std::size_t making = 0;
  std::size_t waiting = 0;  // tasks
  std::size_t made = 0;     // since the beginning, as are the next
  std::size_t failed = 0;   // attempts to make one
  std::size_t lost = 0;     // discarded, or broken when they were checked or reset
};

}  // namespace eddy
