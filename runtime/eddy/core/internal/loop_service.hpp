// LoopService: something that a loop owns on behalf of another floor: made when first asked for.
#pragma once

#include <eddy/core/loop_options.hpp>

namespace eddy::internal {

class LoopService {
 public:
  virtual ~LoopService() = default;
  virtual void add_to(Stats& stats) const { static_cast<void>(stats); }
  // The loop closes, and every task has ended: has the kernel end what would not by itself.
  virtual void stop() noexcept {}
};

}  // namespace eddy::internal
