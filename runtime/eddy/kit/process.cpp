#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/bytes/limit_exceeded.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/kit/internal/child_plan.hpp>
#include <eddy/kit/process.hpp>

#include <algorithm>
#include <utility>

namespace eddy {
using namespace internal;
namespace {

using Child = Counted<ChildState>;

[[noreturn]] void throw_no_pipe(int stream) {
  constexpr const char* names[] = {"input", "output", "errors"};
  throw UsageError(std::string("no open pipe to the child's ") + names[stream]);
}

// EPIPE: the child does not want more.
Task<> feed(Child child, Bytes bytes) {
  File& file = child->files[STDIN_FILENO];
  if (file.closed()) co_return;
  auto written = co_await as_outcome(file.write(bytes));
  if (!written && !written.error().is_error(EPIPE)) co_await fail(std::move(written.error()));
  EDDY_DO(file.close());
}

Task<std::string> read_all(Child child, int stream, std::size_t limit) {
  constexpr std::size_t first = 4096;
  std::string all;
  std::size_t size = 0;
  File& file = child->files[stream];
  while (!file.closed()) {
    EDDY_ASSERT(size <= all.size());
    if (size == all.size()) all.resize(std::max(first, 2 * size));
    EDDY_TRY(const auto read, file.read_some(MutableBytes(all.data() + size, all.size() - size)));
    if (read == 0) break;
    size += read;
    if (size > limit) throw LimitExceeded("read the output of", child->program());
  }
  all.resize(size);
  if (!file.closed()) EDDY_DO(file.close());
  co_return all;
}

// Whichever fails, the others have no purpose any more.
template <class T>
struct EndWithScope {
  ~EndWithScope() { task.cancel(); }
  JoinHandle<T>& task;
};

}  // namespace

Process Process::shell(std::string_view command, const ProcessOptions& options) {
  return exec({"/bin/sh", "-c", command}, options);
}

// The child comes last: whatever needs memory or descriptors was there before.
Process Process::exec(Argv argv, const ProcessOptions& options) {
  const std::string program = argv.words().empty() ? "" : argv.words()[0];
  ChildPlan plan(std::move(argv).words(), options);
  Process process(State(new ChildState(program, options)));
  ChildState& state = *process.state_;
  for (int i = 0; i < 3; ++i) {
    UniqueFd end = plan.take_pipe(i);
    if (!end) continue;
    const bool reads = i != STDIN_FILENO;
    state.files[i] = File::adopt(end.get(), reads ? "rb" : "wb", true,
                                 {.buffering = reads ? -1 : 0});
    end.release();
  }
  state.watch(plan.start());
  return process;
}

ChildState& Process::state() const {
  if (!state_) [[unlikely]] throw UsageError("a Process that was never started");
  return *state_;
}

File& Process::pipe(int stream) const {
  File& file = state().files[stream];
  if (file.closed()) throw_no_pipe(stream);
  return file;
}

Task<ExitStatus> Process::wait(State state) {
  state->check_process();
  if (!state->status()) EDDY_DO(state->ended().wait());
  EDDY_ASSERT(state->status());
  co_return *state->status();
}

Task<Communicated> Process::communicate(State state, Bytes bytes, std::size_t limit) {
  state->check_process();
  if (!bytes.empty() && state->files[STDIN_FILENO].closed()) throw_no_pipe(STDIN_FILENO);
  auto feeding = spawn(feed(state, bytes));
  const EndWithScope<void> no_more_input{feeding};
  auto output = spawn(read_all(state, STDOUT_FILENO, limit));
  const EndWithScope<std::string> no_more_output{output};
  auto errors = spawn(read_all(state, STDERR_FILENO, limit));
  const EndWithScope<std::string> no_more_errors{errors};
  EDDY_TRY(auto all, gather(feeding, output, errors));
  EDDY_TRY(const auto status, wait(state));
  Communicated done(std::move(std::get<1>(all)), std::move(std::get<2>(all)), status);
  co_return done;
}

}  // namespace eddy
