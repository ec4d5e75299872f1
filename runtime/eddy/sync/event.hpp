// Event: a flag that tasks wait for. set() wakes everybody who waits, in order, also when the flag
// is cleared again in the same turn (K6).
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/plain_wait.hpp>
#include <eddy/sync/internal/wait_list.hpp>

namespace eddy {

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  class [[nodiscard]] Wait : public internal::PlainWait {
   public:
    static constexpr const char* died_early = "an Event died while a task waited for it";
    explicit Wait(Event& event) noexcept : PlainWait(kind<&Wait::describe>), event_(event) {}
    bool await_ready() const noexcept { return event_.set_; }
    void await_suspend(std::coroutine_handle<> frame) {
      EDDY_ASSERT(!event_.set_);
      event_.waiters_.push_back(*this);
      park(frame);
    }

   private:
    void describe(internal::WaitNote& note) const { note.what = "Event.wait"; }
    Event& event_;
  };

  // Resumes in the turn after set(); at once when the flag is set. Cancelling it changes nothing. ∅
  Wait wait() noexcept { return Wait(*this); }

  void set() noexcept {
    set_ = true;
    while (Wait* waiter = waiters_.pop()) waiter->wake();
  }
  void clear() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

 private:
  internal::WaitList<Wait> waiters_;
  bool set_ = false;
};

}  // namespace eddy
