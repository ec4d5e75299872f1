#include <eddy/kit/retry_wait.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>

#include <algorithm>
#include <cmath>

namespace eddy {
using namespace internal;

std::uint64_t RetryChance::any_seed() noexcept {
  std::uint64_t bits = 0;
  if (sys::getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits) return bits;
  // The pool is not ready so early, or a filter refuses the call: no secret hangs on it.
  const auto now = static_cast<std::uint64_t>(sys::now().time_since_epoch().count());
  return now ^ reinterpret_cast<std::uintptr_t>(&bits);
}

std::uint64_t RetryChance::bits() noexcept {
  std::uint64_t bits = (state_ += 0x9e3779b97f4a7c15);
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

Duration RetryChance::between(Duration least, Duration most) noexcept {
  EDDY_ASSERT(least >= Duration::zero());
  if (most <= least) return least;
  __extension__ using Wide = unsigned __int128;
  const auto choices = static_cast<std::uint64_t>((most - least).count()) + 1;
  const auto chosen = static_cast<std::uint64_t>((Wide(bits()) * choices) >> 64);
  EDDY_ASSERT(chosen < choices);
  return least + Duration(static_cast<Duration::rep>(chosen));
}

RetryWait::RetryWait(Kind kind, AnyDuration first, RetryLimits limits, AnyDuration jitter)
    : kind_(kind),
      base_(limits.base),
      first_(std::max(Duration(first), Duration::zero())),
      min_(std::max(Duration(limits.min), Duration::zero())),
      max_(std::max(Duration(limits.max), Duration::zero())),
      jitter_(std::max(Duration(jitter), Duration::zero())) {
  if (!(base_ >= 0)) [[unlikely]] throw UsageError("the base of a wait must be 0 or more");
}

Duration RetryWait::limited(Duration length) const noexcept {
  return std::max(min_, std::min(length, max_));
}

Duration RetryWait::grown(std::size_t attempts) const noexcept {
  EDDY_ASSERT(attempts > 0);
  if (first_ == Duration::zero() || base_ == 1) return first_;
  const double power = std::pow(base_, static_cast<double>(attempts - 1));
  const double length = static_cast<double>(first_.count()) * power;
  // 2^63 where the longest is 2^63 - 1, so that what is below fits.
  if (!(length < static_cast<double>(Duration::max().count()))) return Duration::max();
  return Duration(static_cast<Duration::rep>(length));
}

Duration RetryWait::added_up(std::size_t attempts) const noexcept {
  EDDY_ASSERT(attempts > 0);
  __extension__ using Wide = __int128;
  const Wide length = first_.count() + Wide(jitter_.count()) * Wide(attempts - 1);
  if (length > Duration::max().count()) return Duration::max();
  return length < 0 ? Duration::zero() : Duration(static_cast<Duration::rep>(length));
}

Duration RetryWait::after(std::size_t attempts, Duration previous,
                          RetryChance& chance) const noexcept {
  switch (kind_) {
    case Kind::incrementing:
      return limited(added_up(attempts));
    case Kind::random:
      return chance.between(min_, max_);
    case Kind::full_jitter:
      return chance.between(min_, limited(grown(attempts)));
    case Kind::decorrelated: {
      const Duration before = std::max(previous, min_);
      const Duration most = before > Duration::max() / 3 ? Duration::max() : 3 * before;
      return std::min(max_, chance.between(min_, most));
    }
    case Kind::exponential:
      break;
  }
  const Duration more = chance.between(Duration::zero(), jitter_);
  const Duration length = grown(attempts);
  return limited(length > Duration::max() - more ? Duration::max() : length + more);
}

RetryWait wait_fixed(AnyDuration length) {
  return {RetryWait::Kind::exponential, length, {.base = 1}};
}

RetryWait wait_random(AnyDuration min, AnyDuration max) {
  return {RetryWait::Kind::random, {}, {.min = min, .max = max}};
}

RetryWait wait_incrementing(AnyDuration start, AnyDuration increment, AnyDuration max) {
  RetryWait wait(RetryWait::Kind::incrementing, start, {.max = max});
  wait.jitter_ = increment;
  return wait;
}

RetryWait wait_exponential(AnyDuration multiplier, RetryLimits limits) {
  return {RetryWait::Kind::exponential, multiplier, limits};
}

RetryWait wait_exponential_jitter(AnyDuration multiplier, RetryLimits limits, AnyDuration jitter) {
  return {RetryWait::Kind::exponential, multiplier, limits, jitter};
}

RetryWait wait_random_exponential(AnyDuration multiplier, RetryLimits limits) {
  return {RetryWait::Kind::full_jitter, multiplier, limits};
}

RetryWait wait_decorrelated(AnyDuration min, AnyDuration max) {
  return {RetryWait::Kind::decorrelated, {}, {.min = min, .max = max}};
}

const RetryWaits::Sum& RetryWaits::link(std::size_t attempts) const noexcept {
  EDDY_ASSERT(attempts > 0);
  EDDY_ASSERT(!links_.empty());
  return links_[std::min(attempts, links_.size()) - 1];
}

Duration RetryWaits::after(std::size_t attempts, Duration previous,
                           RetryChance& chance) const noexcept {
  Duration length{};
  for (const RetryWait& wait : link(attempts)) {
    length += std::min(wait.after(attempts, previous, chance), Duration::max() - length);
  }
  return length;
}

bool RetryWaits::by_chance() const noexcept {
  return std::ranges::any_of(links_, [](const Sum& sum) {
    return std::ranges::any_of(sum, &RetryWait::by_chance);
  });
}

RetryWaits operator+(const RetryWaits& one, const RetryWaits& other) {
  RetryWaits sum = one;
  sum.links_.resize(std::max(one.links_.size(), other.links_.size()), one.links_.back());
  for (std::size_t i = 0; i < sum.links_.size(); ++i) {
    const auto& more = other.link(i + 1);
    sum.links_[i].insert(sum.links_[i].end(), more.begin(), more.end());
  }
  return sum;
}

RetryWaits wait_chain(const std::vector<RetryWaits>& waits) {
  if (waits.empty()) throw UsageError("a chain of no waits");
  std::size_t length = waits.size();
  for (const RetryWaits& each : waits) length = std::max(length, each.links_.size());
  RetryWaits chain = waits.front();
  chain.links_.clear();
  for (std::size_t attempts = 1; attempts <= length; ++attempts) {
    chain.links_.push_back(waits[std::min(attempts, waits.size()) - 1].link(attempts));
  }
  return chain;
}

}  // namespace eddy
