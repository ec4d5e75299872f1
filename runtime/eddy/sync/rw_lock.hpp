// RwLock: many readers or one writer. A writer that waits keeps new readers out, so writers are not
// starved; everybody else is served in the order of coming. A cancelled waiter leaves no trace. In
// debug mode a task that writes, and then waits to read or to write, gets a UsageError.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/sync/internal/holder.hpp>
#include <eddy/sync/internal/guard.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstddef>

namespace eddy {

class RwLock {
  template <bool Writes>
  void end() noexcept { leave(Writes); }

 public:
  RwLock() = default;
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;
  ~RwLock() { if (writing_ || readers_ > 0) [[unlikely]] waiters_.owner_dies_in_use(); }

  // Ends the reading, or the writing, when it dies, unless that was done before.
  template <bool Writes>
  using Guard = internal::Guard<RwLock, &RwLock::end<Writes>>;
  using ReadGuard = Guard<false>;
  using WriteGuard = Guard<true>;
  template <bool Writes>
  class Acquire;

  // Resume when this task may read, or write; the result gives that back. ∅
  Acquire<false> read() noexcept;
  Acquire<true> write() noexcept;

  std::size_t readers() const noexcept { return readers_; }
  bool writing() const noexcept { return writing_; }

 private:
  class Entry : public internal::Waiter {
   public:
    static constexpr const char* died_early = "a RwLock died while a task waited for it or held it";
    Entry(RwLock& lock, bool writes) noexcept
        : Waiter(kind<&Entry::describe, &stop>), lock_(lock), writes_(writes) {}
    Entry(const Entry&) = default;
    bool await_ready() noexcept {
      if (!lock_.waiters_.empty() || !lock_.admits(writes_)) return false;
      lock_.enter(writes_);
      if (writes_) lock_.writer_.is_running_task();
      return true;
    }
    void await_suspend(std::coroutine_handle<> frame) {
      lock_.writer_.require_other("a RwLock");
      lock_.waiters_.push_back(*this);
      park(frame);
    }

   protected:
    bool lost() noexcept {
      if (given_ && writes_) lock_.writer_.is_running_task();
      if (!interrupted()) [[likely]] return false;
      if (given_) lock_.leave(writes_);
      return true;
    }
    RwLock& lock_;

   private:
    friend class RwLock;
    void describe(internal::WaitNote& note) const {
      note.what = writes_ ? "RwLock.write" : "RwLock.read";
      if (lock_.writing_) lock_.writer_.describe(note);
      if (lock_.readers_ > 0) note.what += ", " + std::to_string(lock_.readers_) + " read";
    }
    static bool stop(internal::Waiter& waiter) {
      leave(waiter);
      static_cast<Entry&>(waiter).lock_.admit_waiters();  // readers behind a writer that gave up
      return true;
    }
    bool writes_;
    bool given_ = false;
  };

  bool admits(bool writes) const noexcept { return !writing_ && (!writes || readers_ == 0); }
  void enter(bool writes) noexcept {
    EDDY_ASSERT(admits(writes));
    if (writes) {
      writing_ = true;
    } else {
      ++readers_;
    }
  }
  void leave(bool writes) noexcept {
    if (writes) {
      EDDY_ASSERT(writing_);
      EDDY_ASSERT(readers_ == 0);
      writing_ = false;
      writer_.is_nobody();
    } else {
      EDDY_ASSERT(readers_ > 0);
      EDDY_ASSERT(!writing_);
      --readers_;
    }
    admit_waiters();
  }
  void admit_waiters() noexcept {
    while (Entry* next = waiters_.front()) {
      if (!admits(next->writes_)) break;
      waiters_.pop();
      enter(next->writes_);
      EDDY_ASSERT(!next->given_);
      next->given_ = true;
      next->wake();
    }
  }

  internal::WaitList<Entry> waiters_;
  std::size_t readers_ = 0;
  bool writing_ = false;
  internal::Holder writer_;
};

template <bool Writes>
class [[nodiscard]] RwLock::Acquire
    : public Entry,
      public internal::Raises<RwLock::Acquire<Writes>, RwLock::Guard<Writes>> {
 public:
  explicit Acquire(RwLock& lock) noexcept : Entry(lock, Writes) {}
  Expected<Guard<Writes>> await_outcome() {
    if (this->lost()) return std::unexpected(this->cancelled_failure());
    return Guard<Writes>(this->lock_);
  }
};

inline RwLock::Acquire<false> RwLock::read() noexcept { return Acquire<false>(*this); }
inline RwLock::Acquire<true> RwLock::write() noexcept { return Acquire<true>(*this); }

}  // namespace eddy
