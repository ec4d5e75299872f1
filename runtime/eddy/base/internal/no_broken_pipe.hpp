// NoBrokenPipe: keeps SIGPIPE from this thread while it lives, for calls that have no MSG_NOSIGNAL.
// One that was blocked and pending already stays so.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <signal.h>

namespace eddy::internal {

class NoBrokenPipe {
 public:
  NoBrokenPipe() noexcept;
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe();

  // A call failed with EPIPE: takes its signal.
  void take() const noexcept;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool ours_;
};

}  // namespace eddy::internal
