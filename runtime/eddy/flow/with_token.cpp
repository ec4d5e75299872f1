#include <eddy/flow/with_token.hpp>

#include <eddy/core/internal/misuse.hpp>

namespace eddy::internal {

void TokenRequest::enter() {
  if (!thread_state.task) throw UsageError("with_token() outside of a task");
  if (task_) throw_misuse("with_token() can be awaited once: ask for another one");
  CancellationState* state = token_.state();
  if (state && !state->fired()) state->add(*this);
  task_ = thread_state.task;
  baseline_ = task_->delivered_cancels();
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
  return std::exchange(asked_, false) && task_->take_back_cancel(baseline_);
}

}  // namespace eddy::internal
