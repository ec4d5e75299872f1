#include <eddy/kit/retry.hpp>

#include <eddy/base/description.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/core/loop.hpp>

#include <algorithm>
#include <string>

namespace eddy {
using namespace internal;

namespace {

std::string said_after(std::size_t attempts, const std::exception_ptr& last) {
  std::string said = "retry: gave up after " + std::to_string(attempts);
  said += attempts == 1 ? " attempt: " : " attempts: ";
  return said + (last ? to_text(last) : "its value is not what was wanted");
}

enum class Verdict { again, mistake, neither };

// Of what no policy is asked about, or only one that asks for it. An exception that is none yet is
// not made for that.
Verdict verdict_on(const Failure& failure) {
  if (failure.is_error()) return Verdict::neither;
  try {
    failure.raise();
  } catch (const TryAgain&) {
    return Verdict::again;
  } catch (const UsageError&) {
    return Verdict::mistake;
  } catch (...) {
    return Verdict::neither;
  }
}

// Of a TryAgain: what it was thrown for, or itself.
std::exception_ptr reason_of(const Failure& failure) {
  try {
    failure.raise();
  } catch (const TryAgain& again) {
    return again.cause() ? again.cause() : std::current_exception();
  }
}

}  // namespace

RetryError::RetryError(std::size_t attempts, std::exception_ptr last)
    : std::runtime_error(said_after(attempts, last)), attempts_(attempts), last_(std::move(last)) {}

StopAfterAttempt::StopAfterAttempt(Count attempts) : attempts_(attempts.value()) {
  if (attempts_ == 0) throw UsageError("a retry makes one attempt at the least");
}

RetryPolicy& RetryPolicy::stop_after_attempt(Count attempts) {
  if (attempts.value() == 0) throw UsageError("a retry makes one attempt at the least");
  attempts_ = attempts.value();
  return *this;
}

RetryPolicy& RetryPolicy::stop_after_delay(AnyDuration since_the_first) {
  stop_after_ = since_the_first;
  return *this;
}

RetryPolicy& RetryPolicy::stop_before_delay(AnyDuration since_the_first) {
  stop_before_ = since_the_first;
  return *this;
}

RetryPolicy& RetryPolicy::wait(RetryWaits waits) {
  set<RetryWaits>(&Hooks::waits, std::make_shared<const RetryWaits>(std::move(waits)));
  flags_.joined = true;
  return *this;
}

template <class Hook>
void RetryRun::tell(Hook hook) const {
  if (const auto* told = policy_.hook(hook)) (*told)(state_);
}

void RetryRun::begin() {
  const Instant now = Loop::current().now();
  if (state_.attempt == 0) started_ = now;
  if (RetryStatistics* sums = policy_.sums()) {
    if (state_.attempt == 0) ++sums->calls;
    ++sums->attempts;
  }
  ++state_.attempt;
  state_.elapsed = time_left(now, started_);
  state_.failure = nullptr;
  tell(&RetryPolicy::Hooks::before);
}

bool RetryRun::again(bool succeeded, const Failure* failure) {
  EDDY_ASSERT(state_.attempt > 0);
  EDDY_ASSERT(!given_up_);
  EDDY_ASSERT(!failure || !failure->is_cancelled());
  if (succeeded && !policy_.hooks_) [[likely]] return end(&RetryStatistics::succeeded);
  state_.failure = failure;
  state_.elapsed = time_left(Loop::current().now(), started_);
  tell(&RetryPolicy::Hooks::after);
  if (succeeded) return end(&RetryStatistics::succeeded);
  if (!is_worth_another(failure)) return end(&RetryStatistics::passed_on);
  given_up_ = !has_time_for_another();
  if (given_up_) return end(&RetryStatistics::given_up);
  tell(&RetryPolicy::Hooks::before_sleep);
  state_.failure = nullptr;
  state_.idle += std::min(state_.next_wait, Duration::max() - state_.idle);
  if (RetryStatistics* sums = policy_.sums()) {
    sums->idle += std::min(state_.next_wait, Duration::max() - sums->idle);
  }
  return true;
}

bool RetryRun::end(std::size_t RetryStatistics::*how) {
  if (RetryStatistics* sums = policy_.sums()) ++(sums->*how);
  return false;
}

bool RetryRun::is_worth_another(const Failure* failure) {
  asked_again_ = false;
  if (policy_.flags_.disabled) return false;
  if (!failure) return true;
  const Verdict verdict = verdict_on(*failure);
  asked_again_ = verdict == Verdict::again;
  if (asked_again_) return true;
  if (const auto* retry_if = policy_.hook(&RetryPolicy::Hooks::retry_if)) {
    return (*retry_if)(*failure);
  }
  return verdict != Verdict::mistake;
}

bool RetryRun::has_time_for_another() {
  if (policy_.attempts_ != 0 && state_.attempt >= policy_.attempts_) return false;
  if (state_.elapsed >= policy_.stop_after_) return false;
  state_.next_wait = std::max(choose_wait(), Duration::zero());
  if (StopBeforeDelay(policy_.stop_before_)(state_)) return false;
  const auto* stop = policy_.hook(&RetryPolicy::Hooks::stop);
  return !stop || !(*stop)(state_);
}

Duration RetryRun::choose_wait() {
  if (const auto* wait_by = policy_.hook(&RetryPolicy::Hooks::wait_by)) return (*wait_by)(state_);
  const auto* waits = policy_.flags_.joined ? policy_.hook(&RetryPolicy::Hooks::waits) : nullptr;
  const bool by_chance = waits ? waits->by_chance() : policy_.wait_.by_chance();
  const bool seeded = policy_.seed_ || !by_chance;
  if (!chance_) chance_.emplace(seeded ? policy_.seed_.value_or(0) : RetryChance::any_seed());
  if (waits) return waits->after(state_.attempt, state_.next_wait, *chance_);
  return policy_.wait_.after(state_.attempt, state_.next_wait, *chance_);
}

Failure RetryRun::last_failure(Failure* failure) const {
  EDDY_ASSERT(state_.attempt > 0);
  EDDY_ASSERT(failure || given_up_);
  const bool as_it_is = !given_up_ || !(policy_.flags_.wrap || asked_again_);
  if (failure && as_it_is) return std::move(*failure);
  std::exception_ptr last = failure ? failure->exception() : nullptr;
  if (failure && asked_again_) {
    std::exception_ptr reason = reason_of(*failure);
    if (!policy_.flags_.wrap && reason != last) return Failure::from(std::move(reason));
    last = std::move(reason);
  }
  return Failure::holding(RetryError(state_.attempt, std::move(last)));
}

}  // namespace eddy
