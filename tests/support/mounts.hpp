// Mounts of a test's own: of a process that nobody else shares them with.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace test {

// From now on this process may mount what it likes, and nobody else sees it. False: not even in a
// user namespace. For a child, since there is no way back.
inline bool own_mounts() {
  if (::unshare(CLONE_NEWNS) < 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace test
