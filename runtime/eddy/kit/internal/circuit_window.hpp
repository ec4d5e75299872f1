// CircuitWindow: how the last calls of a circuit ended.
#pragma once

#include <eddy/base/internal/assert.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eddy::internal {

// Allocates when it is made, and never after.
class CircuitWindow {
 public:
  explicit CircuitWindow(std::size_t most) : ends_(most) {}

  // The oldest is forgotten where it is full. REQUIRES: room for one
  void add(bool failed, bool slow) noexcept {
    EDDY_ASSERT(!ends_.empty());
    End& end = ends_[next_];
    next_ = next_ + 1 < ends_.size() ? next_ + 1 : 0;
    if (calls_ < ends_.size()) {
      ++calls_;
    } else {
      failed_ -= end.failed;
      slow_ -= end.slow;
    }
    end = {failed, slow};
    failed_ += failed;
    slow_ += slow;
    EDDY_ASSERT(failed_ <= calls_ && slow_ <= calls_);
  }
  void clear() noexcept { next_ = calls_ = failed_ = slow_ = 0; }

  std::size_t calls() const noexcept { return calls_; }
  // Of these. REQUIRES: calls() > 0
  double failure_rate() const noexcept { return share(failed_); }
  double slow_rate() const noexcept { return share(slow_); }

 private:
  struct End {
    bool failed = false;
    bool slow = false;
  };
  // A quotient is the number nearest to it, as a literal is: 7 of 100 are 0.07.
  double share(std::size_t count) const noexcept {
    EDDY_ASSERT(calls_ > 0);
    return static_cast<double>(count) / static_cast<double>(calls_);
  }

  std::vector<End> ends_;
  std::size_t next_ = 0;
  std::size_t calls_ = 0;
  std::size_t failed_ = 0;
  std::size_t slow_ = 0;
};

}  // namespace eddy::internal
