#include <eddy/flow/with_token.hpp>

#include <eddy/core/internal/misuse.hpp>

namespace eddy::internal {

void TokenRequest::enter() {
  if (!thread_state.task) throw UsageError("with_token() outside of a task");
  if (task_) throw_misuse("with_token() can be awaited once: ask for another one");
  CancellationState* state = token_.state();
  if (state && !state->fired()) state->add(*this);
  task_ = thread_state.task;
  // One that is still to be delivered ends what is inside, and is not ours to swallow.
  baseline_ = task_->cancelling() - (task_->cancel_pending() ? 1 : 0);
  if (state && state->fired()) ask(*state);
}

void TokenRequest::fired(CancellationHook& hook, const CancellationState& by, Hooks&) noexcept {
  static_cast<TokenRequest&>(hook).ask(by);
}

void TokenRequest::ask(const CancellationState& fired) noexcept {
  EDDY_ASSERT(!asked_);
  EDDY_ASSERT(!task_->done());
  asked_ = true;
  task_->cancel(fired.reason());
}

bool TokenRequest::leave() noexcept {
  unlink();
  if (!std::exchange(asked_, false)) return false;
  EDDY_ASSERT(task_->running());
  if (task_->uncancel() > baseline_) return false;
  // C13: not delivered, and nobody else's.
  if (task_->take_pending_cancel()) static_cast<void>(task_->take_cancel_reason());
  return true;
}

}  // namespace eddy::internal
