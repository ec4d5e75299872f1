// A program that runs beside a test, in a group of its own: it is told to end (SIGTERM) when the
// test's program ends, however that ends.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace test {

class Child {
 public:
  Child() = default;
  // The words of its command line, the variables that it gets besides ("NAME=value"), the
  // descriptors that stay open in it, and a file for what it says.
  explicit Child(std::vector<std::string> words, std::vector<std::string> variables = {},
                 std::vector<int> keeps = {}, const std::string& says_into = "/dev/null")
      : parent_(::getpid()) {
    const std::vector<char*> line = pointers(words);
    for (char** old = environ; *old; ++old) variables.emplace_back(*old);
    const std::vector<char*> all = pointers(variables);
    const int said = ::open(says_into.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_ = ::fork();
    if (pid_ != 0) {
      ::close(said);
      ::setpgid(pid_, pid_);  // here and there: whoever is first
      EXPECT_GT(pid_, 0);
      return;
    }
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (const int fd : keeps) ::fcntl(fd, F_SETFD, 0);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (::getppid() != parent_ || ::dup2(nothing, 0) < 0 || ::dup2(said, 1) < 0 ||
        ::dup2(said, 2) < 0) {
      ::_exit(126);
    }
    ::execvpe(line[0], line.data(), all.data());
    ::_exit(127);
  }
  Child(Child&& other) noexcept : parent_(other.parent_), pid_(std::exchange(other.pid_, 0)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(parent_, other.parent_);
    return *this;
  }
  ~Child() { end(); }

  ::pid_t pid() const noexcept { return pid_; }
  // Sends it and those that it started a signal.
  void signal(int number) const noexcept {
    if (pid_ > 0 && ::getpid() == parent_) ::kill(-pid_, number);
  }
  // Kills them, or tells it alone to end, and waits until it is gone. A child of the test's does
  // not do that to its parent's.
  void end(int number = SIGKILL) noexcept {
    if (pid_ > 0 && ::getpid() == parent_) {
      ::kill(number == SIGKILL ? -pid_ : pid_, number);
      static_cast<void>(wait());
    }
    pid_ = 0;
  }
  // Waits for its end: its status, or -1 when a signal ended it.
  int wait() noexcept {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (auto& word : words) all.push_back(word.data());
    all.push_back(nullptr);
    return all;
  }

  ::pid_t parent_ = 0;
  ::pid_t pid_ = 0;
};

// Runs a program to its end. What it said is the failure's message when it fails.
inline void run_program(std::vector<std::string> words) {
  std::string line;
  for (const auto& word : words) line += word + " ";
  EXPECT_EQ(Child(std::move(words)).wait(), 0) << line;
}

}  // namespace test
