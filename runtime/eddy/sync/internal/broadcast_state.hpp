// BroadcastState: the latest items of a broadcast channel; BroadcastCursor: where a receiver is.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace eddy::internal {

class BroadcastWait : public Waiter {
 public:
  static constexpr const char* died_early = "a broadcast channel died while a task waited for it";

 protected:
  BroadcastWait() noexcept : Waiter(kind<&BroadcastWait::describe>) {}
  [[noreturn]] static void refuse_second() {
    throw_misuse("two tasks receive by one BroadcastReceiver: subscribe() for each, or copy it");
  }

 private:
  void describe(WaitNote& note) const { note.what = "BroadcastReceiver.receive"; }
};

inline std::size_t room_for(Count capacity) {
  if (capacity.value() == 0) throw UsageError("a broadcast channel keeps an item at least");
  return capacity.value();
}

template <class T>
class BroadcastState : public RefCounted<BroadcastState<T>>, public Pooled {
 public:
  explicit BroadcastState(std::size_t capacity) : ring_(capacity) {}

  std::size_t capacity() const noexcept { return ring_.size(); }
  std::size_t receivers() const noexcept { return receivers_; }
  bool nobody_sends() const noexcept { return senders_ == 0; }
  // The number of the next item to be sent, and of the oldest that is kept.
  std::uint64_t sent() const noexcept { return sent_; }
  std::uint64_t oldest() const noexcept { return oldest_; }
  // REQUIRES: oldest() <= number < sent()
  const T& item(std::uint64_t number) const noexcept {
    EDDY_ASSERT(number >= oldest());
    EDDY_ASSERT(number < sent_);
    return *ring_[number % capacity()];
  }

  std::size_t send(T item) {
    if (receivers_ == 0) return 0;
    auto& place = ring_[sent_ % capacity()];
    place.reset();
    // From now on, also where the item cannot be moved.
    oldest_ = sent_ + 1 - std::min<std::uint64_t>(sent_ + 1, capacity());
    place.emplace(std::move(item));
    ++sent_;
    wake_all();
    return receivers_;
  }
  void join(BroadcastWait& waiter) { waiters_.push_back(waiter); }

  void add_sender() noexcept { ++senders_; }
  void drop_sender() noexcept {
    EDDY_ASSERT(senders_ > 0);
    if (--senders_ == 0) wake_all();
  }
  void add_receiver() noexcept { ++receivers_; }
  void drop_receiver() noexcept {
    EDDY_ASSERT(receivers_ > 0);
    if (--receivers_ > 0) return;
    for (auto& item : ring_) item.reset();  // nobody can come to them
  }

 private:
  void wake_all() noexcept {
    while (BroadcastWait* waiter = waiters_.pop()) waiter->wake();
  }

  std::vector<std::optional<T>> ring_;
  std::uint64_t sent_ = 0;
  std::uint64_t oldest_ = 0;
  std::size_t senders_ = 0;
  std::size_t receivers_ = 0;
  WaitList<BroadcastWait> waiters_;
};

template <class T>
class BroadcastCursor : public RefCounted<BroadcastCursor<T>>, public Pooled {
 public:
  explicit BroadcastCursor(Counted<BroadcastState<T>> state) noexcept
      : state_(std::move(state)), next_(state_->sent()) {
    state_->add_receiver();
  }
  explicit BroadcastCursor(const BroadcastCursor& other) noexcept
      : RefCounted<BroadcastCursor<T>>(),
        Pooled(),
        state_(other.state_),
        next_(other.next_),
        missed_(other.missed_) {
    state_->add_receiver();
  }
  ~BroadcastCursor() { state_->drop_receiver(); }

  bool ended() const noexcept { return state_->nobody_sends() && next_ == state_->sent(); }
  std::size_t size() const noexcept {
    return static_cast<std::size_t>(state_->sent() - std::max(next_, state_->oldest()));
  }
  std::uint64_t missed() const noexcept { return missed_; }

  bool waited_on() const noexcept { return waited_on_; }
  void join(BroadcastWait& waiter) { state_->join(waiter); }
  void wait_begins() noexcept {
    EDDY_ASSERT(!waited_on_);
    waited_on_ = true;
  }
  void wait_is_over() noexcept {
    EDDY_ASSERT(waited_on_);
    waited_on_ = false;
  }

  // Goes on with the oldest that is kept. True when items were missed by that.
  bool catch_up() noexcept {
    if (next_ >= state_->oldest()) [[likely]] return false;
    missed_ += state_->oldest() - next_;
    next_ = state_->oldest();
    return true;
  }
  // The next item, or none when it ended.
  std::optional<T> take() {
    if (next_ == state_->sent()) return std::nullopt;
    std::optional<T> item(state_->item(next_));
    ++next_;
    return item;
  }

 private:
  Counted<BroadcastState<T>> state_;
  std::uint64_t next_;
  std::uint64_t missed_ = 0;
  bool waited_on_ = false;
};

}  // namespace eddy::internal
