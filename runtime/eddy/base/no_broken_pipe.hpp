// NoBrokenPipe: keeps SIGPIPE from this thread while it lives, for calls that have no MSG_NOSIGNAL.
// One that was blocked and pending already stays so.
#pragma once

#include <signal.h>
#include <time.h>

namespace eddy {

class NoBrokenPipe {
 public:
  NoBrokenPipe() noexcept {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    sigset_t pending;
    ours_ = !::sigismember(&before_, SIGPIPE) || ::sigpending(&pending) < 0 ||
            !::sigismember(&pending, SIGPIPE);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  // A call failed with EPIPE: takes its signal.
  void take() const noexcept {
    const timespec now{};
    if (ours_) ::sigtimedwait(&pipe_, nullptr, &now);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool ours_;
};

}  // namespace eddy
