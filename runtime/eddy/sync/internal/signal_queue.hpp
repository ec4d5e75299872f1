// SignalQueue: the signals that came for somebody, and who waits for them.
#pragma once

#include <eddy/core/internal/loop_signals.hpp>
#include <eddy/sync/internal/wait_list.hpp>

namespace eddy::internal {

class SignalWait : public Waiter {
 public:
  static constexpr const char* died_early = "a Signals died while a task waited for it";

 protected:
  SignalWait() noexcept : Waiter(kind<&SignalWait::describe>) {}
  int given() const noexcept { return given_; }

 private:
  friend class SignalQueue;
  void describe(WaitNote& note) const { note.what = "a signal"; }
  int given_ = 0;  // none
};

class SignalQueue : private SignalSubscription {
 public:
  explicit SignalQueue(SignalMask mask);

  // Belongs to the loop it was made on.
  void check_use() { waiters_.bind(); }
  void join(SignalWait& waiter) { waiters_.push_back(waiter); }
  bool has_one() const noexcept { return came_ != 0; }
  // The lowest one that came. REQUIRES: has_one()
  int take() noexcept;
  // As if it came just now.
  void put_back(int number) noexcept { tell(*this, bit_of(number)); }

 private:
  static void tell(SignalSubscription& subscription, SignalMask came) noexcept;

  SignalMask came_ = 0;  // zero while somebody waits
  WaitList<SignalWait> waiters_;
};

}  // namespace eddy::internal
