// timeout, timeout_at, wait_for: the task itself is cancelled at the deadline, and the cancellation
// becomes a TimeoutError where the scope ends (rules T1 to T9, W1 to W7).
//
// No task and no frame of their own: a timer in the awaiting frame. Scopes nest; each converts only
// its own cancellation, found by the task's count of requests at entry. A foreign cancellation
// wins. A body that never suspends is never interrupted. No allocation.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/loop.hpp>

#include <optional>

namespace eddy {

namespace internal {

template <Settles A> class TimeoutScope;
template <class F, class T> class TimeoutBody;

// What is said to have timed out.
template <class A>
AwaitedName awaited_by(const A& awaiter) noexcept {
  if constexpr (requires { awaiter.awaited(); }) {
    return awaiter.awaited();
  } else {
    return {signature_of<A>()};
  }
}

}  // namespace internal

class Timeout : private internal::Timer {
 public:
  // When the scope expires, or would have: also once it has ended. No value is never. Before it was
  // entered: no value.
  std::optional<Instant> when() const {
    return deadline_ == Instant::max() ? std::nullopt : std::optional(deadline_);
  }

  // Moves the deadline, or takes it away. A deadline that has passed cancels in the next turn.
  // Throws UsageError outside of the scope, and once it has expired.
  void reschedule(std::optional<AnyInstant> deadline);

  // True once the deadline has passed, also if the body ended otherwise.
  bool expired() const noexcept { return state_ >= State::expiring; }

 private:
  template <internal::Settles> friend class internal::TimeoutScope;
  template <class, class> friend class internal::TimeoutBody;

  // moved: active, with another deadline than at first; and what it expires as.
  enum class State : std::uint8_t {
    created, active, moved, finished, expiring, moved_expiring, expired
  };

  Timeout() noexcept : Timer(&fire) {}
  // A scope may move until it is entered.
  Timeout(const Timeout& other) noexcept : Timeout() {
    EDDY_ASSERT(other.state_ == State::created);
  }
  ~Timeout() { disarm(); }

  void enter(Instant deadline);
  void arm(Instant deadline);
  void disarm() noexcept { if (armed()) task_->loop().timers().cancel(*this); }
  // Ends the scope. True: the deadline passed, and no cancellation but ours is left in the task.
  bool leave() noexcept;
  // Ends the scope around `inner`.
  template <internal::Settles A>
  Expected<internal::Held<typename A::value_type>> end(A& inner, Duration length) {
    if (expired()) [[unlikely]] return convert(inner, length);
    auto outcome = internal::settle(inner);
    leave();
    return outcome;
  }
  // The same when the deadline has passed. T3: our cancellation becomes a TimeoutError; a value or
  // another failure stays what it is.
  template <internal::Settles A>
  [[gnu::noinline]] Expected<internal::Held<typename A::value_type>> convert(A& inner,
                                                                             Duration length) {
    EDDY_ASSERT(expired());
    internal::AwaitedName awaited = internal::awaited_by(inner);  // while it is there
    if (state_ == State::moved_expiring) length = Failure::at_deadline;
    auto outcome = internal::settle(inner);
    if (!leave() || outcome || !outcome.error().is_cancelled()) return outcome;
    return std::unexpected(Failure::timed_out(std::move(awaited), length));
  }
  static void fire(internal::Timer& timer);

  internal::TaskState* task_ = nullptr;
  Instant deadline_ = Instant::max();  // never
  unsigned baseline_ = 0;  // T6: requests that were delivered before us
  State state_ = State::created;
};

namespace internal {

// When a timeout ends: so long after it was entered, at an instant, or never.
class Limit {
 public:
  explicit Limit(AnyDuration length) noexcept : length_(length) {}
  explicit Limit(std::optional<AnyInstant> at) noexcept : at_(at), absolute_(true) {}
  Instant deadline() const {
    if (absolute_) return at_.value_or(Instant::max());
    return Loop::current().rough_deadline_after(length_);
  }
  // For messages.
  Duration length() const noexcept { return absolute_ ? Failure::at_deadline : length_; }

 private:
  Duration length_{};
  std::optional<Instant> at_;
  bool absolute_ = false;
};

template <Settles A>
class [[nodiscard]] TimeoutScope {
 public:
  using value_type = typename A::value_type;

  TimeoutScope(Limit limit, A inner) : limit_(limit), inner_(std::move(inner)) {}

  bool await_ready() { return inner_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> frame) {
    scope_.enter(limit_.deadline());
    return suspend(inner_, frame);
  }
  value_type await_resume() {
    scope_.disarm();
    if (!scope_.expired()) [[likely]] return inner_.await_resume();
    auto outcome = scope_.convert(inner_, limit_.length());
    if (!outcome) outcome.error().raise();
    if constexpr (!std::is_void_v<value_type>) return std::move(*outcome);
  }
  // The inner outcome comes first: what was given in the turn of the deadline is handed on (C4).
  Expected<Held<value_type>> await_outcome() {
    scope_.disarm();
    if (!scope_.expired()) [[likely]] return inner_.await_outcome();
    return scope_.convert(inner_, limit_.length());
  }
  AwaitedName awaited() const noexcept { return awaited_by(inner_); }
  void drop_unrun() noexcept { internal::drop_unrun(inner_); }

 protected:
  // The inner outcome as it is; `cut`: it is the cancellation that the deadline brought about.
  Expected<Held<value_type>> end(bool& cut) {
    scope_.disarm();
    auto outcome = settle(inner_);
    const bool ours = scope_.expired() && scope_.leave();
    cut = ours && !outcome && outcome.error().is_cancelled();
    return outcome;
  }
  A& inner() noexcept { return inner_; }
  const Limit& limit() const noexcept { return limit_; }

 private:
  Limit limit_;
  Timeout scope_;
  A inner_;
};

// The same around a body that is given the scope.
template <class F, class T>
class [[nodiscard]] TimeoutBody : public Raises<TimeoutBody<F, T>, T> {
 public:
  template <class G>
  TimeoutBody(Limit limit, G&& body) : limit_(limit), body_(std::forward<G>(body)) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> frame) {
    scope_.enter(limit_.deadline());
    task_.emplace(std::invoke(body_, scope_));
    return !task_->await_ready() && task_->await_suspend(frame);
  }
  Expected<Held<T>> await_outcome() { return scope_.end(*task_, limit_.length()); }

 private:
  Limit limit_;
  F body_;
  Timeout scope_;
  std::optional<Task<T>> task_;
};

}  // namespace internal

// co_await timeout(5s, awaitable): the awaitable's value, or TimeoutError after `length`. Waits
// until what was cancelled has ended; if it ended with a value all the same, that is the result.
template <Awaitable A>
auto timeout(AnyDuration length, A&& awaitable) {
  return internal::TimeoutScope<internal::AwaiterOf<A>>(
      internal::Limit(length), internal::awaiter_of(std::forward<A>(awaitable)));
}
template <Awaitable A>
auto timeout_at(std::optional<AnyInstant> deadline, A&& awaitable) {
  return internal::TimeoutScope<internal::AwaiterOf<A>>(
      internal::Limit(deadline), internal::awaiter_of(std::forward<A>(awaitable)));
}

// co_await timeout(5s, [&](Timeout& t) -> Task<int> { ... t.reschedule(...) ... })
template <class F>
  requires Body<std::decay_t<F>, Timeout&>
auto timeout(AnyDuration length, F&& body) {
  EDDY_CHECK_KEPT(F);
  using Stored = std::decay_t<F>;
  return internal::TimeoutBody<Stored, BodyValue<Stored, Timeout&>>(internal::Limit(length),
                                                                    std::forward<F>(body));
}
template <class F>
  requires Body<std::decay_t<F>, Timeout&>
auto timeout_at(std::optional<AnyInstant> deadline, F&& body) {
  EDDY_CHECK_KEPT(F);
  using Stored = std::decay_t<F>;
  return internal::TimeoutBody<Stored, BodyValue<Stored, Timeout&>>(internal::Limit(deadline),
                                                                    std::forward<F>(body));
}

namespace internal {

// W2: no time at all. A task is not even started; a handle gives its value if it is done, and is
// cancelled and waited for if not.
template <Settles A>
class [[nodiscard]] WaitFor : public TimeoutScope<A> {
 public:
  using typename TimeoutScope<A>::value_type;
  WaitFor(Limit limit, bool expired, A inner)
      : TimeoutScope<A>(limit, std::move(inner)), expired_(expired) {}

  bool await_ready() {
    if (!never_starts()) return TimeoutScope<A>::await_ready();
    if constexpr (may_stay_unrun) this->inner().require_unrun("co_await");
    return true;
  }
  value_type await_resume() {
    if (never_starts()) not_started().raise();
    return TimeoutScope<A>::await_resume();
  }
  Expected<Held<value_type>> await_outcome() {
    if (never_starts()) return std::unexpected(not_started());
    return TimeoutScope<A>::await_outcome();
  }

 private:
  // A task, or what becomes one.
  static constexpr bool may_stay_unrun = requires(A& inner) { inner.discard(); };
  bool never_starts() const noexcept { return expired_ && may_stay_unrun; }

  Failure not_started() noexcept {
    AwaitedName awaited = awaited_by(this->inner());
    if constexpr (may_stay_unrun) this->inner().discard();  // on purpose: not reported
    return Failure::timed_out(std::move(awaited), this->limit().length());
  }

  bool expired_;
};

}  // namespace internal

// asyncio.wait_for: timeout() with the awaitable first; without a length it only awaits.
template <Awaitable A>
auto wait_for(A&& awaitable, std::optional<AnyDuration> length) {
  const bool expired = length && Duration(*length) <= Duration::zero();
  const internal::Limit limit = length ? internal::Limit(*length) : internal::Limit(std::nullopt);
  return internal::WaitFor<internal::AwaiterOf<A>>(
      limit, expired, internal::awaiter_of(std::forward<A>(awaitable)));
}

}  // namespace eddy
