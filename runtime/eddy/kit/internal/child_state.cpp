#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/kit/internal/child_state.hpp>

#include <linux/io_uring.h>

#include <utility>

namespace eddy::internal {
namespace {

constexpr std::uint8_t opcode_waitid = 50;       // 6.7; newer than liburing 2.3
constexpr unsigned to_process_group = 1u << 2;  // PIDFD_SIGNAL_PROCESS_GROUP: 6.9

ExitStatus status_of(const siginfo_t& info) noexcept {
  if (info.si_code == CLD_EXITED) return ExitStatus::of_exit(info.si_status);
  EDDY_ASSERT(info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
  return ExitStatus::of_signal(info.si_status, info.si_code == CLD_DUMPED);
}

}  // namespace

// A child that was told to die is waited for; any other has its end looked for once, and is then
// the process's.
void Children::stop() noexcept {
  for (ChildState* child = running_.pop_front(); child; child = running_.pop_front()) {
    const bool dies = child->kill_on_drop_ && child->kill();
    child->let_go_ = !dies;
    if (child->let_go_) loop_.cancel(*child);
  }
}

ChildState::ChildState(std::string program, const ProcessOptions& options)
    : CompletionHandler(&on_completion),
      children_(Loop::current().service<Children>()),
      program_(std::move(program)),
      group_(options.group),
      kill_on_drop_(options.kill_on_drop),
      by_waitid_(!children_.without_waitid_ && !has_own_group()) {}

void ChildState::watch(pid_t pid) {
  EDDY_ASSERT(pid > 0 && pid_ == 0);
  pid_ = pid;
  pidfd_.reset(sys::pidfd_open(pid));
  if (!pidfd_) {
    const int code = errno;
    // It is gone already, and the kernel keeps nothing of it: SIGCHLD is ignored.
    if (code == ESRCH) return end(ExitStatus());
    sys::kill(pid, SIGKILL);
    while (sys::waitid(P_PID, static_cast<id_t>(pid), &info_, WEXITED) < 0 && errno == EINTR) {
    }
    throw Error(code, "watch", program_);
  }
  retain();
  children_.running_.push_back(*this);
  ask();
}

void ChildState::ask() noexcept {
  EDDY_ASSERT(pidfd_);
  if (by_waitid_) {
    children_.loop_.submit({.opcode = opcode_waitid,
                            .fd = pidfd_.get(),
                            .offset = address_of(&info_),
                            .length = P_PIDFD,
                            .file_index = WEXITED},
                           *this);
  } else {
    children_.loop_.submit(
        {.opcode = IORING_OP_POLL_ADD, .fd = pidfd_.get(), .op_flags = POLLIN}, *this);
  }
}

void ChildState::on_completion(CompletionHandler& self, int result, std::uint32_t) noexcept {
  static_cast<ChildState&>(self).answered(result);
}

void ChildState::answered(int result) noexcept {
  EDDY_ASSERT(!status_);
  if (!by_waitid_) return reap(result < 0);
  if (result == 0) return end(status_of(info_));
  if (result == -ECHILD || result == -ECANCELED) return reap(true);
  children_.without_waitid_ = true;
  by_waitid_ = false;
  if (let_go_) return reap(true);
  ask();
}

// Waits for nothing. The last try ends the watch whatever comes of it.
void ChildState::reap(bool last_try) noexcept {
  EDDY_ASSERT(pidfd_ && !status_);
  siginfo_t info{};
  const int result = sys::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info,
                                 WEXITED | WNOHANG);
  if (result == 0 && info.si_pid != 0) return end(status_of(info));
  if (result == 0 && !last_try) return ask();
  end(ExitStatus());  // ECHILD: somebody else took it
}

void ChildState::end(ExitStatus status) noexcept {
  EDDY_ASSERT(!status_);
  const bool watched = static_cast<bool>(pidfd_);
  status_ = status;
  pidfd_.reset();
  Link<RunningChildren>& link = *this;
  if (link.linked()) link.unlink();
  ended_.set();
  if (watched) release();
}

void ChildState::drop() noexcept {
  if (process_ != process_mark) return;  // after fork(): the parent's
  for (File& file : files) file = File();
  if (kill_on_drop_) kill();
}

void ChildState::check_process() const {
  if (process_ != process_mark) throw UsageError("a Process of the parent's, after fork()");
}

bool ChildState::kill() noexcept {
  if (status_) return false;
  if (has_own_group() && send_to_group(SIGKILL)) return true;
  return sys::pidfd_send_signal(pidfd_.get(), SIGKILL) == 0;
}

// The number is the group's as long as nobody reaps its leader, and we alone do.
bool ChildState::send_to_group(int signal) noexcept {
  EDDY_ASSERT(has_own_group() && !status_);
  if (sys::pidfd_send_signal(pidfd_.get(), signal, to_process_group) == 0) return true;
  return errno == EINVAL && sys::kill(-pid_, signal) == 0;
}

bool ChildState::send_signal(int signal) {
  if (status_) return false;
  if (sys::pidfd_send_signal(pidfd_.get(), signal) == 0) return true;
  if (errno == ESRCH) return false;
  throw Error(errno, "signal", program_);
}

bool ChildState::signal_group(int signal) {
  if (!has_own_group()) throw UsageError("signal_group() of a child without a group of its own");
  if (status_) return false;
  if (send_to_group(signal)) return true;
  if (errno == ESRCH) return false;
  throw Error(errno, "signal the group of", program_);
}

}  // namespace eddy::internal
