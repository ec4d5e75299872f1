// Lock: mutual exclusion between the tasks of one loop, first come first served.
//
// Not owned by a task: any may release it. Not re-entrant. release() hands the lock to the oldest
// waiter at once, so nobody who comes later can overtake it; a waiter that is cancelled after it
// got the lock, and before it ran, passes it on (K1 to K3). In debug mode a task that waits for a
// lock which it took itself gets a UsageError (sync/holder.hpp).
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/sync/internal/holder.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstdint>
#include <utility>

namespace eddy {

class Lock {
 public:
  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { if (state_ == State::given) [[unlikely]] waiters_.owner_dies_in_use(); }

  class Acquire;
  class ScopedAcquire;

  // Releases the lock when it dies, unless that was done before.
  class [[nodiscard]] Guard {
   public:
    Guard() = default;
    Guard(Guard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(lock_, other.lock_);
      return *this;
    }
    ~Guard() { release(); }
    void release() { if (lock_) std::exchange(lock_, nullptr)->release(); }

   private:
    friend class ScopedAcquire;
    explicit Guard(Lock& lock) noexcept : lock_(&lock) {}
    Lock* lock_ = nullptr;
  };

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

 private:
  friend class Condition;
  enum class State : std::uint8_t { free, held, given };  // given: to a task that has not run since
  void pass_on() noexcept;

  internal::WaitList<Acquire> waiters_;
  State state_ = State::free;
  internal::Holder holder_;
};

class [[nodiscard]] Lock::Acquire : public internal::Waiter {
 public:
  using value_type = void;
  static constexpr const char* died_early = "a Lock died while a task waited for it";
  explicit Acquire(Lock& lock) noexcept : lock_(lock) {}

  bool await_ready() noexcept {
    if (lock_.state_ != State::free) return false;
    lock_.state_ = State::held;
    lock_.holder_.is_running_task();
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    lock_.holder_.require_other("a lock");
    lock_.waiters_.push_back(*this);
    park(frame);
  }
  void await_resume() { if (lost()) [[unlikely]] cancelled_failure().raise(); }
  Expected<void> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return {};
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
  bool given_ = false;
};

class [[nodiscard]] Lock::ScopedAcquire : public Acquire {
 public:
  using value_type = Guard;
  using Acquire::Acquire;

  Guard await_resume() {
    Acquire::await_resume();
    return Guard(lock_);
  }
  Expected<Guard> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return Guard(lock_);
  }
};

inline Lock::Acquire Lock::acquire() noexcept { return Acquire(*this); }
inline Lock::ScopedAcquire Lock::scoped() noexcept { return ScopedAcquire(*this); }

inline void Lock::pass_on() noexcept {
  holder_.is_nobody();
  if (Acquire* next = waiters_.pop()) {
    next->given_ = true;
    state_ = State::given;
    next->wake();
  } else {
    state_ = State::free;
  }
}

}  // namespace eddy
