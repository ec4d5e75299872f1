// CircuitBreaker: spares a server that fails, and those who would wait for it.
//
//   CircuitBreaker payments({.failures = 3, .open_for = 10s}, "payments");
//   auto receipt = co_await payments.call([&] { return timeout(2s, pay(order)); });
//
//   closed      calls pass. So many failures in a row, and it opens; a success begins anew. So it
//               does where too many of the last calls failed, or were slow, if that is asked for.
//   open        calls fail at once with CircuitOpen, for `open_for`; then it is half open.
//   half open   one call at a time passes, as a trial. A success closes it, or so many in a row; a
//               failure opens it again. Who comes meanwhile fails at once. A slow success is a
//               failure here, where slow ones are asked for.
//
// A call that is cancelled says nothing about the server: it gives its place back and is not
// counted. So a limit of time belongs inside, as above: then its TimeoutError is a failure.
//
// What ends after the breaker has changed its state says nothing about the new one, and is not
// counted either: a slow failure from before does not end a trial.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/count.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/kit/internal/attempt.hpp>
#include <eddy/kit/internal/circuit_window.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace eddy {

enum class CircuitState : std::uint8_t { closed, open, half_open };

// Trivially copyable.
struct CircuitBreakerOptions {
  internal::Count failures = 5;                     // in a row, that open it; 0: only a rate does
  AnyDuration open_for = std::chrono::seconds(60);  // before a trial; Duration::max(): for good
  internal::Count successes = 1;                    // in a row, half open, that close it
  // Shares of the last `window` calls, as 0.5, that open it where they are reached; 0: none does.
  // Of those since it closed, and not judged before there are `minimum`, or as many as fit.
  double failure_rate = 0;
  double slow_rate = 0;
  AnyDuration slow_after = std::chrono::seconds(60);  // a call that takes longer is slow
  internal::Count window = 100;
  internal::Count minimum = 100;
};

struct CircuitStatistics {
  std::size_t succeeded = 0;
  std::size_t failed = 0;
  std::size_t rejected = 0;
  std::size_t slow = 0;       // of the first two, where a rate of them is asked for
  // Cancelled, failed with what says nothing, or ended in another state than they began in.
  std::size_t uncounted = 0;
  std::size_t opened = 0;     // how often
};

// A call was not made. `code()` is EAGAIN. what() is one of
//   call 'payments': the circuit is open, for 8s more
//   call 'payments': the circuit is half open, and another call is its trial
class CircuitOpen : public Error {
 public:
  CircuitOpen(std::string_view name, Duration left);
  // Before there may be a trial; zero when another call is the trial.
  Duration left() const noexcept { return left_; }

 private:
  Duration left_;
};

namespace internal {

class Circuit;

// Leave to make one call.
class [[nodiscard]] CircuitPermit {
 public:
  CircuitPermit(CircuitPermit&&) noexcept = default;
  CircuitPermit& operator=(CircuitPermit&& other) noexcept {
    std::swap(circuit_, other.circuit_);
    std::swap(generation_, other.generation_);
    std::swap(began_, other.began_);
    return *this;
  }
  ~CircuitPermit() { if (circuit_) give_back(); }

  // How the call ended: the first that is said counts.
  void succeeded();
  void failed();
  // ... as its failure says; see CircuitBreaker::count_if(). A Cancelled says nothing.
  void failed(const Failure& failure);

 private:
  friend class Circuit;
  CircuitPermit(std::shared_ptr<Circuit> circuit, std::uint64_t generation, Instant began) noexcept
      : circuit_(std::move(circuit)), generation_(generation), began_(began) {}
  void give_back() noexcept;

  std::shared_ptr<Circuit> circuit_;
  std::uint64_t generation_;
  Instant began_;  // where it matters how long it takes
};

// The state, which the calls that are on their way share with the breaker: it may go before them.
class Circuit : public std::enable_shared_from_this<Circuit> {
 public:
  Circuit(const CircuitBreakerOptions& options, Text name);

  std::optional<CircuitPermit> try_enter();
  Expected<CircuitPermit> enter();
  void trip() { change(CircuitState::open); }
  void reset() { change(CircuitState::closed); }

  CircuitState state() const;
  Duration left() const;
  const CircuitStatistics& statistics() const noexcept { return statistics_; }
  // Null: not enough calls for a judgement.
  const CircuitWindow* judged() const noexcept {
    return by_rate() && window_.calls() >= minimum_ ? &window_ : nullptr;
  }

  std::function<bool(const Failure&)> counts;
  std::function<bool(const Failure&)> answers;
  std::function<void(CircuitState, CircuitState)> changed;

 private:
  friend class CircuitPermit;
  void succeed(const CircuitPermit& permit);
  void fail(const CircuitPermit& permit);
  void give_back(std::uint64_t generation) noexcept;
  bool is_of_now(std::uint64_t generation) noexcept;
  bool by_rate() const noexcept { return options_.failure_rate > 0 || options_.slow_rate > 0; }
  bool took_long(const CircuitPermit& permit);
  bool too_many(bool failed, bool slow) noexcept;
  void change(CircuitState to);

  CircuitBreakerOptions options_;
  Text name_;
  CircuitState state_ = CircuitState::closed;
  bool trying_ = false;           // half open: a trial is on its way
  std::size_t in_a_row_ = 0;      // failures while closed, successes while half open
  std::uint64_t generation_ = 0;  // changes of the state
  Instant open_until_{};
  CircuitStatistics statistics_;
  CircuitWindow window_;
  std::size_t minimum_;
};

template <Factory F, class P>
Task<FactoryValue<F>> call_through(std::shared_ptr<Circuit> circuit, F factory, P unwanted) {
  auto permit = circuit->enter();
  if (!permit) co_await fail(std::move(permit.error()));
  auto outcome = co_await as_outcome(Attempt<F>(factory));
  if (!outcome) {
    permit->failed(outcome.error());
    co_await fail(std::move(outcome.error()));
  }
  if (is_unwanted(unwanted, outcome)) {
    permit->failed();
  } else {
    permit->succeeded();
  }
  if constexpr (!std::is_void_v<FactoryValue<F>>) {
    co_return static_cast<FactoryValue<F>&&>(*outcome);
  }
}

}  // namespace internal

class CircuitBreaker {
 public:
  using Permit = internal::CircuitPermit;

  // Throws UsageError for no successes, for no failures where no rate opens it, for a rate that is
  // no share, and for a window of none.
  explicit CircuitBreaker(const CircuitBreakerOptions& options = {}, Text name = {})
      : circuit_(std::make_shared<internal::Circuit>(options, std::move(name))) {}
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Calls the factory, if that may be now, and passes on what comes of it. The factory is not
  // called, and nothing is made for it, where not: that fails with CircuitOpen. It is kept until
  // the call ends, which may be after the breaker has gone. No allocation of its own but for that.
  template <class F>
    requires internal::Factory<std::decay_t<F>>
  Task<internal::FactoryValue<std::decay_t<F>>> call(F&& factory) {
    EDDY_CHECK_KEPT(F);
    return internal::call_through<std::decay_t<F>, internal::AnyValue>(
        circuit_, std::forward<F>(factory), {});
  }
  // The same, and a value for which `unwanted` is true counts as a failure. It is passed on.
  template <class F, class P>
    requires internal::Factory<std::decay_t<F>> &&
             internal::Judge<std::decay_t<P>, std::decay_t<F>>
  Task<internal::FactoryValue<std::decay_t<F>>> call(F&& factory, P&& unwanted) {
    EDDY_CHECK_KEPT(F, P);
    return internal::call_through<std::decay_t<F>, std::decay_t<P>>(
        circuit_, std::forward<F>(factory), std::forward<P>(unwanted));
  }

  // For what is no factory: leave to make one call, which is told how that ended, and gives its
  // place back when it dies untold. None, or CircuitOpen, when there is none. Neither waits.
  std::optional<Permit> try_enter() { return circuit_->try_enter(); }
  Permit enter() { return internal::value_or_raise<Permit>(circuit_->enter()); }

  // Which failures count: those for which `predicate` is true, or of one of these types. Any other
  // says nothing: it counts neither as a failure nor as a success, and a trial that ends so gives
  // its place back. Without this all count but a UsageError.
  template <class P>
    requires std::predicate<const std::decay_t<P>&, const Failure&>
  CircuitBreaker& count_if(P&& predicate) {
    EDDY_CHECK_KEPT(P);
    circuit_->counts = std::forward<P>(predicate);
    return *this;
  }
  template <class E, class... Es>
  CircuitBreaker& count_if() { return count_if(&internal::is_failure_of_any<E, Es...>); }

  // Which failures are answers, and count as a success: "no such page" shows that the server is
  // well. These are asked for first.
  template <class P>
    requires std::predicate<const std::decay_t<P>&, const Failure&>
  CircuitBreaker& answer_if(P&& predicate) {
    EDDY_CHECK_KEPT(P);
    circuit_->answers = std::forward<P>(predicate);
    return *this;
  }
  template <class E, class... Es>
  CircuitBreaker& answer_if() { return answer_if(&internal::is_failure_of_any<E, Es...>); }

  // Called with what it was and what it is at each change, which is made by then. What it throws
  // comes out of the call that made it.
  template <std::invocable<CircuitState, CircuitState> F>
  CircuitBreaker& on_change(F&& callback) {
    EDDY_CHECK_KEPT(F);
    circuit_->changed = std::forward<F>(callback);
    return *this;
  }

  // By hand: opens it, for `open_for` from now; closes it.
  void trip() { circuit_->trip(); }
  void reset() { circuit_->reset(); }

  // What a call would find now, on the clock of the running loop.
  CircuitState state() const { return circuit_->state(); }
  // While open: how long it stays so; else zero.
  Duration left() const { return circuit_->left(); }
  const CircuitStatistics& statistics() const noexcept { return circuit_->statistics(); }
  // Of the last calls; none before there are enough of them for a judgement.
  std::optional<double> failure_rate() const noexcept {
    const auto* window = circuit_->judged();
    return window ? std::optional(window->failure_rate()) : std::nullopt;
  }
  std::optional<double> slow_rate() const noexcept {
    const auto* window = circuit_->judged();
    return window ? std::optional(window->slow_rate()) : std::nullopt;
  }

 private:
  std::shared_ptr<internal::Circuit> circuit_;
};

}  // namespace eddy
