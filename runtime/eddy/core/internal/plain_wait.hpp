// PlainWait: a wait that gives nothing: it ends, or it is cancelled.
#pragma once

#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/internal/waiter.hpp>
#include <eddy/core/loop.hpp>

namespace eddy::internal {

class PlainWait : public Waiter {
 public:
  using value_type = void;
  void await_resume() { if (interrupted()) [[unlikely]] cancelled_failure().raise(); }
  Expected<void> await_outcome() {
    if (interrupted()) return std::unexpected(cancelled_failure());
    return {};
  }

 protected:
  using Waiter::Waiter;
};

}  // namespace eddy::internal
