// DoneQueue: the ends of so many tasks, in order, for whoever waits for the next one.
//
// Several may wait: the oldest is served first, and nobody who comes later overtakes one that was
// woken. An end that was promised to a task which is cancelled before it runs goes to the next one;
// who waits when the last end was taken is told that there is none.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/flow/internal/same_loop.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace eddy::internal {

class DoneQueue {
 public:
  explicit DoneQueue(std::size_t count) : hooks_(count) { ended_.reserve(count); }
  DoneQueue(const DoneQueue&) = delete;
  DoneQueue& operator=(const DoneQueue&) = delete;

  // Once for each index below the count. Throws UsageError for a task of another loop.
  void watch(std::size_t index, TaskState& task) {
    EDDY_ASSERT(index < hooks_.size());
    EDDY_ASSERT(!hooks_[index].owner);
    hooks_[index].owner = this;
    hooks_[index].index = index;
    if (task.done()) {
      ended(index);
      return;
    }
    if (thread_state.loop) require_same_loop(task);
    if (loop_ != 0 && loop_ != task.loop_id()) {
      throw UsageError("tasks of two loops cannot be waited for together");
    }
    loop_ = task.loop_id();
    task.add_done_hook(hooks_[index]);
  }

  // Without waiting; no value when nothing is there that was not promised.
  std::optional<std::size_t> pop() noexcept {
    if (!can_take()) return std::nullopt;
    return take();
  }

  // The task that waits longest there, if the hook is of one that does.
  static const TaskState* waiting_at(const DoneHook& hook) noexcept;

  class Next;
  // The index of the task that ends next; no value once all have been taken. ∅
  Next next() noexcept;

 private:
  struct Hook : DoneHook {
    Hook() noexcept : DoneHook(&notify) {}
    static void notify(DoneHook& hook, TaskState&) noexcept {
      auto& self = static_cast<Hook&>(hook);
      self.owner->ended(self.index);
    }
    DoneQueue* owner = nullptr;
    std::size_t index = 0;
  };

  bool can_take() const noexcept { return ended_.size() > taken_ + promised_; }
  bool all_taken() const noexcept { return taken_ == hooks_.size(); }
  std::size_t take() noexcept;
  void ended(std::size_t index) noexcept {
    EDDY_ASSERT(ended_.size() < hooks_.size());
    ended_.push_back(index);
    promise();
  }
  void promise() noexcept;
  void break_promise() noexcept {
    EDDY_ASSERT(promised_ > 0);
    --promised_;
  }

  std::vector<Hook> hooks_;
  std::vector<std::size_t> ended_;  // each task ends once
  std::size_t taken_ = 0;
  std::size_t promised_ = 0;
  std::uint64_t loop_ = 0;  // of the tasks that had not ended
  List<Waiter> waiters_;
};

class [[nodiscard]] DoneQueue::Next : public Waiter,
                                      public Raises<Next, std::optional<std::size_t>> {
 public:
  explicit Next(DoneQueue& completions) noexcept
      : Waiter(kind<&Next::describe>), completions_(completions) {}
  Next(const Next&) = default;

  bool await_ready() const noexcept {
    return completions_.can_take() || completions_.all_taken();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    if (completions_.loop_ != thread_state.loop_id) {
      throw UsageError("tasks of another loop cannot be waited for");
    }
    require_first_await();
    completions_.waiters_.push_back(*this);
    park(frame);
  }
  Expected<value_type> await_outcome() {
    const bool stopped = interrupted();
    if (std::exchange(promised_, false)) completions_.break_promise();
    if (stopped) {
      completions_.promise();
      return std::unexpected(cancelled_failure());
    }
    return completions_.pop();
  }

 private:
  friend class DoneQueue;
  void describe(WaitNote& note) const {
    note.what = "the next of " + std::to_string(completions_.hooks_.size()) + " tasks";
    note.for_tasks = true;
  }
  DoneQueue& completions_;
  bool promised_ = false;
};

inline const TaskState* DoneQueue::waiting_at(const DoneHook& hook) noexcept {
  if (!hook.is_told_by(&Hook::notify)) return nullptr;
  Waiter* waiter = static_cast<const Hook&>(hook).owner->waiters_.front();
  return waiter ? waiter->task() : nullptr;
}

inline DoneQueue::Next DoneQueue::next() noexcept { return Next(*this); }

inline std::size_t DoneQueue::take() noexcept {
  EDDY_ASSERT(can_take());
  const std::size_t index = ended_[taken_++];
  if (all_taken()) {
    while (Waiter* waiter = waiters_.pop_front()) waiter->wake();  // there is no other
  }
  return index;
}

inline void DoneQueue::promise() noexcept {
  if (!can_take()) return;
  if (Waiter* waiter = waiters_.pop_front()) {
    static_cast<Next*>(waiter)->promised_ = true;
    ++promised_;
    EDDY_ASSERT(taken_ + promised_ <= ended_.size());
    waiter->wake();
  }
}

}  // namespace eddy::internal
