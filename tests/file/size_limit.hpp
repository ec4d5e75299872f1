// A limit for the size of files, as a disk that becomes full in the middle of a write.
#pragma once

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>

namespace test {

// No file grows beyond `size` while it lives: what crosses that is written in part, what begins
// there fails.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t size) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit limit{size, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  ~SizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit before_{};
};

}  // namespace test
