// ChannelState: what the two ends of a channel share.
//
// As in a queue, an item stays until its receiver runs: one that is woken has the promise of an
// item, a sender that of a place, and hands it on when it is cancelled before it runs.
//
// Invariants: promised <= items; items + reserved <= capacity.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/sync/internal/queue_items.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstddef>
#include <utility>

namespace eddy::internal {

// Waits for a place or for an item.
class ChannelWait : public Waiter {
 public:
  static constexpr const char* died_early = "a channel died while a task waited for it";

  // What was promised, if anything was; none from then on.
  bool take_promise() noexcept { return std::exchange(promised_, false); }

 protected:
  using Waiter::Waiter;

 private:
  template <class> friend class ChannelState;
  bool promised_ = false;
};

template <class T>
class ChannelState : public RefCounted<ChannelState<T>>, public Pooled {
 public:
  explicit ChannelState(std::size_t capacity) : capacity_(capacity) { items_.reserve(capacity); }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return items_.size(); }
  bool nobody_sends() const noexcept { return senders_ == 0; }
  bool nobody_receives() const noexcept { return receivers_ == 0; }
  bool has_place() const noexcept { return items_.size() + reserved_ < capacity_; }
  bool has_item() const noexcept { return items_.size() > promised_; }

  void push(T item) {
    EDDY_ASSERT(items_.size() + reserved_ < capacity_);
    EDDY_ASSERT(!nobody_receives());
    items_.push(std::move(item));
    promise_item();
  }
  T pop() {
    EDDY_ASSERT(items_.size() > promised_);
    T item = items_.pop();
    promise_place();
    return item;
  }

  void wait_for_place(ChannelWait& waiter) { for_places_.push_back(waiter); }
  void wait_for_item(ChannelWait& waiter) { for_items_.push_back(waiter); }

  // A promise that was kept until its task runs: what it was for is the caller's, or the next one's
  // by promise_place() and promise_item().
  void redeem_place() noexcept {
    EDDY_ASSERT(reserved_ > 0);
    --reserved_;
  }
  void redeem_item() noexcept {
    EDDY_ASSERT(promised_ > 0);
    --promised_;
  }
  void promise_place() noexcept {
    if (!has_place()) return;
    if (ChannelWait* waiter = for_places_.pop()) {
      ++reserved_;
      waiter->promised_ = true;
      waiter->wake();
    }
  }
  void promise_item() noexcept {
    if (!has_item()) return;
    if (ChannelWait* waiter = for_items_.pop()) {
      ++promised_;
      waiter->promised_ = true;
      waiter->wake();
    }
  }
  // Those that wait for an item when nobody sends: once none that is promised can come back.
  void end_receivers() noexcept {
    if (!nobody_sends() || promised_ > 0) return;
    while (ChannelWait* waiter = for_items_.pop()) waiter->wake();
  }

  void add_sender() noexcept { ++senders_; }
  void add_receiver() noexcept { ++receivers_; }
  void drop_sender() noexcept {
    EDDY_ASSERT(senders_ > 0);
    if (--senders_ == 0) end_receivers();
  }
  void drop_receiver() noexcept {
    EDDY_ASSERT(receivers_ > 0);
    if (--receivers_ > 0) return;
    items_.clear();
    while (ChannelWait* waiter = for_places_.pop()) waiter->wake();
  }

 private:
  FifoItems<T> items_;
  std::size_t capacity_;
  std::size_t promised_ = 0;
  std::size_t reserved_ = 0;
  std::size_t senders_ = 0;
  std::size_t receivers_ = 0;
  WaitList<ChannelWait> for_places_;
  WaitList<ChannelWait> for_items_;
};

}  // namespace eddy::internal
