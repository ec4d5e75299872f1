// ExitStatus: how a child ended: by an exit code, by a signal, or nobody knows.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>
#include <string>

namespace eddy {

class ExitStatus {
 public:
  // Unknown: somebody else in this process took the status from the kernel by a wait() of his own,
  // or had the kernel throw it away (SIGCHLD ignored).
  ExitStatus() = default;
  static ExitStatus of_exit(int code) noexcept { return {Kind::exited, code, false}; }
  static ExitStatus of_signal(int signal, bool dumped_core) noexcept {
    return {Kind::signalled, signal, dumped_core};
  }

  bool success() const noexcept { return kind_ == Kind::exited && number_ == 0; }
  bool known() const noexcept { return kind_ != Kind::unknown; }
  bool exited() const noexcept { return kind_ == Kind::exited; }
  bool signalled() const noexcept { return kind_ == Kind::signalled; }
  int code() const noexcept { return exited() ? number_ : -1; }
  int signal() const noexcept { return signalled() ? number_ : 0; }
  bool dumped_core() const noexcept { return dumped_core_; }
  // As Python's subprocess tells it: the code, or minus the signal; 255 where it is unknown.
  int returncode() const noexcept { return !known() ? 255 : exited() ? number_ : -number_; }
  // "exit code 3", "signal 9, core dumped", "unknown"
  std::string text() const;

  bool operator==(const ExitStatus&) const = default;

 private:
  enum class Kind : std::uint8_t { unknown, exited, signalled };
  ExitStatus(Kind kind, int number, bool dumped_core) noexcept
      : kind_(kind), dumped_core_(dumped_core), number_(number) {}

  Kind kind_ = Kind::unknown;
  bool dumped_core_ = false;
  int number_ = 0;
};

}  // namespace eddy
