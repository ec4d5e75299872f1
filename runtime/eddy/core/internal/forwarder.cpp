#include <eddy/core/internal/forwarder.hpp>

#include <utility>

namespace eddy::internal {

constinit thread_local Forwarder* Forwarder::innermost = nullptr;

bool Forwarder::pass_on(Ask ask) noexcept {
  EDDY_ASSERT(!forwarding());
  mark_forwarding(true);
  ask_ = ask;
  outer_ = std::exchange(innermost, this);
  if (outer_) return true;
  while (Forwarder* forwarder = innermost) {
    EDDY_ASSERT(forwarder->forwarding());
    if (forwarder->ask_(*forwarder)) continue;  // perhaps there is one further in now
    forwarder->mark_forwarding(false);
    innermost = forwarder->outer_;
  }
  return true;
}

}  // namespace eddy::internal
