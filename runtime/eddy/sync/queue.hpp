// Queue: items between tasks, first in first out; PriorityQueue gives the lowest, LifoQueue the
// latest.
//
// A full queue holds put(), an empty one get(); both wait in order. An item stays in the queue
// until the getter runs: one that is woken has the promise of an item, and a putter that of a
// place, so that nobody overtakes them; cancelled before they ran, they hand the promise on (Q1 to
// Q3). join() counts puts minus task_done() (Q4).
//
// Invariants: promised_ <= items, until shutdown(true); items + reserved_ <= maxsize.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/plain_wait.hpp>
#include <eddy/sync/internal/queue_items.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

namespace eddy {

class QueueEmpty : public Error {
 public:
  QueueEmpty() : Error(EAGAIN, "get from an empty queue") {}
};
class QueueFull : public Error {
 public:
  QueueFull() : Error(ENOBUFS, "put into a full queue") {}
};
class QueueShutDown : public Error {
 public:
  static constexpr int number = ESHUTDOWN;  // of its code()
  QueueShutDown() : Error(number, "use of a queue that was shut down") {}
};

template <class T, class Items>
class BasicQueue {
 public:
  // Holds at most `maxsize` items; zero or less: any number. A bounded queue allocates here only,
  // for up to so many items.
  static constexpr std::size_t most_reserved = 65'536;
  explicit BasicQueue(long maxsize = 0)
      : maxsize_(maxsize > 0 ? static_cast<std::size_t>(maxsize) : 0) {
    if (maxsize_ > 0) items_.reserve(std::min(maxsize_, most_reserved));
  }
  BasicQueue(const BasicQueue&) = delete;
  BasicQueue& operator=(const BasicQueue&) = delete;
  ~BasicQueue() { if (promised_ + reserved_ > 0) [[unlikely]] getters_.owner_dies_in_use(); }

  class Put;
  class Get;
  class Join;

  // Resumes when the item is in the queue. Cancelled: it is not. Throws QueueShutDown. ∅
  Put put(T item) { return Put(*this, std::move(item)); }
  // Resumes with an item. Cancelled: none was taken. Throws QueueShutDown when that is over and the
  // queue is empty. ∅
  Get get() noexcept { return Get(*this); }

  // Without waiting: throw QueueFull, QueueEmpty or QueueShutDown. What is promised to a task that
  // was woken is not there for others.
  void put_nowait(T item) {
    if (shut_down_) throw QueueShutDown();
    if (!can_put()) throw QueueFull();
    add(std::move(item));
  }
  T get_nowait() {
    if (!can_get()) {
      if (shut_down_) throw QueueShutDown();
      throw QueueEmpty();
    }
    return take();
  }
  // The same, telling instead of throwing. An item that is not put stays what it was.
  template <class U = T>
  bool try_put(U&& item) {
    if (shut_down_ || !can_put()) return false;
    add(T(std::forward<U>(item)));
    return true;
  }
  std::optional<T> try_get() {
    if (!can_get()) return std::nullopt;
    return take();
  }

  std::size_t size() const noexcept { return items_.size(); }
  std::size_t maxsize() const noexcept { return maxsize_; }
  bool empty() const noexcept { return items_.size() == 0; }
  bool full() const noexcept { return maxsize_ > 0 && items_.size() >= maxsize_; }

  // One item that was got is done with. Throws UsageError when there was none.
  void task_done() {
    if (unfinished_ == 0) throw UsageError("task_done() more often than put()");
    finish(1);
  }
  // Resumes when every item that was put is done with; at once if that is so. ∅
  Join join() noexcept { return Join(*this); }

  // Refuses put() from now on, those that wait included; get() drains what is there. With
  // `immediate` the items are dropped, and count as done. Idempotent (Q5).
  void shutdown(bool immediate = false) {
    shut_down_ = true;
    if (immediate) {
      // Fewer, where somebody called task_done() for what nobody had got.
      const std::size_t dropped = std::min(items_.size(), unfinished_);
      items_.clear();
      finish(dropped);
    }
    while (Put* putter = putters_.pop()) putter->wake();
    end_getters();
  }

 private:
  bool can_get() const noexcept { return items_.size() > promised_; }
  bool can_put() const noexcept { return maxsize_ == 0 || items_.size() + reserved_ < maxsize_; }

  void add(T item) {
    EDDY_ASSERT(!shut_down_);
    EDDY_ASSERT(can_put());
    items_.push(std::move(item));
    ++unfinished_;
    promise_item();
  }
  T take() {
    EDDY_ASSERT(!empty());
    T item = items_.pop();
    promise_place();
    return item;
  }
  void promise_item() noexcept {
    if (!can_get()) return;
    if (Get* getter = getters_.pop()) {
      getter->promised_ = true;
      ++promised_;
      EDDY_ASSERT(promised_ <= items_.size());
      getter->wake();
    }
  }
  void promise_place() noexcept {
    if (!can_put()) return;
    if (Put* putter = putters_.pop()) {
      putter->reserved_ = true;
      ++reserved_;
      EDDY_ASSERT(items_.size() + reserved_ <= maxsize_ || maxsize_ == 0);
      putter->wake();
    }
  }
  // After shutdown, those who wait: once nothing that is promised can come back for them.
  void end_getters() noexcept {
    if (promised_ > 0 && !empty()) return;
    while (Get* getter = getters_.pop()) getter->wake();
  }
  void finish(std::size_t count) noexcept {
    EDDY_ASSERT(count <= unfinished_);
    unfinished_ -= count;
    if (unfinished_ > 0) return;
    while (Join* joiner = joiners_.pop()) joiner->wake();
  }

  Items items_;
  std::size_t maxsize_;
  std::size_t promised_ = 0;
  std::size_t reserved_ = 0;
  std::size_t unfinished_ = 0;
  bool shut_down_ = false;
  internal::WaitList<Put> putters_;
  internal::WaitList<Get> getters_;
  internal::WaitList<Join> joiners_;
};

template <class T, class Items>
class [[nodiscard]] BasicQueue<T, Items>::Put : public internal::Waiter {
 public:
  using value_type = void;
  static constexpr const char* died_early = "a Queue died while a task waited to put";
  Put(BasicQueue& queue, T item)
      : Waiter(kind<&Put::describe>), queue_(queue), item_(std::move(item)) {}

  bool await_ready() {
    if (queue_.shut_down_) return true;
    if (!queue_.can_put()) return false;
    queue_.add(std::move(item_));
    added_ = true;
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    queue_.putters_.push_back(*this);
    park(frame);
  }
  void await_resume() {
    if (added_) [[likely]] return;
    return internal::value_or_raise(await_outcome());
  }
  Expected<void> await_outcome() {
    if (added_) return {};
    const bool stopped = interrupted();
    if (!std::exchange(reserved_, false)) {  // the queue may be gone
      return std::unexpected(stopped ? cancelled_failure() : Failure::of<QueueShutDown>());
    }
    EDDY_ASSERT(queue_.reserved_ > 0);
    --queue_.reserved_;
    return put_reserved(stopped);
  }

 private:
  friend class BasicQueue;
  void describe(internal::WaitNote& note) const {
    note.what = "Queue.put of " + internal::of_so_many(queue_.size(), queue_.maxsize_);
  }
  // What comes of the place that was reserved: the next one's, unless the item takes it.
  Expected<void> put_reserved(bool stopped) {
    if (stopped || queue_.shut_down_) {
      queue_.promise_place();
      return std::unexpected(stopped ? cancelled_failure() : Failure::of<QueueShutDown>());
    }
    try {
      queue_.add(std::move(item_));
      return {};
    } catch (...) {  // no memory, or an item that cannot be moved
      queue_.promise_place();
      return std::unexpected(Failure::current());
    }
  }

  BasicQueue& queue_;
  T item_;  // waits here, in the caller's frame
  bool added_ = false;
  bool reserved_ = false;
};

template <class T, class Items>
class [[nodiscard]] BasicQueue<T, Items>::Get : public internal::Waiter {
 public:
  using value_type = T;
  static constexpr const char* died_early = "a Queue died while a task waited to get";
  explicit Get(BasicQueue& queue) noexcept : Waiter(kind<&Get::describe>), queue_(queue) {}

  bool await_ready() const noexcept { return queue_.can_get() || queue_.shut_down_; }
  void await_suspend(std::coroutine_handle<> frame) {
    queue_.getters_.push_back(*this);
    park(frame);
  }
  T await_resume() {
    if (!redeem()) [[unlikely]] failure().raise();
    return queue_.take();
  }
  Expected<T> await_outcome() {
    if (!redeem()) return std::unexpected(failure());
    return queue_.take();
  }

 private:
  friend class BasicQueue;
  void describe(internal::WaitNote& note) const {
    note.what = "Queue.get of " + std::to_string(queue_.size());
    if (queue_.maxsize_ != 0) note.what += "/" + std::to_string(queue_.maxsize_);
  }

  // True when an item is this getter's to take.
  bool redeem() noexcept {
    if (!task()) return queue_.can_get();  // it did not wait
    stopped_ = interrupted();
    if (!std::exchange(promised_, false)) return false;  // the queue may be gone
    EDDY_ASSERT(queue_.promised_ > 0);
    --queue_.promised_;
    if (stopped_) queue_.promise_item();
    if (queue_.shut_down_) [[unlikely]] queue_.end_getters();
    return !stopped_ && !queue_.empty();
  }
  Failure failure() { return stopped_ ? cancelled_failure() : Failure::of<QueueShutDown>(); }

  BasicQueue& queue_;
  bool promised_ = false;
  bool stopped_ = false;
};

template <class T, class Items>
class [[nodiscard]] BasicQueue<T, Items>::Join : public internal::PlainWait {
 public:
  static constexpr const char* died_early = "a Queue died while a task waited in join()";
  explicit Join(BasicQueue& queue) noexcept : PlainWait(kind<&Join::describe>), queue_(queue) {}
  bool await_ready() const noexcept { return queue_.unfinished_ == 0; }
  void await_suspend(std::coroutine_handle<> frame) {
    queue_.joiners_.push_back(*this);
    park(frame);
  }

 private:
  void describe(internal::WaitNote& note) const {
    note.what = "Queue.join, " + std::to_string(queue_.unfinished_) + " unfinished";
  }
  BasicQueue& queue_;
};

template <class T>
using Queue = BasicQueue<T, internal::FifoItems<T>>;
template <class T, class Less = std::less<T>>
using PriorityQueue = BasicQueue<T, internal::HeapItems<T, Less>>;
template <class T>
using LifoQueue = BasicQueue<T, internal::LifoItems<T>>;

}  // namespace eddy
