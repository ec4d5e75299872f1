// Condition: waiting, with a lock in hand, for somebody to say that something has changed.
//
// wait() lets the lock go and owns it again however it ends, cancelled twice included (D2). A
// notification that reached a waiter which was then cancelled goes to the next one (D3); spurious
// wake-ups are possible, so wait for a predicate. Several conditions may share a lock.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sync/lock.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace eddy {

class Condition {
 public:
  explicit Condition(Lock& lock) noexcept : lock_(lock) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition() { if (waits_ > 0) [[unlikely]] waiters_.owner_dies_in_use(); }

  // Resumes, owning the lock, after a notification. Throws UsageError without the lock. ∅
  Task<> wait() {
    require_lock("wait");
    waiters_.bind();  // may throw: before the lock is gone
    lock_.waiters_.bind();
    lock_.release();
    ++waits_;
    Notified notified(*this);
    auto outcome = co_await notified;
    std::optional<Failure> cancelled;
    if (!outcome) cancelled = std::move(outcome.error());
    for (;;) {
      auto owned = co_await as_outcome(lock_.acquire());
      if (owned) break;
      cancelled = std::move(owned.error());  // the most recent one is thrown
    }
    EDDY_ASSERT(lock_.locked());
    EDDY_ASSERT(waits_ > 0);
    --waits_;
    if (!cancelled) co_return;
    if (notified.was_notified()) notify(1);
    co_await fail(std::move(*cancelled));
  }

  // Waits until `holds()`, checked with the lock in hand; does not wait when it holds at once.
  template <class F>
    requires std::predicate<std::decay_t<F>&>
  Task<> wait(F&& holds) {
    EDDY_CHECK_KEPT(F);
    return wait_until<std::decay_t<F>>(std::forward<F>(holds));
  }

  // Wakes up to `count` waiters, the oldest first. Throws UsageError without the lock.
  void notify(internal::Count count = 1) {
    require_lock("notify");
    wake(count.value());
  }
  void notify_all() {
    require_lock("notify");
    wake(static_cast<std::size_t>(-1));
  }

  bool locked() const noexcept { return lock_.locked(); }

 private:
  template <class F>
  Task<> wait_until(F holds) {
    while (!std::invoke(holds)) {
      EDDY_DO(wait());
    }
  }

  // Ends with a failure instead of throwing it: the lock must be taken first.
  class Notified : public internal::Waiter {
   public:
    static constexpr const char* died_early = "a Condition died while a task waited for it";
    explicit Notified(Condition& condition) noexcept
        : Waiter(kind<&Notified::describe>), condition_(condition) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> frame) {
      condition_.waiters_.push_back(*this);
      park(frame);
    }
    Expected<void> await_resume() {
      if (interrupted()) return std::unexpected(cancelled_failure());
      return {};
    }
    void notify() noexcept {
      EDDY_ASSERT(!notified_);
      notified_ = true;
      wake();
    }
    bool was_notified() const noexcept { return notified_; }

   private:
    void describe(internal::WaitNote& note) const { note.what = "Condition.wait"; }
    Condition& condition_;
    bool notified_ = false;
  };

  void wake(std::size_t count) noexcept {
    while (count-- > 0) {
      Notified* waiter = waiters_.pop();
      if (!waiter) break;
      waiter->notify();
    }
  }
  void require_lock(const char* verb) const {
    if (!lock_.locked()) throw UsageError(std::string(verb) + " of a condition without its lock");
  }

  Lock& lock_;
  internal::WaitList<Notified> waiters_;
  std::size_t waits_ = 0;  // those included that were notified and take the lock
};

}  // namespace eddy
