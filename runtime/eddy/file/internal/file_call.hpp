// FileCall: an operation that is a plain system call or a request to the ring, as Storage decides.
//
// Inline it completes without suspending, except that once in a while it gives the other tasks a
// turn after the call; a request to cancel that is pending keeps it from starting. On the ring it
// is an Operation like any other, and so is a call that answers EAGAIN: it would have waited.
// Either way what was done is returned (C13).
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/internal/operation.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/internal/storage.hpp>

#include <cerrno>
#include <linux/io_uring.h>

namespace eddy::internal {

// `Call` is called without arguments and returns what a system call does: -1 and errno on failure.
template <class Call>
class [[nodiscard]] FileCall : public Operation {
 public:
  FileCall(const Request& request, std::string_view name, Storage::Mount& mount, FilePolicy policy,
           Call call, bool may_wait = true)
      : Operation(beside(request, mount), name),
        mount_(mount),
        policy_(policy),
        on_ring_(Loop::current().ring().supports(request.opcode)),
        may_wait_(may_wait),
        call_(call) {}

  bool await_ready() {
    if (thread_state.task && thread_state.task->cancel_pending()) return false;
    Storage& storage = Storage::current();
    if (on_ring_ && !is_better_here(storage)) return false;
    int result;
    if (may_wait_) {
      result = storage.measure(mount_, [this] { return call_until_done(); });
    } else {
      result = call_until_done();
      storage.count_quick();
    }
    if (result == -EAGAIN && on_ring_) return false;
    finish(result);
    done_ = true;
    return !storage.turn_is_over();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    if (done_) {
      thread_state.task->reschedule(frame);
    } else {
      if (mount_.remote) [[unlikely]] remote_.begin(Storage::current());
      Operation::await_suspend(frame);
    }
  }

 private:
  // A remote server is asked to open also what the cache knows; the ring would wait in its enter.
  static Request beside(Request request, const Storage::Mount& mount) noexcept {
    if (mount.remote && request.opcode == IORING_OP_OPENAT) request.flags |= IOSQE_ASYNC;
    return request;
  }
  // What refuses to wait, the ring does without a worker as well.
  bool is_better_here(Storage& storage) noexcept {
    return may_wait_ ? storage.inline_allowed(mount_, policy_)
                     : storage.inline_better(mount_, policy_);
  }
  int call_until_done() {
    for (;;) {
      const auto result = call_();
      if (result >= 0) return static_cast<int>(result);
      if (errno != EINTR) return -errno;
    }
  }

  Storage::Mount& mount_;
  FilePolicy policy_;
  bool on_ring_;
  bool may_wait_;  // false: the call refuses to wait, so that nobody needs to measure it
  bool done_ = false;
  Call call_;
  Storage::RemoteCall remote_;
};

// ECANCELED though nobody cancelled: the kernel got no thread for what it does not do without one.
// RLIMIT_NPROC or pids.max is reached, or signals come faster than a thread begins (6.1 to 6.18).
inline bool lacks_worker(const Failure& failure) noexcept {
  return failure.is_error(ECANCELED);
}

// That, EINTR, and EAGAIN of file systems that could not get a lock: the same again.
inline bool try_again(const Failure& failure) noexcept {
  return failure.is_error(EINTR) || failure.is_error(EAGAIN) || failure.is_error(ECANCELED);
}

// Offsets and sizes of files are below 2^63. What is not, the kernel would take for a negative one,
// or for "where the descriptor stands" (-1) on one path and not on the other: EINVAL, always.
inline bool is_offset(std::uint64_t offset) noexcept { return offset >> 63 == 0; }
inline constexpr std::string_view no_offset_name = "use an offset or a size of 2^63 and more with";
inline Failure no_offset(const Text& subject) {
  return Failure::error(EINVAL, no_offset_name, subject);
}

// So often on the ring; then the plain call, however long that takes.
inline constexpr unsigned ring_tries = 3;

// How a call on `subject` fails when nothing is left to be tried.
inline Failure failure_of_call(int code, std::string_view name, const Text& subject) {
  EDDY_ASSERT(code > 0);
  if (code != ECANCELED) return Failure::error(code, name, subject);
  return Failure::error(EAGAIN, "have a thread of the kernel's (see RLIMIT_NPROC, pids.max) for",
                        subject);
}

// The failure of something that was done for `subject`; a cancel stays what it is.
inline Failure named(Failure failure, std::string_view operation, const Text& subject) {
  if (!failure.is_error()) return failure;
  return Failure::error(failure.code(), operation, subject);
}

// A request that no kernel has: what it stands for is a plain call always.
inline constexpr std::uint8_t no_opcode = 255;

// A FileCall until it has an answer; a failure of it names `subject`.
template <class Call>
Task<int> perform(Request request, std::string_view name, Storage::Mount& mount, FilePolicy policy,
                  Text subject, Call call) {
  for (unsigned tries = 1;; ++tries) {
    auto done = co_await as_outcome(FileCall(request, name, mount, policy, call));
    if (done) co_return *done;
    EDDY_ASSERT(tries <= ring_tries + 1);
    if (done.error().is_cancelled()) co_await fail(std::move(done.error()));
    if (!try_again(done.error()) || tries > ring_tries) {
      co_await fail(failure_of_call(done.error().code(), name, subject));
    }
    if (tries == ring_tries) policy = FilePolicy::inline_;
  }
}

}  // namespace eddy::internal
