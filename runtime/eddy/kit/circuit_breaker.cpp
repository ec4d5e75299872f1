#include <eddy/kit/circuit_breaker.hpp>

#include <eddy/base/description.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <cerrno>
#include <string>

namespace eddy {
using namespace internal;

namespace {

bool is_share(double rate) noexcept { return rate >= 0 && rate <= 1; }

}  // namespace

CircuitOpen::CircuitOpen(std::string_view name, Duration left)
    : Error({EAGAIN, own_category()}, "call", name,
            left > Duration::zero()
                ? "the circuit is open, for " + to_text(left) + " more"
                : std::string("the circuit is half open, and another call is its trial")),
      left_(left) {}

namespace internal {

void CircuitPermit::succeeded() {
  if (const auto circuit = std::exchange(circuit_, nullptr)) circuit->succeed(*this);
}

void CircuitPermit::failed() {
  if (const auto circuit = std::exchange(circuit_, nullptr)) circuit->fail(*this);
}

void CircuitPermit::failed(const Failure& failure) {
  if (!circuit_) return;
  if (failure.is_cancelled()) return give_back();
  if (circuit_->answers && circuit_->answers(failure)) return succeeded();
  const auto& counts = circuit_->counts;
  if (counts ? counts(failure) : !is_mistake(failure)) return failed();
  give_back();
}

void CircuitPermit::give_back() noexcept {
  EDDY_ASSERT(circuit_);
  std::exchange(circuit_, nullptr)->give_back(generation_);
}

Circuit::Circuit(const CircuitBreakerOptions& options, Text name)
    : options_(options),
      name_(std::move(name)),
      window_(by_rate() ? options_.window.value() : 0),
      minimum_(std::max<std::size_t>(
          std::min(options_.minimum.value(), options_.window.value()), 1)) {
  if (options_.successes.value() == 0) throw UsageError("a circuit needs a success to close");
  if (!is_share(options_.failure_rate) || !is_share(options_.slow_rate)) {
    throw UsageError("a rate of a circuit is from 0 to 1");
  }
  if (by_rate() && options_.window.value() == 0) throw UsageError("a circuit judges by calls");
  if (options_.failures.value() == 0 && !by_rate()) {
    throw UsageError("a circuit opens after a failure, or more");
  }
}

CircuitState Circuit::state() const {
  const bool over = state_ == CircuitState::open && left() == Duration::zero();
  return over ? CircuitState::half_open : state_;
}

Duration Circuit::left() const {
  if (state_ != CircuitState::open) return Duration::zero();
  if (open_until_ == Instant::max()) return Duration::max();
  return std::max(time_left(open_until_, Loop::current().now()), Duration::zero());
}

std::optional<CircuitPermit> Circuit::try_enter() {
  if (state_ == CircuitState::open && left() == Duration::zero()) change(CircuitState::half_open);
  if (state_ == CircuitState::open || trying_) {
    ++statistics_.rejected;
    return std::nullopt;
  }
  trying_ = state_ == CircuitState::half_open;
  const Instant began = options_.slow_rate > 0 ? Loop::current().now() : Instant();
  return CircuitPermit(shared_from_this(), generation_, began);
}

Expected<CircuitPermit> Circuit::enter() {
  auto permit = try_enter();
  if (permit) [[likely]] return std::move(*permit);
  const auto rejected = std::make_exception_ptr(CircuitOpen(name_.view(), left()));
  return std::unexpected(Failure::from(rejected));
}

bool Circuit::is_of_now(std::uint64_t generation) noexcept {
  EDDY_ASSERT(generation <= generation_);
  if (generation == generation_) return true;
  ++statistics_.uncounted;
  return false;
}

bool Circuit::took_long(const CircuitPermit& permit) {
  if (options_.slow_rate <= 0) return false;
  const bool slow = time_left(Loop::current().now(), permit.began_) > Duration(options_.slow_after);
  statistics_.slow += slow;
  return slow;
}

// Of the last calls, this one included.
bool Circuit::too_many(bool failed, bool slow) noexcept {
  if (!by_rate()) [[likely]] return false;
  window_.add(failed, slow);
  if (window_.calls() < minimum_) return false;
  return (options_.failure_rate > 0 && window_.failure_rate() >= options_.failure_rate) ||
         (options_.slow_rate > 0 && window_.slow_rate() >= options_.slow_rate);
}

void Circuit::succeed(const CircuitPermit& permit) {
  if (!is_of_now(permit.generation_)) return;
  EDDY_ASSERT(state_ != CircuitState::open);
  ++statistics_.succeeded;
  const bool slow = took_long(permit);
  if (state_ == CircuitState::closed) {
    in_a_row_ = 0;
    if (too_many(false, slow)) change(CircuitState::open);
    return;
  }
  EDDY_ASSERT(trying_);
  trying_ = false;
  if (slow) return change(CircuitState::open);
  if (++in_a_row_ >= options_.successes.value()) change(CircuitState::closed);
}

void Circuit::fail(const CircuitPermit& permit) {
  if (!is_of_now(permit.generation_)) return;
  EDDY_ASSERT(state_ != CircuitState::open);
  EDDY_ASSERT(trying_ == (state_ == CircuitState::half_open));
  ++statistics_.failed;
  const bool slow = took_long(permit);
  if (state_ == CircuitState::closed) {
    const bool many = too_many(true, slow);
    if (++in_a_row_ != options_.failures.value() && !many) return;
  }
  change(CircuitState::open);
}

void Circuit::give_back(std::uint64_t generation) noexcept {
  ++statistics_.uncounted;
  if (generation == generation_) trying_ = false;
}

void Circuit::change(CircuitState to) {
  if (to == CircuitState::open) {
    open_until_ = later(Loop::current().now(), std::max(Duration(options_.open_for), Duration{}));
    ++statistics_.opened;
  }
  const CircuitState from = std::exchange(state_, to);
  in_a_row_ = 0;
  window_.clear();
  trying_ = false;
  ++generation_;
  if (changed && from != to) changed(from, to);
}

}  // namespace internal

}  // namespace eddy
