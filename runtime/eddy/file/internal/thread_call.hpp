// perform_plainly: a plain call that the ring does not know, on what is open or has a name: inline
// where Storage allows it, on a thread otherwise.
#pragma once

#include <eddy/core/try.hpp>
#include <eddy/file/internal/file_call.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <memory>
#include <new>

namespace eddy::internal {

// `Call` as that of a FileCall.
template <class Call>
class CallOnThread : public BlockingCall {
 public:
  explicit CallOnThread(Call call) noexcept : call_(call) {}

  void run() noexcept override {
    try {
      do {
        const auto result = call_();
        result_ = result < 0 ? -errno : static_cast<int>(result);
      } while (result_ == -EINTR);
    } catch (const std::bad_alloc&) {
      result_ = -ENOMEM;
    }
  }
  // As the kernel's.
  int result() const noexcept { return result_; }

 private:
  Call call_;
  int result_ = 0;
};

// Once a thread has begun it is waited for, and a cancel stays pending: what `call` refers to may
// be the caller's. A failure names `subject`.
template <class Call>
Task<int> perform_plainly(std::string_view name, Storage::Mount& mount, FilePolicy policy,
                          Text subject, Call call) {
  if (Storage::current().inline_allowed(mount, policy)) {
    EDDY_TRY(auto done, perform({.opcode = no_opcode}, name, mount, policy, subject, call));
    co_return done;
  }
  const auto job = std::make_shared<CallOnThread<Call>>(call);
  job->may_hang(mount.remote);
  bool is_no_thread = false;
  try {
    EDDY_DO(WaitForCall(job, true));
  } catch (const Error&) {
    is_no_thread = true;  // none can be started: then here, however long that takes
  }
  if (is_no_thread) job->run();
  EDDY_ASSERT(job->result() != -EINTR);
  if (job->result() < 0) co_await fail(failure_of_call(-job->result(), name, subject));
  co_return job->result();
}

}  // namespace eddy::internal
