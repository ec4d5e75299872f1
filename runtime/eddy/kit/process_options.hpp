// ProcessOptions: what a child is given: its three streams, directory, environment, group.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace eddy {

// What stands behind one of the child's three streams.
class Stdio {
 public:
  // What this process has there; /dev/null where that is closed.
  static constexpr Stdio inherit() noexcept { return Stdio(Kind::inherit); }
  static constexpr Stdio null() noexcept { return Stdio(Kind::null); }
  // A pipe, whose other end is a File of the Process. The child's end waits as programs expect:
  // O_NONBLOCK is set on neither.
  static constexpr Stdio pipe() noexcept { return Stdio(Kind::pipe); }
  // The caller's, who may close it once the child is started.
  static constexpr Stdio descriptor(int fd) noexcept { return Stdio(Kind::descriptor, fd); }
  // For `errors`: wherever the output goes.
  static constexpr Stdio to_output() noexcept { return Stdio(Kind::to_output); }

  enum class Kind : std::uint8_t { inherit, null, pipe, descriptor, to_output };
  constexpr Kind kind() const noexcept { return kind_; }
  constexpr int fd() const noexcept { return fd_; }

 private:
  explicit constexpr Stdio(Kind kind, int fd = -1) noexcept : kind_(kind), fd_(fd) {}

  Kind kind_;
  int fd_;
};

// The child finds the caller's `source` as its `target`, which may be a source as well.
struct PassedDescriptor {
  int source;
  int target;
};

enum class ProcessGroup : std::uint8_t {
  parent,  // the terminal's Ctrl-C reaches it
  own,     // can be signalled as a whole: signal_group()
  session  // the same, and without a terminal
};

// Trivially copyable. What it refers to must stay until the child is started, and no longer.
struct ProcessOptions {
  Stdio input = Stdio::inherit();
  Stdio output = Stdio::inherit();
  Stdio errors = Stdio::inherit();
  std::string_view cwd = {};  // empty: that of this process
  // "NAME=value" each, added to what this process has, or instead of it; "NAME" takes one away. Of
  // several with one name the last counts.
  std::span<const std::string> environment = {};
  bool clear_environment = false;
  // Beyond the three streams. It has no others: what this process left open for exec is closed too.
  std::span<const PassedDescriptor> descriptors = {};
  ProcessGroup group = ProcessGroup::parent;
  // By SIGKILL, when the Process or the loop goes; a group of its own as a whole.
  bool kill_on_drop = false;
};
static_assert(std::is_trivially_copyable_v<ProcessOptions>);

}  // namespace eddy
