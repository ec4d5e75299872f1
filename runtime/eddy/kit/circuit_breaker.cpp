#include <eddy/kit/circuit_breaker.hpp>

#include <eddy/base/description.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <cerrno>
#include <string>

namespace eddy {
using namespace internal;

CircuitOpen::CircuitOpen(std::string_view name, Duration left)
    : Error({EAGAIN, own_category()}, "call", name,
            left > Duration::zero()
                ? "the circuit is open, for " + to_text(left) + " more"
                : std::string("the circuit is half open, and another call is its trial")),
      left_(left) {}

namespace internal {

void CircuitPermit::succeeded() {
  if (const auto circuit = std::exchange(circuit_, nullptr)) circuit->succeed(generation_);
}

void CircuitPermit::failed() {
  if (const auto circuit = std::exchange(circuit_, nullptr)) circuit->fail(generation_);
}

void CircuitPermit::failed(const Failure& failure) {
  if (!circuit_) return;
  if (failure.is_cancelled()) return give_back();
  const auto& counts = circuit_->counts;
  if (!counts && is_mistake(failure)) return give_back();
  if (!counts || counts(failure)) return failed();
  succeeded();
}

void CircuitPermit::give_back() noexcept {
  EDDY_ASSERT(circuit_);
  std::exchange(circuit_, nullptr)->give_back(generation_);
}

Circuit::Circuit(const CircuitBreakerOptions& options, Text name)
    : options_(options), name_(std::move(name)) {
  if (options_.failures.value() == 0) throw UsageError("a circuit opens after a failure, or more");
  if (options_.successes.value() == 0) throw UsageError("a circuit needs a success to close");
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
  return CircuitPermit(shared_from_this(), generation_);
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

void Circuit::succeed(std::uint64_t generation) {
  if (!is_of_now(generation)) return;
  EDDY_ASSERT(state_ != CircuitState::open);
  ++statistics_.succeeded;
  if (state_ == CircuitState::closed) {
    in_a_row_ = 0;
    return;
  }
  EDDY_ASSERT(trying_);
  trying_ = false;
  if (++in_a_row_ >= options_.successes.value()) change(CircuitState::closed);
}

void Circuit::fail(std::uint64_t generation) {
  if (!is_of_now(generation)) return;
  EDDY_ASSERT(state_ != CircuitState::open);
  EDDY_ASSERT(trying_ == (state_ == CircuitState::half_open));
  ++statistics_.failed;
  if (state_ == CircuitState::closed && ++in_a_row_ < options_.failures.value()) return;
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
  trying_ = false;
  ++generation_;
  if (changed && from != to) changed(from, to);
}

}  // namespace internal

}  // namespace eddy
