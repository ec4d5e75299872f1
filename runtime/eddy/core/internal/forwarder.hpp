// Forwarder: a waiter that, when its task is asked to stop, asks the tasks it waits for.
//
// Those may wait for others again: along trees and chains of them, however deep, without a call
// inside of a call. In a circle it would go on for ever: who is met again while its request is
// still on its way leaves.
#pragma once

#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/internal/waiter.hpp>

namespace eddy::internal {

class Forwarder : public Waiter {
 protected:
  // Asks the next task. False: there is none left.
  using Ask = bool (*)(Forwarder&) noexcept;

  explicit Forwarder(const WaitKind& own) noexcept : Waiter(own) {}
  Forwarder(const Forwarder& other) noexcept : Waiter(other) {}

  // For its Cancel: has `ask` called until none is left, now or, when that is inside of another
  // one's, before the outermost of them returns. Returns true. REQUIRES: !forwarding()
  bool pass_on(Ask ask) noexcept;
  // For an Ask: it is this from now on.
  void goes_on_with(Ask ask) noexcept { ask_ = ask; }
  static bool nobody_left(Forwarder&) noexcept { return false; }

 private:
  // Of this thread: those that are being passed on, the innermost first.
  static constinit thread_local Forwarder* innermost;

  // Set while it is passed on.
  Forwarder* outer_;
  Ask ask_;
};

}  // namespace eddy::internal
