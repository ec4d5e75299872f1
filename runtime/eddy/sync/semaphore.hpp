// Semaphore: so many at a time, first come first served. BoundedSemaphore: and never more than at
// first.
//
// release() hands the unit to the oldest waiter at once. Until that has run nobody who comes later
// takes a unit, not even another one; cancelled before it ran, it hands its unit on (K4, K5).
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/sync/internal/guard.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstddef>
#include <utility>

namespace eddy {

class Semaphore {
 public:
  explicit Semaphore(internal::Count value = 1) : free_(value.value()) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() { if (given_ > 0) [[unlikely]] waiters_.owner_dies_in_use(); }

  class Acquire;
  class ScopedAcquire;

  // Resumes with a unit; at once when one is free and nobody waits. Cancelling it takes none. ∅
  Acquire acquire() noexcept;
  ScopedAcquire scoped() noexcept;

  // From any task, also one that acquired nothing: the number of units grows.
  void release() { give(); }

  // Gives its unit back when it dies, unless that was done before.
  using Guard = internal::Guard<Semaphore, &Semaphore::release>;

  // True when acquire() would wait.
  bool locked() const noexcept { return free_ == 0; }
  std::size_t value() const noexcept { return free_ + kept_; }

 private:
  class Entry;
  void give() noexcept;
  void given_runs() noexcept;
  bool give_to_waiter() noexcept;

  internal::WaitList<Entry> waiters_;
  std::size_t free_;       // what acquire() may take; zero while anybody waits or was given a unit
  std::size_t kept_ = 0;   // what nobody may take before those who were given theirs have run
  std::size_t given_ = 0;  // to tasks that have not run since
};

class Semaphore::Entry : public internal::Waiter {
 public:
  static constexpr const char* died_early = "a Semaphore died while a task waited for it";
  explicit Entry(Semaphore& semaphore) noexcept
      : Waiter(kind<&Entry::describe>), semaphore_(semaphore) {}

  bool await_ready() noexcept {
    if (semaphore_.free_ == 0) return false;
    EDDY_ASSERT(semaphore_.waiters_.empty());
    EDDY_ASSERT(semaphore_.given_ == 0);
    --semaphore_.free_;
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    semaphore_.waiters_.push_back(*this);
    park(frame);
  }

 protected:
  bool lost() noexcept {
    if (!task()) [[likely]] return false;  // there was one
    if (given_) semaphore_.given_runs();
    if (!interrupted()) [[likely]] return false;
    if (given_) semaphore_.give();
    return true;
  }
  Semaphore& semaphore_;

 private:
  friend class Semaphore;
  void describe(internal::WaitNote& note) const { note.what = "a Semaphore, all units taken"; }
  bool given_ = false;
};

class [[nodiscard]] Semaphore::Acquire : public Entry, public internal::Raises<Acquire> {
 public:
  using Entry::Entry;
  Expected<void> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return {};
  }
};

class [[nodiscard]] Semaphore::ScopedAcquire : public Entry,
                                               public internal::Raises<ScopedAcquire, Guard> {
 public:
  using Entry::Entry;
  Expected<Guard> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return Guard(semaphore_);
  }
};

inline Semaphore::Acquire Semaphore::acquire() noexcept { return Acquire(*this); }
inline Semaphore::ScopedAcquire Semaphore::scoped() noexcept { return ScopedAcquire(*this); }

inline void Semaphore::give() noexcept {
  EDDY_ASSERT(free_ == 0 || waiters_.empty());
  if (give_to_waiter()) return;
  ++(given_ > 0 ? kept_ : free_);
}

inline bool Semaphore::give_to_waiter() noexcept {
  Entry* next = waiters_.pop();
  if (!next) return false;
  EDDY_ASSERT(!next->given_);
  EDDY_ASSERT(free_ == 0);
  next->given_ = true;
  ++given_;
  next->wake();
  return true;
}

// One that was given a unit takes it: those who came behind it have their turn.
inline void Semaphore::given_runs() noexcept {
  EDDY_ASSERT(given_ > 0);
  EDDY_ASSERT(free_ == 0);
  --given_;
  if (kept_ == 0) [[likely]] return;
  while (kept_ > 0 && give_to_waiter()) --kept_;
  if (given_ == 0) free_ = std::exchange(kept_, 0);
}

class BoundedSemaphore : private Semaphore {
 public:
  explicit BoundedSemaphore(internal::Count value = 1) : Semaphore(value), bound_(value.value()) {}

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
