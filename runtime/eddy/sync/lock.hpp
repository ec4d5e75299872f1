// Lock: mutual exclusion between the tasks of one loop, first come first served.
//
// Not owned by a task: any may release it. Not re-entrant. release() hands the lock to the oldest
// waiter at once, so nobody who comes later can overtake it; a waiter that is cancelled after it
// got the lock, and before it ran, passes it on (K1 to K3). In debug mode a task that waits for a
// lock which it took itself gets a UsageError (sync/internal/holder.hpp).
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/sync/internal/holder.hpp>
#include <eddy/sync/internal/guard.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstdint>

namespace eddy {

class Lock {
 public:
  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { if (state_ == State::given) [[unlikely]] waiters_.owner_dies_in_use(); }

  class Acquire;
  class ScopedAcquire;

  // Resumes when the lock is this task's; at once when it is free. Cancelling it takes nothing. ∅
  Acquire acquire() noexcept;
  // The same; the result releases it.
  ScopedAcquire scoped() noexcept;

  bool locked() const noexcept { return state_ != State::free; }

  // Wakes the oldest waiter only. Throws UsageError when the lock is free.
  void release() {
    if (!locked()) [[unlikely]] throw UsageError("release of a lock that is free");
    pass_on();
  }

  // Releases the lock when it dies, unless that was done before.
  using Guard = internal::Guard<Lock, &Lock::release>;

 private:
  friend class Condition;
  class Entry;
  enum class State : std::uint8_t { free, held, given };  // given: to a task that has not run since
  void pass_on() noexcept;

  internal::WaitList<Entry> waiters_;
  State state_ = State::free;
  internal::Holder holder_;
};

class Lock::Entry : public internal::Waiter {
 public:
  static constexpr const char* died_early = "a Lock died while a task waited for it";
  explicit Entry(Lock& lock) noexcept : Waiter(kind<&Entry::describe>), lock_(lock) {}

  bool await_ready() noexcept {
    if (lock_.state_ != State::free) return false;
    EDDY_ASSERT(lock_.waiters_.empty());
    lock_.state_ = State::held;
    lock_.holder_.is_running_task();
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    lock_.holder_.require_other("a lock");
    lock_.waiters_.push_back(*this);
    park(frame);
  }

 protected:
  // Cancelled: what was given in the same turn goes to the next (K2).
  bool lost() noexcept {
    if (!task()) [[likely]] return false;  // it was free
    if (given_) {
      lock_.state_ = State::held;
      lock_.holder_.is_running_task();
    }
    if (!interrupted()) [[likely]] return false;
    if (given_) lock_.pass_on();
    return true;
  }
  Lock& lock_;

 private:
  friend class Lock;
  void describe(internal::WaitNote& note) const {
    note.what = "a Lock";
    lock_.holder_.describe(note);
  }
  bool given_ = false;
};

class [[nodiscard]] Lock::Acquire : public Entry, public internal::Raises<Acquire> {
 public:
  using Entry::Entry;
  Expected<void> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return {};
  }
};

class [[nodiscard]] Lock::ScopedAcquire : public Entry,
                                          public internal::Raises<ScopedAcquire, Guard> {
 public:
  using Entry::Entry;
  Expected<Guard> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return Guard(lock_);
  }
};

inline Lock::Acquire Lock::acquire() noexcept { return Acquire(*this); }
inline Lock::ScopedAcquire Lock::scoped() noexcept { return ScopedAcquire(*this); }

inline void Lock::pass_on() noexcept {
  EDDY_ASSERT(state_ != State::free);
  holder_.is_nobody();
  if (Entry* next = waiters_.pop()) {
    EDDY_ASSERT(!next->given_);
    next->given_ = true;
    state_ = State::given;
    next->wake();
  } else {
    state_ = State::free;
  }
}

}  // namespace eddy
