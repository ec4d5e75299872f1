#include <eddy/core/internal/loop_signals.hpp>

#include <eddy/base/internal/process.hpp>

#include <bit>
#include <csignal>
#include <string>

namespace eddy::internal {
namespace {

// Takes the lowest one out.
int take_number(SignalMask& mask) noexcept {
  const int number = std::countr_zero(mask) + 1;
  mask &= mask - 1;
  return number;
}

}  // namespace

SignalSubscription::SignalSubscription(Loop& loop, SignalMask mask, Tell tell, bool once)
    : mask_(mask), tell_(tell), once_(once) {
  loop.service<LoopSignals>().add(*this);
}

SignalSubscription::~SignalSubscription() {
  if (signals_) signals_->remove(*this);
}

LoopSignals::LoopSignals(Loop& loop)
    : loop_(loop), target_(&SignalRegistry::acquire(loop.posts())), process_(process_mark) {
  loop.posts().ask(this);
}

void LoopSignals::stop() noexcept {
  while (SignalSubscription* each = subscriptions_.pop_front()) each->signals_ = nullptr;
  if (!target_) return;
  if (process_ == process_mark) {
    target_->end_once();
    want_no_more_than(0);
    SignalRegistry::release(*target_);
  }
  target_ = nullptr;
  loop_.posts().ask(nullptr);
}

void LoopSignals::add(SignalSubscription& subscription) {
  EDDY_ASSERT(target_);
  collect();  // what has come is of those that were there
  if (subscription.once_) once_told_ = false;
  subscriptions_.push_back(subscription);
  subscription.signals_ = this;
  try {
    want(subscription.mask_);
  } catch (...) {
    remove(subscription);
    throw;
  }
  choose_once();
}

// In a child it is the parent's.
void LoopSignals::remove(SignalSubscription& subscription) noexcept {
  subscription.unlink();
  subscription.signals_ = nullptr;
  if (process_ != process_mark) return;
  collect();  // what came to it is nobody else's
  choose_once();
  want_no_more_than(wanted(false) | wanted(true));
}

// The handler finds the bit as soon as it is there.
void LoopSignals::want(SignalMask mask) {
  SignalMask more = mask & ~target_->wanted();
  while (more != 0) {
    const SignalMask before = target_->wanted();
    const int number = take_number(more);
    target_->want(before | bit_of(number));
    try {
      SignalRegistry::add(number);
    } catch (...) {
      target_->want(before);
      throw;
    }
  }
}

// What comes once the earlier action is there again does that; none comes to nothing.
void LoopSignals::want_no_more_than(SignalMask mask) noexcept {
  SignalMask less = target_->wanted() & ~mask;
  while (less != 0) {
    const int number = take_number(less);
    if (!SignalRegistry::remove(number)) report_replaced(number);
    target_->want(target_->wanted() & ~bit_of(number));
  }
}

SignalMask LoopSignals::wanted(bool once) noexcept {
  SignalMask mask = 0;
  for (auto* each = subscriptions_.front(); each; each = subscriptions_.after(*each)) {
    if (each->once_ == once) mask |= each->mask_;
  }
  return mask;
}

void LoopSignals::choose_once() noexcept {
  const bool once = wanted(true) != 0 && !(wanted(false) & bit_of(SIGINT));
  if (once == target_->once()) return;
  if (once) {
    target_->begin_once(once_told_);
  } else {
    target_->end_once();
  }
}

void LoopSignals::collect() noexcept {
  EDDY_ASSERT(target_);
  const SignalMask came = target_->take();
  if (came == 0) return;
  const bool once = target_->once();
  for (auto* each = subscriptions_.front(); each; each = subscriptions_.after(*each)) {
    const SignalMask told = came & each->mask_;
    if (told == 0 || (each->once_ && !once)) continue;
    once_told_ |= each->once_;
    each->tell_(*each, told);
  }
}

void LoopSignals::report_replaced(int number) noexcept {
  if (!loop_.debug()) return;
  try {
    const std::string told =
        "somebody else has set what " + name_of_signal(number) + " does, and it stays";
    loop_.report({.message = told});
  } catch (...) {  // without memory it is not told
  }
}

}  // namespace eddy::internal
