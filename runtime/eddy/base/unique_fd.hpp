// UniqueFd: owns one file descriptor and closes it. For descriptors whose close(2) cannot block;
// files are closed through the ring.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <utility>

namespace eddy {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  static void close(int fd) noexcept;

  int fd_ = -1;
};

}  // namespace eddy
