// Watch channel: the latest value of something, and who wants to know when it changes: a
// configuration, a state, a number.
//
//   WatchSender<Config> sender(read_config());
//   auto receiver = sender.subscribe();
//   while (co_await receiver.changed()) use(receiver.value());  // until the last sender is gone
//
// Values that come faster than somebody looks are not seen: the latest is. Both ends are copyable:
// copies of a sender are the same one; the copy of a receiver has seen what the first had seen.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/sync/internal/watched_value.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace eddy {

template <class T>
class WatchReceiver {
 public:
  WatchReceiver() noexcept = default;  // of no channel
  WatchReceiver(const WatchReceiver& other)
      : cursor_(other.cursor_ ? new Cursor(*other.cursor_) : nullptr) {}
  WatchReceiver(WatchReceiver&&) noexcept = default;
  WatchReceiver& operator=(WatchReceiver other) noexcept {
    std::swap(cursor_, other.cursor_);
    return *this;
  }

  class Changed;

  // Resumes with true when there is a value that this receiver has not seen, at once if there is:
  // it counts as seen then. Resumes with false when nobody sends any more. Cancelled: it is not
  // seen. Several tasks may wait, and all are told of the same change. ∅
  Changed changed() const { return Changed(to_use()); }

  // Whether changed() would be true at once.
  bool has_changed() const { return to_use()->has_changed(); }
  void mark_seen() const { to_use()->mark_seen(); }

  // The latest value, the first one included; seen or not stays as it is. The reference is good
  // until the next co_await, or until somebody sends.
  const T& value() const { return to_use()->state().value(); }
  bool closed() const { return to_use()->state().nobody_sends(); }

 private:
  template <class> friend class WatchSender;
  using Cursor = internal::WatchCursor<T>;
  explicit WatchReceiver(internal::Counted<Cursor> cursor) noexcept : cursor_(std::move(cursor)) {}
  const internal::Counted<Cursor>& to_use() const {
    if (!cursor_) [[unlikely]] throw UsageError("use of a WatchReceiver of no channel");
    return cursor_;
  }

  internal::Counted<Cursor> cursor_;
};

template <class T>
class [[nodiscard]] WatchReceiver<T>::Changed : public internal::WatchWait {
 public:
  using value_type = bool;
  explicit Changed(internal::Counted<Cursor> cursor) noexcept : cursor_(std::move(cursor)) {}

  bool await_ready() const noexcept {
    return cursor_->has_changed() || cursor_->state().nobody_sends();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    cursor_->state().join(*this);
    park(frame);
  }
  bool await_resume() {
    if (interrupted()) [[unlikely]] cancelled_failure().raise();
    return see();
  }
  Expected<bool> await_outcome() {
    if (interrupted()) return std::unexpected(cancelled_failure());
    return see();
  }

 private:
  // One that was woken by a change is told of it, also where another task has seen it meanwhile.
  bool see() noexcept {
    const bool changed = cursor_->has_changed() || was_told();
    cursor_->mark_seen();
    return changed;
  }

  internal::Counted<Cursor> cursor_;
};

template <class T>
class WatchSender {
 public:
  explicit WatchSender(T first) : state_(internal::Counted(new State(std::move(first)))) {}

  // The value from now on. Those that wait run in the next turn. ∅
  void send(T value) const {
    to_use()->value() = std::move(value);
    state_->tell();
  }
  // The same in place: `change` is called with the value. Where it throws nobody is told.
  template <class F>
  void modify(F&& change) const {
    std::forward<F>(change)(to_use()->value());
    state_->tell();
  }
  // The same where `change` says, by true, that it changed something.
  template <class F>
  bool modify_if(F&& change) const {
    const bool changed = std::forward<F>(change)(to_use()->value());
    if (changed) state_->tell();
    return changed;
  }

  const T& value() const { return to_use()->value(); }
  // One that has seen the value of now.
  WatchReceiver<T> subscribe() const {
    return WatchReceiver<T>(internal::Counted(new internal::WatchCursor<T>(to_use())));
  }
  std::size_t receivers() const { return to_use()->receivers(); }

 private:
  using State = internal::WatchedValue<T>;
  const internal::Counted<State>& to_use() const {
    if (!state_) [[unlikely]] throw UsageError("use of a WatchSender that was moved from");
    return state_;
  }

  internal::End<State, &State::add_sender, &State::drop_sender> state_;
};

}  // namespace eddy
