// Mounts of a test's own: of a process that nobody else shares them with.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>

namespace test {

// From now on this process may mount what it likes, and nobody else sees it. False: not even in a
// user namespace. For a child, since there is no way back.
inline bool own_mounts() {
  const unsigned user = ::geteuid();
  if (::unshare(CLONE_NEWNS) < 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
    char map[64];  // who is nobody there makes no files
    const int size = std::snprintf(map, sizeof map, "%u %u 1", user, user);
    const int fd = ::open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    const bool mapped = fd >= 0 && ::write(fd, map, static_cast<std::size_t>(size)) == size;
    ::close(fd);
    if (!mapped) return false;
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace test
