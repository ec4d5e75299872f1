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

}  // namespace eddy
