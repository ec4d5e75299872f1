// Mounts of a test's own: of a process that nobody else shares them with.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

namespace test {

// From now on this process may mount what it likes, and nobody else sees it. False: not even in a
// user namespace. For a child, since there is no way back.
inline bool own_mounts() {
  const unsigned user = ::geteuid(), group = ::getegid();
  if (::unshare(CLONE_NEWNS) < 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
    const auto put = [](const char* file, const std::string& text) {
      const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
      const bool done = fd >= 0 && ::write(fd, text.data(), text.size()) ==
                                       static_cast<ssize_t>(text.size());
      ::close(fd);
      return done;
    };
    const auto itself = [](unsigned id) {
      return std::to_string(id) + " " + std::to_string(id) + " 1";
    };
    // Who is nobody there, or of no group, makes no files.
    if (!put("/proc/self/uid_map", itself(user)) || !put("/proc/self/setgroups", "deny") ||
        !put("/proc/self/gid_map", itself(group))) {
      return false;
    }
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace test
