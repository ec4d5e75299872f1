// Directories within directories, deeper than a path may be long.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace test {

// A chain of `levels` directories below `root`, all of that name; every 20th has a file in it.
inline void make_deep(const std::string& root, int levels, const std::string& name) {
  int at = ::open(root.c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < levels; ++i) {
    EXPECT_EQ(::mkdirat(at, name.c_str(), 0777), 0);
    const int below = ::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY);
    if (i % 20 == 0) ::close(::openat(below, "file", O_CREAT | O_WRONLY, 0666));
    ::close(std::exchange(at, below));
  }
  ::close(at);
}

}  // namespace test
