// No more than a few descriptors for this process: what needs one more fails with EMFILE.
//
//   const std::size_t failed = test::fail_each_descriptor([](test::LastDescriptors& few) {
//     few.arm();                 // from here on there are no more than so many
//     try { ... } catch (const eddy::Error&) { ... }
//     few.disarm();
//     return ...;                // false: it went well, and this is the end
//   });
#pragma once

#include <eddy/base/error.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace test {

// UBSan looks at each new class of objects through a pipe of its own: at errors while it has one.
inline void look_at_errors() {
  try {
    throw eddy::Error(EMFILE, "look");
  } catch (const eddy::Error& error) {
    EXPECT_EQ(error.code(), std::errc::too_many_files_open);
  }
}

class LastDescriptors {
 public:
  explicit LastDescriptors(std::size_t count) : count_(count) {
    ::getrlimit(RLIMIT_NOFILE, &usual_);
  }
  LastDescriptors(const LastDescriptors&) = delete;
  LastDescriptors& operator=(const LastDescriptors&) = delete;
  ~LastDescriptors() { disarm(); }

  // Takes all that there are below a limit, and gives `count` back.
  void arm() {
    look_at_errors();
    const int highest = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 256);
    EXPECT_GE(highest, 0);
    ::close(highest);
    rlimit low = usual_;
    low.rlim_cur = static_cast<rlim_t>(highest) + 16;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    for (int fd; (fd = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0;) taken_.push_back(fd);
    EXPECT_EQ(errno, EMFILE);
    for (std::size_t i = 0; i < count_; ++i) {
      ::close(taken_.back());
      taken_.pop_back();
    }
  }
  void disarm() {
    for (const int fd : taken_) ::close(fd);
    taken_.clear();
    ::setrlimit(RLIMIT_NOFILE, &usual_);
  }

 private:
  std::size_t count_;
  rlimit usual_{};
  std::vector<int> taken_;
};

// Calls `body(few)` with no descriptor left, then with one, then with two, until it returns false:
// nothing failed. How often something did. Once with plenty before, for what a process needs once:
// UBSan looks at each new class of objects through a pipe of its own.
template <class F>
std::size_t fail_each_descriptor(F&& body) {
  LastDescriptors plenty(50);
  EXPECT_FALSE(body(plenty));
  for (std::size_t count = 0; count < 50; ++count) {
    LastDescriptors few(count);
    if (!body(few)) return count;
  }
  ADD_FAILURE() << "it fails however many descriptors there are";
  return 50;
}

}  // namespace test
