// Semaphore: so many at a time, first come first served. BoundedSemaphore: and never more than at
// first.
//
// release() hands the unit to the oldest waiter at once, so nobody who comes later overtakes it; a
// waiter that is cancelled after it got its unit, and before it ran, hands it on (K4, K5).
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/sync/wait_list.hpp>

#include <cstddef>
#include <utility>

namespace eddy {

class Semaphore {
 public:
  explicit Semaphore(std::size_t value = 1) noexcept : value_(value) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  class Acquire;
  class ScopedAcquire;

  // Gives its unit back when it dies, unless that was done before.
  class [[nodiscard]] Guard {
   public:
    Guard() = default;
    Guard(Guard&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(semaphore_, other.semaphore_);
      return *this;
    }
    ~Guard() { release(); }
    void release() { if (semaphore_) std::exchange(semaphore_, nullptr)->give(); }

   private:
    friend class ScopedAcquire;
    explicit Guard(Semaphore& semaphore) noexcept : semaphore_(&semaphore) {}
    Semaphore* semaphore_ = nullptr;
  };

  // Resumes with a unit; at once when one is free and nobody waits. Cancelling it takes none. ∅
  Acquire acquire() noexcept;
  ScopedAcquire scoped() noexcept;

  // From any task, also one that acquired nothing: the number of units grows.
  void release() { give(); }

  // True when acquire() would wait.
  bool locked() const noexcept { return value_ == 0; }
  std::size_t value() const noexcept { return value_; }

 private:
  void give() noexcept;

  WaitList<Acquire> waiters_;
  std::size_t value_;  // zero while anybody waits
};

class [[nodiscard]] Semaphore::Acquire : public Waiter {
 public:
  using value_type = void;
  explicit Acquire(Semaphore& semaphore) noexcept : semaphore_(semaphore) {}

  bool await_ready() noexcept {
    if (semaphore_.value_ == 0) return false;
    --semaphore_.value_;
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    semaphore_.waiters_.push_back(*this);
    park(frame);
  }
  void await_resume() { if (lost()) [[unlikely]] cancelled_failure().raise(); }
  Expected<void> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return {};
  }

 protected:
  bool lost() noexcept {
    if (!interrupted()) [[likely]] return false;
    if (given_) semaphore_.give();
    return true;
  }
  Semaphore& semaphore_;

 private:
  friend class Semaphore;
  bool given_ = false;
};

class [[nodiscard]] Semaphore::ScopedAcquire : public Acquire {
 public:
  using value_type = Guard;
  using Acquire::Acquire;

  Guard await_resume() {
    Acquire::await_resume();
    return Guard(semaphore_);
  }
  Expected<Guard> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return Guard(semaphore_);
  }
};

inline Semaphore::Acquire Semaphore::acquire() noexcept { return Acquire(*this); }
inline Semaphore::ScopedAcquire Semaphore::scoped() noexcept { return ScopedAcquire(*this); }

inline void Semaphore::give() noexcept {
  if (Acquire* next = waiters_.pop()) {
    next->given_ = true;  // the unit is taken for it already
    next->wake();
  } else {
    ++value_;
  }
}

class BoundedSemaphore : private Semaphore {
 public:
  explicit BoundedSemaphore(std::size_t value = 1) noexcept : Semaphore(value), bound_(value) {}

  using Semaphore::acquire;
  using Semaphore::Guard;
  using Semaphore::locked;
  using Semaphore::scoped;
  using Semaphore::value;

  // Throws UsageError when more would be free than at first.
  void release() {
    if (value() >= bound_) [[unlikely]] throw UsageError("release of a semaphore beyond its bound");
    Semaphore::release();
  }

 private:
  std::size_t bound_;
};

}  // namespace eddy
