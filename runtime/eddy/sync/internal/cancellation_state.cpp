#include <eddy/sync/internal/cancellation_state.hpp>

#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/loop.hpp>

#include <utility>

namespace eddy::internal {

CancellationState::CancellationState(CancellationState* parent)
    : CancellationHook(&parent_fired), parent_(parent) {
  if (!parent_) return;
  parent_->retain();
  if (parent_->fired_) {
    fired_ = true;
    reason_ = parent_->reason_;
  } else {
    parent_->hooks_.push_back(*this);
  }
}

void CancellationState::add(CancellationHook& hook) {
  EDDY_ASSERT(!fired_);
  EDDY_ASSERT(!hook.linked());
  const std::uint64_t loop = Loop::current().id();
  if (loop_ != loop && loop_) [[unlikely]] throw_misuse("a token is used from two loops");
  loop_ = loop;
  hooks_.push_back(hook);
}

void CancellationState::begin_firing(const Text& reason, Hooks& told) noexcept {
  EDDY_ASSERT(!fired_);
  fired_ = true;
  reason_ = reason;
  unlink();  // the parent has nothing more to tell it
  while (CancellationHook* hook = hooks_.pop_front()) told.push_back(*hook);
}

void CancellationState::parent_fired(CancellationHook& hook, const CancellationState& by,
                                     Hooks& more) noexcept {
  static_cast<CancellationState&>(hook).begin_firing(by.reason_, more);
}

// A list, not a recursion: children of children may be as many as there is memory for.
bool CancellationState::fire(Text reason) noexcept {
  if (fired_) return false;
  EDDY_ASSERT(references_ > 0);
  Hooks told;
  begin_firing(reason, told);
  while (CancellationHook* hook = told.pop_front()) hook->fired_(*hook, *this, told);
  return true;
}

// So are parents of parents.
void CancellationState::release() noexcept {
  CancellationState* state = this;
  while (state && --state->references_ == 0) {
    CancellationState* parent = state->parent_;
    delete state;
    state = parent;
  }
}

}  // namespace eddy::internal
