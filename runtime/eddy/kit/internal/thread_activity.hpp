// ThreadActivity: what a thread does in the kernel right now, as another thread sees it.
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eddy::internal {

// A system call that a thread is blocked in.
struct SystemCall {
  long number;
  std::array<std::uint64_t, 6> arguments;

  // "read of fd 3 (pipe:[12])", "futex", "system call 999".
  std::string to_text() const;
};

class ThreadActivity {
 public:
  // Of the calling thread.
  ThreadActivity() noexcept;

  // False in a kernel that does not tell, or without /proc.
  bool known() const noexcept { return static_cast<bool>(file_); }
  // None while it runs, or could, and when it has ended.
  std::optional<SystemCall> blocked_in() const noexcept;

 private:
  UniqueFd file_;  // its own `syscall` of proc(5), whoever reads it
};

// The text of that file: "running", or a number, arguments and two addresses.
std::optional<SystemCall> parse_system_call(std::string_view text) noexcept;

}  // namespace eddy::internal
