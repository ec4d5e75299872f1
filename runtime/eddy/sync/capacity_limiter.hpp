// CapacityLimiter: so many at a time, where the number may change meanwhile and each borrower is
// known, as anyio's (python/cpython#145354).
//
//   CapacityLimiter limiter(10);
//   auto token = co_await limiter.scoped();
//   limiter.set_total_tokens(20);
//
// A borrower has one token at most: the running task, or what an address stands for. First come
// first served. A token that is given back, or that comes with a larger total, goes to the oldest
// waiter at once. For units without a name, and faster: Semaphore.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/internal/wait_note.hpp>
#include <eddy/sync/internal/borrowers.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace eddy {

// Who has a token.
struct LimiterBorrower {
  std::string name;              // the task's; empty of an object
  const void* object = nullptr;  // null of a task
};

struct LimiterStatistics {
  std::size_t total_tokens = 0;
  std::size_t borrowed_tokens = 0;
  std::size_t tasks_waiting = 0;
  std::vector<LimiterBorrower> borrowers;  // in the order in which they asked
};

class CapacityLimiter {
 public:
  explicit CapacityLimiter(internal::Count total_tokens) : total_(total_tokens.value()) {}
  CapacityLimiter(const CapacityLimiter&) = delete;
  CapacityLimiter& operator=(const CapacityLimiter&) = delete;
  ~CapacityLimiter() { if (given_ > 0) [[unlikely]] waiters_.owner_dies_in_use(); }

  class Acquire;
  class ScopedAcquire;
  class Guard;

  // Resumes with a token for the running task; at once when one is free. Cancelling it takes none.
  // Throws UsageError when the task has one already. ∅
  Acquire acquire() noexcept;
  ScopedAcquire scoped() noexcept;
  // The same for what is not this task: `borrower` is only compared. Throws UsageError when it has
  // one already, or waits for one.
  Acquire acquire_on_behalf_of(const void* borrower) noexcept;
  ScopedAcquire scoped_on_behalf_of(const void* borrower) noexcept;
  // Without waiting. False when none is free; throws UsageError as the others do.
  bool try_acquire() { return try_take(running_task()); }
  bool try_acquire_on_behalf_of(const void* borrower) { return try_take(key_of(borrower)); }

  // Throws UsageError when that is no borrower.
  void release() { give_back(running_task()); }
  void release_on_behalf_of(const void* borrower) { give_back(key_of(borrower)); }

  std::size_t total_tokens() const noexcept { return total_; }
  // More: those that wait go on, in order. Fewer: nobody loses a token, and nobody gets one before
  // so many are back. None stops all.
  void set_total_tokens(internal::Count total) noexcept;
  std::size_t borrowed_tokens() const noexcept { return borrowed_; }
  std::size_t available_tokens() const noexcept {
    return total_ > borrowed_ ? total_ - borrowed_ : 0;
  }
  LimiterStatistics statistics() const;

 private:
  class Entry;
  using Key = internal::BorrowerKey;

  static Key running_task();
  static Key key_of(const void* borrower);
  void enter(const Key& key);
  bool try_take(const Key& key);
  void hold(const Key& key) noexcept;
  void forget(const Key& key) noexcept;
  void give_back(const Key& key);
  void give_to_waiters() noexcept;

  std::size_t total_;
  std::size_t borrowed_ = 0;
  std::size_t given_ = 0;  // to tasks that have not run since
  std::uint64_t number_ = 0;
  internal::Borrowers borrowers_;
  internal::WaitList<Entry> waiters_;
};

class CapacityLimiter::Entry : public internal::Waiter {
 public:
  static constexpr const char* died_early = "a CapacityLimiter died while a task waited for it";
  Entry(CapacityLimiter& limiter, const void* borrower, bool of_task) noexcept
      : Waiter(kind<&Entry::describe>),
        limiter_(&limiter),
        key_{0, borrower},
        of_task_(of_task) {}
  Entry(const Entry& other) noexcept = default;
  ~Entry() { if (waits_) [[unlikely]] limiter_->forget(key_); }

  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);

 protected:
  bool lost() noexcept;
  CapacityLimiter& limiter() const noexcept { return *limiter_; }
  const Key& key() const noexcept { return key_; }

 private:
  friend class CapacityLimiter;
  void describe(internal::WaitNote& note) const;

  CapacityLimiter* limiter_;
  Key key_;
  bool of_task_;
  bool waits_ = false;  // is among the borrowers, and has no token
  bool given_ = false;
};

// A token; gives it back when it dies, unless that was done before, in whatever task.
class [[nodiscard]] CapacityLimiter::Guard {
 public:
  Guard() noexcept = default;
  Guard(Guard&& other) noexcept
      : limiter_(std::exchange(other.limiter_, nullptr)), key_(other.key_) {}
  Guard& operator=(Guard&& other) noexcept {
    std::swap(limiter_, other.limiter_);
    std::swap(key_, other.key_);
    return *this;
  }
  ~Guard() { release(); }
  void release() { if (limiter_) std::exchange(limiter_, nullptr)->give_back(key_); }

 private:
  friend class ScopedAcquire;
  Guard(CapacityLimiter& limiter, const Key& key) noexcept : limiter_(&limiter), key_(key) {}

  CapacityLimiter* limiter_ = nullptr;
  Key key_;
};

class [[nodiscard]] CapacityLimiter::Acquire : public Entry, public internal::Raises<Acquire> {
 public:
  using Entry::Entry;
  Expected<void> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return {};
  }
};

class [[nodiscard]] CapacityLimiter::ScopedAcquire
    : public Entry,
      public internal::Raises<ScopedAcquire, Guard> {
 public:
  using Entry::Entry;
  Expected<Guard> await_outcome() {
    if (lost()) return std::unexpected(cancelled_failure());
    return Guard(limiter(), key());
  }
};

inline CapacityLimiter::Acquire CapacityLimiter::acquire() noexcept {
  return Acquire(*this, nullptr, true);
}
inline CapacityLimiter::ScopedAcquire CapacityLimiter::scoped() noexcept {
  return ScopedAcquire(*this, nullptr, true);
}
inline CapacityLimiter::Acquire CapacityLimiter::acquire_on_behalf_of(
    const void* borrower) noexcept {
  return Acquire(*this, borrower, false);
}
inline CapacityLimiter::ScopedAcquire CapacityLimiter::scoped_on_behalf_of(
    const void* borrower) noexcept {
  return ScopedAcquire(*this, borrower, false);
}

}  // namespace eddy
