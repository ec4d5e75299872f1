// A directory of a test's own, gone at its end; plain calls to look into it.
#pragma once

#include <gtest/gtest.h>

#include <dirent.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace test {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "eddy-test-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string root_;
};

// How many descriptors this process has open.
inline unsigned open_descriptors() {
  unsigned count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory)) ++count;
  ::closedir(directory);
  return count - 3;  // . and .. and the directory itself
}

// How many are open when no more are than there should be: a thread whose call nobody waits for any
// more closes what it has when that call ends, or its loop does, which is turned `meanwhile`.
template <class F = void (*)() noexcept>
unsigned open_descriptors_in_the_end(unsigned wanted, F meanwhile = &std::this_thread::yield) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  unsigned count = open_descriptors();
  while (count > wanted && std::chrono::steady_clock::now() < give_up) {
    meanwhile();
    count = open_descriptors();
  }
  return count;
}

}  // namespace test
