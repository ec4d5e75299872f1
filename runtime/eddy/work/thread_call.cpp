#include <eddy/work/thread_call.hpp>

#include <eddy/core/loop.hpp>
#include <eddy/work/internal/thread_calls.hpp>

namespace eddy::internal {

// Submitted before it parks, because it may fail; not at all where the wait would end at once.
bool ThreadWait::start(PoolJob& job, const Context& context, std::coroutine_handle<> frame) {
  require_first_await();
  if (thread_state.task && !thread_state.task->cancel_pending()) {
    EDDY_ASSERT(!job_);
    error_ = Loop::current().service<ThreadCalls>().submit(job, pool_.get(), context);
    if (error_ != 0) [[unlikely]] return false;
    job_ = &job;
  }
  park(frame);
  return true;
}

// A request to stop that came after the call had begun stays pending.
std::optional<Failure> ThreadWait::no_result() noexcept {
  if (error_ != 0) [[unlikely]] return Failure::error(error_, "start a thread");
  if (!was_cancelled()) [[likely]] return std::nullopt;
  EDDY_ASSERT(task());
  interrupted();
  return cancelled_failure();
}

// Also of a call that was never submitted, because the request was pending before.
bool ThreadWait::withdrawn() noexcept {
  EDDY_ASSERT(task());
  return !job_ || task()->loop().service<ThreadCalls>().withdraw(*job_);
}

bool ThreadWait::withdraw(Waiter& waiter) {
  return static_cast<ThreadWait&>(waiter).withdrawn() && leave(waiter);
}

}  // namespace eddy::internal
