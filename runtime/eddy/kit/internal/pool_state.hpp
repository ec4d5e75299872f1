// PoolState: what is behind a Pool: its resources, those who wait for one, and what makes more.
//
// It lives as long as the pool, a guard, or a task of its own. Each resource has a Place; so has
// one that is being made, so that there are never more than allowed. Whoever holds a Place loses
// nothing by dying: it is free for the next then.
//
// Invariant: nobody waits while a resource is idle.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/kit/pool_options.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/internal/wait_list.hpp>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace eddy {

namespace internal {

// A resource in somebody's hands; defined, as PoolState's Entry and Guard are, in pool_place.hpp.
// Clang wants to know the parameters of a coroutine: this is no class within the other.
template <class R>
class PoolPlace;

// A resource, and since when.
template <class R>
struct PoolSlot : Link<PoolSlot<R>>, Pooled {
  PoolSlot(R&& made, Instant now, Duration lasts)
      : resource(std::move(made)), born(now), idle_since(now), life(lasts) {}
  [[gnu::noinline]] ~PoolSlot() = default;
  R resource;
  Instant born;
  Instant idle_since;
  Duration life;
  std::size_t uses = 0;  // that have ended
};

template <class R>
class PoolState : public RefCounted<PoolState<R>> {
 public:
  using Owner = Counted<PoolState>;
  using Factory = std::move_only_function<Task<R>()>;
  using Check = std::move_only_function<Task<bool>(R&)>;
  using Reset = std::move_only_function<Task<>(R&)>;

  using Slot = PoolSlot<R>;
  using Place = PoolPlace<R>;
  class Guard;

  PoolState(Factory factory, const PoolOptions& options)
      : factory_(std::move(factory)), options_(options) {
    if (most() == 0) throw UsageError("a pool of no resources");
    if (options_.min.value() > options_.max.value()) {
      throw UsageError("a pool that keeps more than its max");
    }
  }

  // Out of line, as the one before: most who could be the last to have it are not.
  [[gnu::noinline]] ~PoolState() = default;

  void set_check(Check check) { check_ = std::move(check); }
  void set_reset(Reset reset) { reset_ = std::move(reset); }

  PoolStats stats() const noexcept {
    return {size_, idle_count_, making_, waiting_, made_, failed_, lost_};
  }

  // An idle resource can be lent without a wait. Changes nothing.
  bool lends_at_once() noexcept {
    if (closed_ || loop_ != thread_state.loop_id) return false;
    Slot* slot = next_idle();
    return slot && !too_old(*slot) && !needs_check(*slot);
  }
  // REQUIRES: lends_at_once()
  static Guard lend(Owner pool) noexcept {
    EDDY_ASSERT(pool->lends_at_once());
    return Guard(take_idle(std::move(pool)));
  }

  static Task<Guard> acquire(Owner pool) {
    pool->require_open("acquire");
    while (pool->next_idle()) {
      Place place = take_idle(pool);
      if (pool->too_old(*place.slot)) continue;
      if (pool->needs_check(*place.slot)) {
        EDDY_TRY(auto good, pool->check_one(place));
        if (pool->closed_) {
          co_await fail(Failure::error(ECANCELED, "acquire of a pool that was closed"));
        }
        if (!good) continue;
      }
      co_return Guard(std::move(place));
    }
    const std::size_t bound = pool->options_.waiting.value();
    if (bound > 0 && pool->waiting_ >= bound) {
      co_await fail(Failure::error(EAGAIN, "acquire of a pool for which too many wait"));
    }
    EDDY_TRY(Place place, Entry(*pool));
    co_return Guard(std::move(place));
  }

  static Task<> fill(Owner pool) {
    pool->require_open("fill");
    while (pool->size_ < pool->options_.min.value()) {
      Place place(pool);
      EDDY_DO(pool->make_in(place));
      hand_on(place);
      if (pool->closed_) co_await fail(Failure::error(ECANCELED, "fill of a pool that was closed"));
    }
  }

  static Task<> close(Owner pool) {
    pool->shut();
    while (pool->size_ > 0) EDDY_DO(pool->emptied_.wait());
  }

  // Nobody gets a resource any more.
  void shut() noexcept {
    if (std::exchange(closed_, true)) return;
    while (Entry* entry = next_waiter()) {
      entry->end(Failure::error(ECANCELED, "acquire of a pool that was closed"));
    }
    while (idle_.front()) drop_oldest();
    for (Job* job = jobs_.front(); job; job = jobs_.after(*job)) job->task.cancel();
    if (reaper_.valid()) reaper_.cancel();
    if (size_ == 0) emptied_.set();
  }

 private:
  friend Place;
  class [[nodiscard]] Entry;

  // A task of the pool's own, that makes or resets one: of no use once it is closed.
  struct Job : Link<Job> {
    explicit Job(PoolState& pool) : task(this_task()) { pool.jobs_.push_back(*this); }
    TaskHandle task;
  };
  // One that is being made for whoever waits, also before its task has begun.
  class Attempt {
   public:
    explicit Attempt(const Owner& pool) noexcept : pool_(pool), place(pool) { ++pool_->making_; }
    Attempt(Attempt&&) noexcept = default;
    ~Attempt() {
      if (!pool_) return;
      EDDY_ASSERT(pool_->making_ > 0);
      --pool_->making_;
    }

   private:
    Owner pool_;

   public:
    Place place;  // dies after that
  };

  std::size_t most() const noexcept { return options_.max.value() + options_.overflow.value(); }

  void require_open(const char* verb) {
    if (closed_) throw UsageError(std::string(verb) + " of a pool that is closed");
    const std::uint64_t loop = Loop::current().id();
    if (loop_ == 0) loop_ = loop;
    if (loop_ != loop) throw_misuse("a pool is used from two loops");
  }
  // Null when it is gone.
  Loop* own_loop() const noexcept {
    if (thread_state.loop_id == loop_) [[likely]] return thread_state.loop;
    return Loop::open(loop_);
  }
  Instant now() const noexcept {
    Loop* loop = own_loop();
    return loop ? loop->now() : Instant::min();
  }
  bool too_old(const Slot& slot) const noexcept {
    return slot.life != Duration::max() && now() >= later(slot.born, slot.life);
  }
  // It was used once more.
  bool worn_out(Slot& slot) const noexcept {
    return ++slot.uses == options_.max_uses.value() || too_old(slot);
  }
  bool needs_check(const Slot& slot) const noexcept {
    return check_ && now() >= later(slot.idle_since, options_.check_after);
  }
  // Spread evenly over a fortieth of `max_age`, by the golden ratio; the first has all of it.
  Duration next_life() noexcept {
    const Duration age = options_.max_age;
    if (age == Duration::max() || age <= Duration::zero()) return age;
    const std::uint64_t spread = (made_ * 0x9E3779B97F4A7C15u) >> 54;  // of 1024
    return age - age / 40 / 1024 * static_cast<std::int64_t>(spread);
  }

  Slot* next_idle() noexcept {
    return options_.order == PoolOrder::latest_first ? idle_.back() : idle_.front();
  }
  static Place take_idle(Owner pool) noexcept {
    Slot* slot = pool->next_idle();
    EDDY_ASSERT(slot);
    slot->unlink();
    --pool->idle_count_;
    return Place(std::move(pool), slot);
  }

  Task<> make_in(Place& place) {
    auto made = co_await as_outcome(factory_());
    if (!made) {
      ++failed_;
      co_await fail(std::move(made.error()));
    }
    place.slot = std::make_unique<Slot>(std::move(*made), Loop::current().now(), next_life());
    ++made_;
  }
  // Cancelled in the middle of the check: nobody knows in which state the resource is.
  Task<bool> check_one(Place& place) {
    std::optional<Expected<bool>> said;
    try {
      said.emplace(co_await as_outcome(check_(place.slot->resource)));
    } catch (...) {  // before there was a task
      said.emplace(std::unexpect, Failure::current());
    }
    if (*said && **said) co_return true;
    ++lost_;
    place.slot.reset();
    if (!*said && said->error().is_cancelled()) co_await fail(std::move(said->error()));
    co_return false;
  }

  // To who waits longest, or to be idle; where it is of no use it stays with the caller.
  static void hand_on(Place& place) noexcept {
    EDDY_ASSERT(place.slot);
    PoolState& pool = place.pool();
    if (pool.closed_) [[unlikely]] return;
    if (Entry* next = pool.next_waiter()) return next->give(std::move(place));
    if (pool.size_ <= pool.options_.max.value()) [[likely]] pool.keep(place);
  }
  static void give_back(Place& place) noexcept {
    EDDY_ASSERT(place.slot);
    PoolState& pool = place.pool();
    Loop* loop = pool.own_loop();
    if (!loop || pool.closed_ || pool.worn_out(*place.slot)) [[unlikely]] return;
    if (!pool.reset_) [[likely]] return hand_on(place);
    try {
      loop->spawn(reset_one(std::move(place)), {.name = "reset of a pool"});
    } catch (...) {  // no memory for the task: then the resource goes
    }
  }
  // In a task of its own: whoever gave it back may be cancelled meanwhile.
  static Task<> reset_one(Place place) {
    PoolState& pool = place.pool();
    if (pool.closed_) co_return;
    Job job(pool);
    auto ended =
        co_await as_outcome(timeout(pool.options_.reset_limit, pool.reset_(place.slot->resource)));
    if (ended) {
      hand_on(place);
    } else {
      ++pool.lost_;
    }
  }

  void keep(Place& place) noexcept {
    EDDY_ASSERT(waiters_.empty());
    auto [slot, self] = place.leave();
    slot->idle_since = now();
    idle_.push_back(*slot);
    ++idle_count_;
    if (options_.max_idle != Duration::max()) start_reaper(self);
  }
  void drop_oldest() noexcept {
    std::unique_ptr<Slot> slot(idle_.pop_front());
    EDDY_ASSERT(slot);
    EDDY_ASSERT(idle_count_ > 0);
    EDDY_ASSERT(size_ >= idle_count_);
    --idle_count_;
    --size_;
  }
  void start_reaper(const Owner& self) noexcept {
    if (size_ <= options_.min.value()) return;
    if (reaper_.valid() && !reaper_.done()) return;
    try {
      Loop* loop = Loop::open(loop_);
      if (loop) reaper_ = loop->spawn(reap(self), {.name = "idle ones of a pool"});
    } catch (...) {  // the next one that is given back tries again
    }
  }
  static Task<> reap(Owner pool) {
    for (;;) {
      Slot* oldest = pool->idle_.front();
      if (!oldest || pool->size_ <= pool->options_.min.value()) co_return;
      const Instant until = later(oldest->idle_since, pool->options_.max_idle);
      if (until <= pool->now()) {
        pool->drop_oldest();
      } else {
        EDDY_DO(sleep_until(until));
      }
    }
  }

  Entry* next_waiter() noexcept {
    Entry* entry = waiters_.pop();
    if (!entry) return nullptr;
    EDDY_ASSERT(waiting_ > 0);
    EDDY_ASSERT(idle_count_ == 0);
    --waiting_;
    return entry;
  }
  // A place was left: for somebody who waits.
  void vacated(const Owner& self) noexcept {
    EDDY_ASSERT(size_ > 0);
    --size_;
    if (closed_ && size_ == 0) emptied_.set();
    order_more(self);
  }
  // One for each that waits, while there are places; one at a time after an attempt that failed.
  bool lacks_one() const noexcept {
    return waiting_ > making_ && size_ < most() && !closed_ && !(failing_ && making_ > 0);
  }
  void order_more(const Owner& self) noexcept {
    // An attempt that no memory is there for leaves its place within this.
    if (std::exchange(ordering_, true)) return;
    while (lacks_one()) {
      Loop* loop = Loop::open(loop_);
      if (!loop) break;
      try {
        loop->spawn(make_one(Attempt(self)), {.name = "factory of a pool"});
      } catch (...) {
        if (waiting_ > making_) fail_oldest(Failure::current());
      }
    }
    ordering_ = false;
  }
  static Task<> make_one(Attempt attempt) {
    PoolState& pool = attempt.place.pool();
    if (pool.closed_) co_return;
    Job job(pool);
    auto made = co_await as_outcome(pool.make_in(attempt.place));
    pool.failing_ = !made;
    if (made) {
      hand_on(attempt.place);
    } else if (made.error().is_cancelled()) {
      // Also one that cancelled itself: whoever waits would have it try again for ever.
      pool.fail_oldest(Failure::error(ECANCELED, "make a resource of a pool"));
      co_await fail(std::move(made.error()));
    } else {
      pool.fail_oldest(std::move(made.error()));
    }
  }
  void fail_oldest(Failure failure) noexcept {
    if (Entry* entry = next_waiter()) entry->end(std::move(failure));
  }

  Factory factory_;
  Check check_;
  Reset reset_;
  PoolOptions options_;
  List<Slot> idle_;  // the one at the front has been so the longest
  WaitList<Entry> waiters_;
  List<Job> jobs_;
  Event emptied_;
  TaskHandle reaper_;
  std::uint64_t loop_ = 0;  // none yet
  std::size_t size_ = 0;
  std::size_t idle_count_ = 0;
  std::size_t making_ = 0;
  std::size_t waiting_ = 0;
  std::size_t made_ = 0;
  std::size_t failed_ = 0;
  std::size_t lost_ = 0;
  bool failing_ = false;
  bool ordering_ = false;
  bool closed_ = false;
};

}  // namespace internal

}  // namespace eddy
