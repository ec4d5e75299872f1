// SignalsBlocked: a thread that is started meanwhile inherits it, so that signals go to the threads
// that expect them.
#pragma once

#include <eddy/base/internal/sys.hpp>

namespace eddy::internal {

class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    sys::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { sys::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace eddy::internal
