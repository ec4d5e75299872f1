// ChildPlan: everything that a child needs, made before it exists, so that nothing can fail after.
#pragma once

#include <eddy/base/unique_fd.hpp>
#include <eddy/kit/process_options.hpp>

#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace eddy::internal {

class ChildPlan {
 public:
  // Opens pipes and copies descriptors. Throws UsageError and Error.
  ChildPlan(std::vector<std::string> argv, const ProcessOptions& options);

  // This process's ends of the pipes, by the number of the stream; or none.
  UniqueFd take_pipe(int stream) noexcept { return std::move(ours_[stream]); }

  // Returns the child's number. Throws Error with the program's name, or the directory's where that
  // is at fault.
  pid_t start();

 private:
  void open_streams(const ProcessOptions& options);
  int open_stream(int stream, Stdio what);
  void add_descriptors(std::span<const PassedDescriptor> wanted);
  void pass(int source, int target);
  void move_sources_away();
  void build_environment(const ProcessOptions& options);
  [[noreturn]] void throw_failed(int code) const;

  std::vector<std::string> argv_;
  std::string cwd_;
  std::vector<std::string> environment_;
  bool own_environment_ = false;
  ProcessGroup group_;
  UniqueFd ours_[3];
  std::vector<UniqueFd> kept_;  // the child's ends, until it has them
  std::vector<PassedDescriptor> passed_;
};

}  // namespace eddy::internal
