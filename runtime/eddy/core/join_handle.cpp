#include <eddy/core/join_handle.hpp>

namespace eddy {
using namespace internal;

void JoinWaiter::throw_other_loop() const {
  throw_misuse("a task of another loop cannot be awaited: use run_from_thread() for " +
               name_and_place(*target_));
}

void JoinWaiter::describe(WaitNote& note) const {
  note.what = label_of(target_->id(), target_->given_name().view());
  note.for_tasks = true;
}

bool JoinWaiter::forward(Waiter& waiter) {
  auto& join = static_cast<JoinWaiter&>(waiter);
  if (!join.forwarding()) return join.pass_on(&ask_target);
  static_cast<DoneHook&>(join).unlink();
  return leave(join);
}

bool JoinWaiter::ask_target(Forwarder& forwarder) noexcept {
  auto& join = static_cast<JoinWaiter&>(forwarder);
  join.goes_on_with(&nobody_left);
  join.target_->cancel(join.task()->take_cancel_reason());
  return true;
}

// The list, then the queue, holds this reference.
void DoneCall::begin() noexcept {
  retain();
  if (task_.state().done()) {
    schedule();
  } else {
    task_.state().add_done_hook(*this);
  }
}

void DoneCall::notify(DoneHook& hook, TaskState&) noexcept {
  static_cast<DoneCall&>(hook).schedule();
}

void DoneCall::run(Ready& ready) noexcept {
  auto& self = static_cast<DoneCall&>(ready);
  if (std::exchange(self.pending_, false)) {
    EDDY_ASSERT(self.task_.done());
    std::swap(Context::current(), self.context_);
    try {
      self.call(self.task_);
    } catch (...) {
      Loop::report_to(self.task_.state().loop_id(), {.message = "exception in an on_done callback",
                                                     .exception = std::current_exception()});
    }
    std::swap(Context::current(), self.context_);
    // Now: whoever can take it back may live on.
    self.drop();
    self.task_ = TaskHandle();
  }
  self.release();
}

// What is in the ready queue stays there until its turn, and does nothing then.
bool DoneCall::remove() noexcept {
  if (!std::exchange(pending_, false)) return false;
  const Counted<DoneCall> keep(this);  // what dies may hold who removes
  Link<DoneHook>& hook = *this;
  if (hook.linked()) {
    hook.unlink();
    release();
  }
  drop();
  task_ = TaskHandle();
  return true;
}

}  // namespace eddy
