// PoolPlace, a resource of a pool in somebody's hands; Entry, who waits for one; Guard, what
// was lent.
#pragma once

#include <eddy/core/internal/raises.hpp>
#include <eddy/kit/internal/pool_state.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace eddy::internal {

template <class R>
class PoolPlace {
  using State = PoolState<R>;
  using Owner = Counted<State>;
  using Slot = PoolSlot<R>;

 public:
  PoolPlace() noexcept = default;
  // A new one.
  explicit PoolPlace(const Owner& pool) noexcept : pool_(pool) {
    ++pool_->size_;
    EDDY_ASSERT(pool_->size_ <= pool_->most());
  }
  // Of one that was idle.
  PoolPlace(Owner&& pool, Slot* idle) noexcept : slot(idle), pool_(std::move(pool)) {}
  PoolPlace(PoolPlace&&) noexcept = default;
  PoolPlace& operator=(PoolPlace&& other) noexcept {
    std::swap(slot, other.slot);
    std::swap(pool_, other.pool_);
    return *this;
  }
  // Inline: nearly every one that dies was moved from.
  [[gnu::always_inline]] ~PoolPlace() { if (pool_) [[unlikely]] vacate(); }

  explicit operator bool() const noexcept { return static_cast<bool>(pool_); }
  State& pool() const noexcept { return *pool_; }
  const Owner& owner() const noexcept { return pool_; }
  // What is in it stays in the pool, and so does the place.
  std::pair<Slot*, Owner> leave() noexcept { return {slot.release(), std::move(pool_)}; }

  std::unique_ptr<Slot> slot;  // null while it is being made

 private:
  [[gnu::noinline]] void vacate() noexcept {
    slot.reset();
    pool_->vacated(pool_);
    pool_ = Owner();
  }

  Owner pool_;
};

// A task that waits for a place with a resource in it.
template <class R>
class PoolState<R>::Entry : public Waiter, public Raises<Entry, Place> {
 public:
  static constexpr const char* died_early = "a Pool died while a task waited for it";
  explicit Entry(PoolState& pool) noexcept
      : Waiter(kind<&Entry::describe, &stop>), pool_(&pool) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    pool_->waiters_.push_back(*this);
    ++pool_->waiting_;
    park(frame);
    if (pool_->lacks_one()) pool_->order_more(Owner(pool_));
  }
  Expected<Place> await_outcome() {
    if (interrupted()) {
      if (place_) hand_on(place_);  // C4: the next one's
      return std::unexpected(cancelled_failure());
    }
    if (failure_) return std::unexpected(std::move(*failure_));
    return std::move(place_);
  }

  void give(Place&& place) noexcept {
    EDDY_ASSERT(!place_);
    place_ = std::move(place);
    wake();
  }
  void end(Failure failure) noexcept {
    failure_ = std::move(failure);
    wake();
  }

 private:
  static bool stop(Waiter& waiter) {
    auto& entry = static_cast<Entry&>(waiter);
    EDDY_ASSERT(entry.linked());
    --entry.pool_->waiting_;
    return leave(waiter);
  }
  void describe(WaitNote& note) const {
    note.what = "Pool.acquire, " + std::to_string(pool_->waiting_) + " wait";
  }

  PoolState* pool_;
  Place place_;
  std::optional<Failure> failure_;
};

// What was lent; gives it back when it dies.
template <class R>
class [[nodiscard]] PoolState<R>::Guard {
 public:
  Guard() noexcept = default;
  Guard(Guard&&) noexcept = default;
  Guard& operator=(Guard&& other) noexcept {
    place_ = std::move(other.place_);
    return *this;
  }
  ~Guard() { release(); }

  // REQUIRES: it has one
  R& operator*() const noexcept { return resource(); }
  R* operator->() const noexcept { return &resource(); }
  explicit operator bool() const noexcept { return static_cast<bool>(place_); }

  // Gives it back now. A reset then runs in a task of its own.
  void release() noexcept {
    if (!place_) return;
    give_back(place_);
    if (place_) [[unlikely]] drop();  // nobody could take it
  }
  // It is broken: nobody gets it again.
  void discard() noexcept {
    if (!place_) return;
    ++place_.pool().lost_;
    drop();
  }

 private:
  friend class PoolState;
  explicit Guard(Place&& place) noexcept : place_(std::move(place)) {}
  void drop() noexcept { Place gone = std::move(place_); }
  R& resource() const noexcept {
    EDDY_ASSERT(place_);
    return place_.slot->resource;
  }

  Place place_;
};

}  // namespace eddy::internal
