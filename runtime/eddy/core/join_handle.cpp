#include <eddy/core/join_handle.hpp>

namespace eddy {

// Along a chain of tasks that wait for each other, however long, without a call inside of a call.
// In a circle it would go on for ever: the first one leaves.
bool JoinWaiter::forward(Waiter& waiter) {
  auto* join = static_cast<JoinWaiter*>(&waiter);
  if (join->forwarding()) return join->step_out();
  JoinWaiter* path = nullptr;
  for (;;) {
    join->mark_forwarding(true);
    join->forwarded_from_ = std::exchange(path, join);
    TaskState& target = *join->target_;
    Waiter* next = target.count_cancel(join->task()->take_cancel_reason());
    if (!next) break;
    join = next->is_cancelled_by(&forward) ? static_cast<JoinWaiter*>(next) : nullptr;
    if (!join || join->forwarding()) {
      target.deliver_to(*next);
      break;
    }
  }
  for (; path; path = path->forwarded_from_) path->mark_forwarding(false);
  return true;
}

bool JoinWaiter::step_out() {
  static_cast<DoneHook&>(*this).unlink();
  return leave(*this);
}

}  // namespace eddy
