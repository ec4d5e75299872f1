#include <eddy/base/internal/no_broken_pipe.hpp>

#include <eddy/base/internal/sys.hpp>

namespace eddy::internal {

NoBrokenPipe::NoBrokenPipe() noexcept {
  ::sigemptyset(&pipe_);
  ::sigaddset(&pipe_, SIGPIPE);
  sys::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  sigset_t pending;
  ours_ = !::sigismember(&before_, SIGPIPE) || sys::sigpending(&pending) < 0 ||
          !::sigismember(&pending, SIGPIPE);
}

NoBrokenPipe::~NoBrokenPipe() { sys::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void NoBrokenPipe::take() const noexcept {
  const timespec now{};
  if (ours_) sys::sigtimedwait(&pipe_, nullptr, &now);
}

}  // namespace eddy::internal
