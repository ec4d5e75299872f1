// Broadcast channel: every item goes to every receiver.
//
//   BroadcastSender<Event> sender(64);
//   auto receiver = sender.subscribe();
//   while (auto event = co_await receiver.receive()) ...  // until the last sender is gone
//
// Sending never waits: the latest `capacity` items are kept, each until a later one takes its
// place. A receiver that lags behind by more is told once, by ReceiverLagged and by missed(), and
// goes on with the oldest that is there. Both ends are copyable: copies of a sender are the same
// one; the copy of a receiver is another, which still has to come what the first had to come.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/sync/internal/broadcast_state.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace eddy {

class ReceiverLagged : public Error {
 public:
  static constexpr int number = EOVERFLOW;  // of its code()
  ReceiverLagged() : Error(number, "receive what a broadcast channel no longer keeps") {}
};

template <class T>
class BroadcastReceiver {
 public:
  BroadcastReceiver() noexcept = default;  // of no channel
  BroadcastReceiver(const BroadcastReceiver& other)
      : cursor_(other.cursor_ ? new Cursor(*other.cursor_) : nullptr) {}
  BroadcastReceiver(BroadcastReceiver&&) noexcept = default;
  BroadcastReceiver& operator=(BroadcastReceiver other) noexcept {
    std::swap(cursor_, other.cursor_);
    return *this;
  }

  class Receive;

  // Resumes with a copy of the next item, or without one when nobody sends any more and all was
  // received. Throws ReceiverLagged where items are gone. Cancelled: nothing was taken. For one
  // task at a time: a second gets a UsageError, and should have a receiver of its own. ∅
  Receive receive() const { return Receive(to_use()); }

  // How many items are there for it, and how many it missed since it subscribed.
  std::size_t size() const { return to_use()->size(); }
  std::uint64_t missed() const { return to_use()->missed(); }
  // Nobody sends any more, and all was received.
  bool closed() const { return to_use()->ended(); }

 private:
  template <class> friend class BroadcastSender;
  using Cursor = internal::BroadcastCursor<T>;
  explicit BroadcastReceiver(internal::Counted<Cursor> cursor) noexcept
      : cursor_(std::move(cursor)) {}
  const internal::Counted<Cursor>& to_use() const {
    if (!cursor_) [[unlikely]] throw UsageError("use of a BroadcastReceiver of no channel");
    return cursor_;
  }

  internal::Counted<Cursor> cursor_;
};

template <class T>
class [[nodiscard]] BroadcastReceiver<T>::Receive : public internal::BroadcastWait {
 public:
  using value_type = std::optional<T>;
  explicit Receive(internal::Counted<Cursor> cursor) noexcept : cursor_(std::move(cursor)) {}

  bool await_ready() const {
    if (cursor_->waited_on()) [[unlikely]] refuse_second();
    return cursor_->size() > 0 || cursor_->ended();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    cursor_->join(*this);
    park(frame);
    cursor_->wait_begins();
  }
  std::optional<T> await_resume() { return internal::value_or_raise(await_outcome()); }
  Expected<std::optional<T>> await_outcome() {
    if (task()) cursor_->wait_is_over();
    if (interrupted()) return std::unexpected(cancelled_failure());
    if (cursor_->catch_up()) return std::unexpected(Failure::of<ReceiverLagged>());
    return cursor_->take();
  }

 private:
  internal::Counted<Cursor> cursor_;
};

template <class T>
class BroadcastSender {
  static_assert(std::is_copy_constructible_v<T>, "each receiver gets a copy of its own");

 public:
  // Keeps the latest `capacity` items, with room for them from the beginning. Throws UsageError
  // when that is none.
  explicit BroadcastSender(internal::Count capacity)
      : state_(internal::Counted(new State(internal::room_for(capacity)))) {}

  // Gives the item to every receiver that there is, and says how many those are; without any it is
  // dropped. Those that wait run in the next turn. ∅
  std::size_t send(T item) const { return to_use()->send(std::move(item)); }

  // One that receives what is sent from now on.
  BroadcastReceiver<T> subscribe() const {
    return BroadcastReceiver<T>(
        internal::Counted(new internal::BroadcastCursor<T>(to_use())));
  }

  std::size_t receivers() const { return to_use()->receivers(); }
  std::size_t capacity() const { return to_use()->capacity(); }

 private:
  using State = internal::BroadcastState<T>;
  const internal::Counted<State>& to_use() const {
    if (!state_) [[unlikely]] throw UsageError("use of a BroadcastSender that was moved from");
    return state_;
  }

  internal::End<State, &State::add_sender, &State::drop_sender> state_;
};

}  // namespace eddy
