#include <eddy/flow/internal/select_waiter.hpp>

#include <eddy/core/internal/misuse.hpp>

namespace eddy::internal {

void SelectWaiter::begin() {
  if (begun_) throw_misuse("a select() was awaited twice");
  begun_ = true;
}

bool SelectWaiter::may_begin(std::coroutine_handle<> frame) {
  if (!thread_state.task || thread_state.task->cancel_pending()) {
    park(frame);  // throws, or is stopped
    return false;
  }
  reason_ = Text("another branch was first");  // now, while there may be no memory for it
  return true;
}

void SelectWaiter::began(std::size_t index, TaskHandle task) {
  Child& begun = child(index);
  begun.owner_ = this;
  begun.index_ = index;
  begun.task_ = std::move(task);
  ++left_;
  if (begun.task_.done()) {
    child_ended(begun);
  } else {
    begun.task_.state().add_done_hook(begun);
  }
}

bool SelectWaiter::suspend(std::coroutine_handle<> frame) {
  if (chosen_) end_losers();
  if (left_ == 0) return false;
  waits_ = true;
  park(frame);
  return true;
}

void SelectWaiter::drop_unrun() noexcept {
  for (std::size_t i = 0; i < count(); ++i) {
    Child& other = child(i);
    if (chosen_ != i && !other.task_.valid()) other.drop_unrun();
  }
}

void SelectWaiter::Child::ended(DoneHook& hook, TaskState&) noexcept {
  auto& self = static_cast<Child&>(hook);
  self.owner_->child_ended(self);
}

// In the step of the branch that ended: a loser that was woken in the same turn has not run, and
// hands back what it was promised.
void SelectWaiter::child_ended(Child& ended) noexcept {
  EDDY_ASSERT(left_ > 0);
  --left_;
  if (!chosen_ && !(stopping_ && ended.cancelled())) {
    chosen_ = ended.index_;
    if (waits_ && !stopping_) end_losers();
  }
  if (left_ == 0 && std::exchange(waits_, false)) wake();
}

void SelectWaiter::end_losers() noexcept {
  for (std::size_t i = 0; i < count(); ++i) {
    const TaskHandle& loser = child(i).task_;
    if (loser.valid() && !loser.done()) loser.state().cancel(reason_);
  }
}

// Once one was chosen the others were asked to end, and the request is for the next wait.
bool SelectWaiter::stop(Waiter& waiter) {
  auto& select = static_cast<SelectWaiter&>(waiter);
  if (select.chosen_) return false;
  if (select.left_ == 0) return leave(select);  // nothing has begun
  if (select.forwarding()) {
    select.ask_again();
    return true;
  }
  select.stopping_ = true;
  select.reason_ = select.task()->take_cancel_reason();
  select.asked_ = 0;
  return select.pass_on(&ask_next);
}

bool SelectWaiter::ask_next(Forwarder& forwarder) noexcept {
  auto& select = static_cast<SelectWaiter&>(forwarder);
  EDDY_ASSERT(select.stopping_);
  if (select.asked_ == select.count()) return false;
  const TaskHandle& asked = select.child(select.asked_++).task_;
  if (asked.valid() && !asked.done()) asked.state().cancel(select.reason_);
  return true;
}

// A branch waits for whoever selects. The frame is the branches', so that this one cannot leave:
// the branch that the request went by does.
void SelectWaiter::ask_again() noexcept {
  for (std::size_t i = 0; i < count(); ++i) {
    const TaskHandle& asked = child(i).task_;
    if (!asked.valid() || asked.done()) continue;
    const Waiter* waits = asked.state().waiter();
    if (waits && waits->forwarding()) asked.state().cancel(reason_);
  }
}

std::optional<Failure> SelectWaiter::cancelled() {
  EDDY_ASSERT(left_ == 0);
  if (was_cancelled()) return cancelled_failure();
  if (!stopping_) return std::nullopt;
  if (!chosen_) return Failure::cancelled(std::move(reason_));
  task()->keep_cancel_pending();
  return std::nullopt;
}

}  // namespace eddy::internal
