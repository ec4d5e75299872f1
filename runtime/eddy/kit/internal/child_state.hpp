// ChildState: a child that runs, watched by the loop that started it.
//
// One request on the ring for each child, whoever waits: so that it is reaped although nobody does,
// and SIGCHLD, which is one for the whole process, is left alone. The request is WAITID (6.7); a
// poll of the pidfd before, and for a child with a group of its own: its number, which names the
// group, then stays its own until it is reaped here.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/loop.hpp>
#include <eddy/file/file.hpp>
#include <eddy/kit/exit_status.hpp>
#include <eddy/kit/process_options.hpp>
#include <eddy/sync/event.hpp>

#include <csignal>
#include <optional>
#include <string>

namespace eddy::internal {

struct RunningChildren;  // a tag
class ChildState;

// The children of a loop that have not ended.
class Children : public LoopService {
 public:
  explicit Children(Loop& loop) noexcept : loop_(loop) {}
  void stop() noexcept override;

 private:
  friend class ChildState;

  Loop& loop_;
  List<ChildState, RunningChildren> running_;
  bool without_waitid_ = false;  // it was refused
};

class ChildState final : public CompletionHandler,
                         public Link<RunningChildren>,
                         public RefCounted<ChildState> {
 public:
  ChildState(std::string program, const ProcessOptions& options);

  // `pid` is a child of this process that nobody else waits for. Kills and reaps it where it cannot
  // be watched, and throws Error.
  void watch(pid_t pid);
  // The user let go of it.
  void drop() noexcept;

  // UsageError in a child of fork(): nobody there hears how it ends.
  void check_process() const;
  // False: it has ended. Throws Error for what the kernel refuses.
  bool send_signal(int signal);
  bool signal_group(int signal);

  pid_t pid() const noexcept { return pid_; }
  const std::string& program() const noexcept { return program_; }
  const std::optional<ExitStatus>& status() const noexcept { return status_; }
  Event& ended() noexcept { return ended_; }

  File files[3];  // this process's ends of the pipes

 private:
  friend class Children;
  bool has_own_group() const noexcept { return group_ != ProcessGroup::parent; }
  static void on_completion(CompletionHandler& self, int result, std::uint32_t flags) noexcept;
  void answered(int result) noexcept;
  void ask() noexcept;
  void reap(bool last_try) noexcept;
  void end(ExitStatus status) noexcept;
  bool kill() noexcept;  // with its group, if that is its own
  bool send_to_group(int signal) noexcept;

  Children& children_;
  std::string program_;
  ProcessGroup group_;
  bool kill_on_drop_;
  bool by_waitid_;
  bool let_go_ = false;  // by a loop that closes
  std::uint32_t process_ = process_mark;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  siginfo_t info_{};  // the kernel's, until the request has ended
  std::optional<ExitStatus> status_;
  Event ended_;
};

}  // namespace eddy::internal
