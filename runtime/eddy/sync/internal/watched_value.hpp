// WatchedValue: the value of a watch channel; WatchCursor: what a receiver has seen of it.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eddy::internal {

class WatchWait : public Waiter {
 public:
  static constexpr const char* died_early = "a watch channel died while a task waited for it";

 protected:
  WatchWait() noexcept : Waiter(kind<&WatchWait::describe>) {}
  bool was_told() const noexcept { return told_; }

 private:
  template <class> friend class WatchedValue;
  void describe(WaitNote& note) const { note.what = "WatchReceiver.changed"; }
  bool told_ = false;  // it was woken by a change
};

template <class T>
class WatchedValue : public RefCounted<WatchedValue<T>>, public Pooled {
 public:
  explicit WatchedValue(T first) : value_(std::move(first)) {}

  T& value() noexcept { return value_; }
  std::uint64_t version() const noexcept { return version_; }
  bool nobody_sends() const noexcept { return senders_ == 0; }
  std::size_t receivers() const noexcept { return receivers_; }

  void join(WatchWait& waiter) { waiters_.push_back(waiter); }
  void tell() noexcept {
    ++version_;
    while (WatchWait* waiter = waiters_.pop()) {
      waiter->told_ = true;
      waiter->wake();
    }
  }

  void add_sender() noexcept { ++senders_; }
  void drop_sender() noexcept {
    EDDY_ASSERT(senders_ > 0);
    if (--senders_ > 0) return;
    while (WatchWait* waiter = waiters_.pop()) waiter->wake();
  }
  void add_receiver() noexcept { ++receivers_; }
  void drop_receiver() noexcept {
    EDDY_ASSERT(receivers_ > 0);
    --receivers_;
  }

 private:
  T value_;
  std::uint64_t version_ = 0;
  std::size_t senders_ = 0;
  std::size_t receivers_ = 0;
  WaitList<WatchWait> waiters_;
};

template <class T>
class WatchCursor : public RefCounted<WatchCursor<T>>, public Pooled {
 public:
  explicit WatchCursor(Counted<WatchedValue<T>> state) noexcept
      : state_(std::move(state)), seen_(state_->version()) {
    state_->add_receiver();
  }
  explicit WatchCursor(const WatchCursor& other) noexcept
      : RefCounted<WatchCursor<T>>(), Pooled(), state_(other.state_), seen_(other.seen_) {
    state_->add_receiver();
  }
  ~WatchCursor() { state_->drop_receiver(); }

  WatchedValue<T>& state() const noexcept { return *state_; }
  bool has_changed() const noexcept { return seen_ != state_->version(); }
  void mark_seen() noexcept {
    EDDY_ASSERT(seen_ <= state_->version());
    seen_ = state_->version();
  }

 private:
  Counted<WatchedValue<T>> state_;
  std::uint64_t seen_;
};

}  // namespace eddy::internal
