// Channel: items from tasks that send to tasks that receive, with an end for each side.
//
//   auto [sender, receiver] = Channel<Job>(16);
//   co_await sender.send(job);                              // waits while 16 are there
//   while (auto job = co_await receiver.receive()) ...      // until the last sender is gone
//
// Both ends are copyable, and the last copy that dies closes its side: receivers take what is there
// and then learn of the end; senders are refused, and what nobody can receive any more is dropped.
// A call that waits counts as a copy. Each item goes to one receiver, first come first served on
// both sides. An own Queue has one end, and is closed by hand.
#pragma once

#include <eddy/base/internal/count.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/sync/internal/channel_state.hpp>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <utility>

namespace eddy {

class ChannelClosed : public Error {
 public:
  static constexpr int number = EPIPE;  // of its code()
  ChannelClosed() : Error(number, "send into a channel that nobody receives from") {}
};

template <class T>
class Sender {
 public:
  Sender() noexcept = default;  // of no channel
  explicit Sender(internal::Counted<internal::ChannelState<T>> state) noexcept
      : state_(std::move(state)) {}

  template <class Held> class Send;

  // Resumes when the item is in the channel, at once where there is a place. Cancelled: it is not,
  // and has died with the call. Throws ChannelClosed when nobody receives. ∅
  Send<T> send(T item) const { return Send<T>(require(), std::move(item)); }
  // The same for an item that must not be lost: it stays in the caller's variable, which has to
  // live until then, and is moved from when it is in the channel and not otherwise. ∅
  Send<T&> send_from(T& item) const { return Send<T&>(require(), item); }
  // Without waiting. False when there is no place, or nobody receives: the item stays what it was.
  template <class U = T>
  bool try_send(U&& item) const {
    auto& state = *require().state_;
    if (state.nobody_receives() || !state.has_place()) return false;
    state.push(T(std::forward<U>(item)));
    return true;
  }

  // Nobody receives any more: send() would be refused.
  bool closed() const { return require().state_->nobody_receives(); }
  std::size_t capacity() const { return require().state_->capacity(); }
  std::size_t size() const { return require().state_->size(); }

 private:
  const Sender& require() const {
    if (!state_) [[unlikely]] throw UsageError("use of a Sender of no channel");
    return *this;
  }

  using State = internal::ChannelState<T>;
  internal::End<State, &State::add_sender, &State::drop_sender> state_;
};

// Of an item that it has, or of a variable that it refers to.
template <class T>
template <class Held>
class [[nodiscard]] Sender<T>::Send : public internal::ChannelWait {
 public:
  using value_type = void;
  Send(Sender sender, Held&& item)
      : ChannelWait(kind<&Send::describe>),
        sender_(std::move(sender)),
        item_(static_cast<Held&&>(item)) {}

  bool await_ready() {
    auto& state = *sender_.state_;
    if (state.nobody_receives()) return true;
    if (!state.has_place()) return false;
    put();
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    sender_.state_->wait_for_place(*this);
    park(frame);
  }
  void await_resume() {
    if (sent_) [[likely]] return;
    return internal::value_or_raise(await_outcome());
  }
  Expected<void> await_outcome() {
    if (sent_) return {};
    const bool stopped = interrupted();
    auto& state = *sender_.state_;
    const bool place = take_promise();
    if (place) state.redeem_place();
    if (stopped || state.nobody_receives()) {
      if (place) state.promise_place();
      return std::unexpected(stopped ? cancelled_failure() : Failure::of<ChannelClosed>());
    }
    EDDY_ASSERT(place);
    try {
      put();
      return {};
    } catch (...) {  // an item that cannot be moved
      state.promise_place();
      return std::unexpected(Failure::current());
    }
  }

 private:
  void describe(internal::WaitNote& note) const {
    const auto& state = *sender_.state_;
    note.what = "Sender.send to " + internal::of_so_many(state.size(), state.capacity());
  }
  void put() {
    sender_.state_->push(std::move(item_));
    sent_ = true;
  }

  Sender sender_;
  Held item_;
  bool sent_ = false;
};

template <class T>
class Receiver {
 public:
  Receiver() noexcept = default;  // of no channel
  explicit Receiver(internal::Counted<internal::ChannelState<T>> state) noexcept
      : state_(std::move(state)) {}

  class Receive;

  // Resumes with an item, or without one when nobody sends any more and all was received.
  // Cancelled: none was taken. ∅
  Receive receive() const { return Receive(require()); }
  // Without waiting: no item is none for now, or the end, as closed() says.
  std::optional<T> try_receive() const {
    auto& state = *require().state_;
    if (!state.has_item()) return std::nullopt;
    return state.pop();
  }

  // Nobody sends any more, and all was received.
  bool closed() const { return require().state_->nobody_sends() && state_->size() == 0; }
  std::size_t capacity() const { return require().state_->capacity(); }
  std::size_t size() const { return require().state_->size(); }

 private:
  const Receiver& require() const {
    if (!state_) [[unlikely]] throw UsageError("use of a Receiver of no channel");
    return *this;
  }

  using State = internal::ChannelState<T>;
  internal::End<State, &State::add_receiver, &State::drop_receiver> state_;
};

template <class T>
class [[nodiscard]] Receiver<T>::Receive : public internal::ChannelWait {
 public:
  using value_type = std::optional<T>;
  explicit Receive(Receiver receiver) noexcept
      : ChannelWait(kind<&Receive::describe>), receiver_(std::move(receiver)) {}

  bool await_ready() const noexcept {
    return receiver_.state_->has_item() || receiver_.closed();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    receiver_.state_->wait_for_item(*this);
    park(frame);
  }
  std::optional<T> await_resume() { return internal::value_or_raise(await_outcome()); }
  Expected<std::optional<T>> await_outcome() {
    auto& state = *receiver_.state_;
    if (!task()) return state.has_item() ? std::optional<T>(state.pop()) : std::nullopt;
    const bool stopped = interrupted();
    const bool item = take_promise();
    if (item) state.redeem_item();
    if (stopped && item) state.promise_item();
    state.end_receivers();  // before pop(), which may throw where an item cannot be moved
    if (stopped) return std::unexpected(cancelled_failure());
    std::optional<T> received;
    if (item) received.emplace(state.pop());
    return received;
  }

 private:
  void describe(internal::WaitNote& note) const {
    note.what = "Receiver.receive of " + std::to_string(receiver_.state_->size());
  }
  Receiver receiver_;
};

template <class T>
struct Channel {
  // Holds at most `capacity` items, with room for them from the beginning. Throws UsageError when
  // that is none.
  explicit Channel(internal::Count capacity) : Channel(make(capacity)) {}

  Sender<T> sender;
  Receiver<T> receiver;

 private:
  using State = internal::Counted<internal::ChannelState<T>>;
  explicit Channel(const State& state) : sender(state), receiver(state) {}
  static State make(internal::Count capacity) {
    if (capacity.value() == 0) throw UsageError("a channel has room for an item at least");
    return State(new internal::ChannelState<T>(capacity.value()));
  }
};

}  // namespace eddy
