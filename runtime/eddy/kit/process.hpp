// Process: a child process, its pipes and its end.
//
//   const ProcessOptions piped{.input = Stdio::pipe(), .output = Stdio::pipe()};
//   Process sort = Process::exec({"sort", "-u"}, piped);
//   const Communicated done = co_await sort.communicate("b\na\n");
//
// The loop watches the child by a pidfd, and reaps it whether somebody waits or not; SIGCHLD is
// left alone. Where somebody else in the process takes its status by a wait() of his own, that is
// unknown, and nobody hangs. Signals go through the pidfd only: never to a stranger who got the
// number.
//
// A Process that is dropped while the child runs closes its pipes and lets it run; `kill_on_drop`
// kills it. It belongs to the loop that started it. When the loop closes, what still runs is let
// go, or killed and waited for.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/kit/argv.hpp>
#include <eddy/kit/exit_status.hpp>
#include <eddy/kit/internal/child_state.hpp>
#include <eddy/kit/process_options.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eddy {

// What communicate() brings home.
struct Communicated {
  Communicated(std::string from_output, std::string from_errors, ExitStatus end)
      : output(std::move(from_output)), errors(std::move(from_errors)), status(end) {}

  std::string output;  // empty where it was no pipe
  std::string errors;
  ExitStatus status;
};

class Process {
 public:
  static constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

  Process() = default;

  // Starts a program; a name without a slash is searched for by this process's PATH, one with a
  // slash is looked for in `cwd`. Holds the thread until the child has begun (0.1 to 1 ms on a disk
  // of this machine), however large this process is. Throws Error with the program's name: ENOENT,
  // EACCES ...; then there is no child.
  static Process exec(Argv argv, const ProcessOptions& options = {});
  // By /bin/sh. Whoever may have to kill what it starts wants a group of its own.
  static Process shell(std::string_view command, const ProcessOptions& options = {});

  pid_t pid() const { return state().pid(); }
  // No value while it runs, as far as the loop has heard.
  std::optional<ExitStatus> status() const { return state().status(); }

  // This process's ends of the pipes. The input is not buffered; closing it is what the child
  // waits for. Throw UsageError where there is none.
  File& input() const { return pipe(0); }
  File& output() const { return pipe(1); }
  File& errors() const { return pipe(2); }

  // How it ended; any number of tasks may wait, and cancelling one changes nothing (X4). Does not
  // wait for the pipes, which its own children may hold open for longer. A child that waits for
  // somebody to read its output never ends. The wait for a temporary keeps that.
  Task<ExitStatus> wait() const& { return wait(counted()); }
  Task<ExitStatus> wait() && {
    static_cast<void>(state());
    return internal::keeping(std::move(*this), [](Process& self) { return self.wait(); });
  }

  // Writes `bytes` and closes the input, reads the output and the errors to their ends, all at
  // once, and waits for the child (X4). That it did not want all of `bytes` is no error; that there
  // is no pipe for them is a UsageError. Throws LimitExceeded, a limit for each, and leaves the
  // child as it is. Cancelled: the child lives on; what was read is lost. The bytes must stay,
  // unless they are those of a temporary; a Process that is one is kept.
  Task<Communicated> communicate(Bytes bytes = {}, std::size_t limit = no_limit) const& {
    return communicate(counted(), bytes, limit);
  }
  Task<Communicated> communicate(Bytes bytes = {}, std::size_t limit = no_limit) && {
    static_cast<void>(state());
    return internal::keeping(std::move(*this), [bytes, limit](Process& self) {
      return self.communicate(bytes, limit);
    });
  }
  template <internal::TemporaryBytes R>
  Task<Communicated> communicate(R&& bytes, std::size_t limit = no_limit) const& {
    return internal::keeping(std::move(bytes), [state = counted(), limit](R& memory) {
      return communicate(state, Bytes(memory), limit);
    });
  }
  template <internal::TemporaryBytes R>
  Task<Communicated> communicate(R&& bytes, std::size_t limit = no_limit) && {
    static_cast<void>(state());
    return internal::keeping(std::move(*this),
                             [memory = std::move(bytes), limit](Process& self) {
                               return self.communicate(Bytes(memory), limit);
                             });
  }

  // False: it has ended, and nothing was sent. True says no more than that it was sent. Throws
  // Error where the kernel refuses: EPERM for a program of another user, EINVAL.
  bool send_signal(int signal) const { return state().send_signal(signal); }
  bool terminate() const { return send_signal(SIGTERM); }
  bool kill() const { return send_signal(SIGKILL); }
  // To all of its group, of a child that got one of its own; false once the child itself has ended,
  // though others of the group may live.
  bool signal_group(int signal) const { return state().signal_group(signal); }

 private:
  using State = internal::Counted<internal::ChildState>;
  explicit Process(State state) noexcept : state_(std::move(state)) {}

  static Task<ExitStatus> wait(State state);
  static Task<Communicated> communicate(State state, Bytes bytes, std::size_t limit);
  internal::ChildState& state() const;
  const State& counted() const { return static_cast<void>(state()), state_; }
  File& pipe(int stream) const;

  internal::Handle<internal::ChildState> state_;
};

}  // namespace eddy
