// pipeline 'COMMAND' 'COMMAND'...: children piped together, as the shell's | does it:
//   pipeline 'sort' 'uniq -c' 'sort -rn' <words
// The first reads this program's input. What the last one writes comes here, and is passed on.
// Exits as the last one did; of the others, what failed is told on stderr.
#include <eddy/eddy.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace eddy;

// The children, and the file that the last one's output comes by.
std::vector<Process> start(const std::vector<std::string>& commands) {
  std::vector<Process> children;
  Stdio input = Stdio::inherit();
  UniqueFd from_before;
  for (const std::string& command : commands) {
    const bool last = &command == &commands.back();
    UniqueFd next;
    Stdio output = Stdio::pipe();
    UniqueFd into;
    if (!last) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) < 0) throw Error(errno, "create a pipe");
      next.reset(ends[0]);
      into.reset(ends[1]);
      output = Stdio::descriptor(into.get());
    }
    children.push_back(Process::shell(
        command, {.input = input, .output = output, .kill_on_drop = true}));
    from_before = std::move(next);  // the ends that only children use are closed here
    input = Stdio::descriptor(from_before.get());
  }
  return children;
}

Task<int> run_pipeline(std::vector<std::string> commands) {
  const std::vector<Process> children = start(commands);
  File& output = children.back().output();
  File out = stdout_file();
  std::array<char, 16384> piece;
  while (const std::size_t size = co_await output.read_some(piece)) {
    co_await out.write(Bytes(piece.data(), size));
  }
  int code = 0;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const ExitStatus status = co_await children[i].wait();
    const bool last = i + 1 == children.size();
    if (last) code = status.signalled() ? 128 + status.signal() : status.returncode();
    if (!status.success() && !last) {
      std::fprintf(stderr, "pipeline: '%s': %s\n", commands[i].c_str(), status.text().c_str());
    }
  }
  co_return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s 'COMMAND' 'COMMAND'...\n", argv[0]);
    return 2;
  }
  try {
    return run(run_pipeline({argv + 1, argv + argc}), {.handle_sigint = true});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pipeline: %s\n", error.what());
    return 1;
  }
}
