// Pool<R>: resources that are dear to make, lent one task at a time: connections, sessions.
//
//   Pool<Connection> pool([&] { return connected(address); }, {.max = 20, .max_idle = 60s});
//   auto connection = co_await pool.acquire(5s);   // given back where the guard dies
//   co_await connection->fetch(...);
//   connection.discard();                          // broken: not lent again
//
// Who waits is served in order, by what is given back or by what the factory makes, whichever
// comes first; an idle resource is lent at once. The factory runs in a task of its own, so that a
// cancelled acquire() loses nothing: what was made for it goes to the next, or is idle. One that
// fails ends the oldest wait with its failure, and the next in the row has a try of its own, one at
// a time until one succeeds: a factory that should try again, or not for ever, says so itself
// (timeout()). A failure for which nobody waits any more is only counted.
#pragma once

#include <eddy/core/callable.hpp>
#include <eddy/core/internal/at_once.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/kit/internal/pool_place.hpp>
#include <eddy/kit/pool_options.hpp>

#include <concepts>
#include <optional>
#include <source_location>
#include <utility>

namespace eddy {

template <class R>
class Pool {
  using State = internal::PoolState<R>;
  using here = std::source_location;

  class AcquireVerb {
   public:
    using value_type = typename State::Guard;
    AcquireVerb(internal::Counted<State> state, std::source_location where) noexcept
        : state_(std::move(state)), where_(where) {}
    bool ready() const noexcept { return state_->lends_at_once(); }
    value_type now() { return State::lend(std::move(state_)); }
    Task<value_type> task() { return named(State::acquire(std::move(state_)), where_); }

   private:
    internal::Counted<State> state_;
    std::source_location where_;  // for messages: Pool::acquire()
  };

  template <class T>
  static Task<T> named(Task<T> task, std::source_location verb) noexcept {
    task.set_where(verb);
    return task;
  }

 public:
  // Gives the resource back when it dies, unless that was done before: release(), discard(). It may
  // outlive the pool.
  using Guard = typename State::Guard;
  using Acquire = internal::AtOnce<AcquireVerb>;

  // Makes nothing yet. `factory` is kept, and called for each resource: () -> Task<R>.
  template <class F>
    requires Body<std::decay_t<F>> && std::same_as<BodyValue<std::decay_t<F>>, R>
  explicit Pool(F&& factory, PoolOptions options = {})
      : state_(new State(std::forward<F>(factory), options)) {
    EDDY_CHECK_KEPT(F);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // As terminate(). What the factory and the others refer to must outlive the tasks that call
  // them: close() waits for those.
  ~Pool() { state_->shut(); }

  // Asked before a resource is lent that was idle for `check_after`: (R&) -> Task<bool>. False or a
  // failure: it is discarded, and a new one made in its place.
  template <class F>
    requires Body<std::decay_t<F>, R&>
  void on_check(F&& check) {
    EDDY_CHECK_KEPT(F);
    state_->set_check(std::forward<F>(check));
  }
  // Run on each resource that is given back, before anybody gets it: (R&) -> Task<>. In a task of
  // its own, which a cancel of the borrower does not reach. Discarded: one of which it fails, or
  // takes longer than `reset_limit`.
  template <class F>
    requires Body<std::decay_t<F>, R&>
  void on_reset(F&& reset) {
    EDDY_CHECK_KEPT(F);
    state_->set_reset(std::forward<F>(reset));
  }

  // A resource. Cancelled: none is taken; one that was just being checked is discarded. Throws what
  // the factory throws; UsageError when the pool is closed, Error (ECANCELED) when it is closed
  // meanwhile, Error (EAGAIN) when too many wait. No allocation for one that is idle. ∅
  Acquire acquire() noexcept { return acquire(here::current()); }
  // The same, called so in messages: for who wraps a pool.
  Acquire acquire(std::source_location verb) noexcept { return Acquire(state_, verb); }
  // The same, or TimeoutError.
  auto acquire(AnyDuration limit) { return timeout(limit, acquire()); }
  // One that is idle and need not be checked; or none.
  std::optional<Guard> try_acquire() noexcept {
    if (!state_->lends_at_once()) return std::nullopt;
    return State::lend(state_);
  }

  // Makes resources until there are `min`. Throws what the factory throws.
  Task<> fill() { return named(State::fill(state_), here::current()); }

  // Ends what is idle and being made, refuses who waits, and resumes when all that was lent is
  // given back. Cancelled: the pool is closed all the same. Idempotent; to wait no longer than so:
  // timeout(5s, pool.close()).
  Task<> close() { return named(State::close(state_), here::current()); }

  // The same, and does not wait: what is lent ends when it is given back.
  void terminate() noexcept { state_->shut(); }

  PoolStats stats() const noexcept { return state_->stats(); }

 private:
  internal::Counted<State> state_;
};

}  // namespace eddy
