// WorkerProcesses: processes that compute apart from this one: bytes in, bytes out.
//
// For what may crash, leak or have to be killed: a thread is cheaper for everything else. They are
// forked from a process that is forked when this is made, so make it early: before there are other
// threads, much memory, or descriptors that a child should not have. A worker that dies fails the
// call it had, and another one takes its place; so does one whose call is cancelled: it is killed.
//
// They ignore SIGINT, which a terminal sends to all: their parent decides. All end when this does,
// and when their parent dies.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/core/task.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace eddy {

// The worker died before it had answered: it crashed, ended itself, or was killed. EPIPE.
class WorkerDied : public Error {
 public:
  WorkerDied();
};

// What a worker's function threw, with its what(): other exceptions do not cross.
class WorkerException : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class WorkerProcesses {
 public:
  // In a worker: what call() is given becomes what it returns.
  using Function = std::function<std::string(std::string request)>;

  // Forks. Throws Error, UsageError for no workers.
  WorkerProcesses(unsigned workers, Function function);
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;
  // Kills them, in the middle of calls too, which then fail. Does nothing in a child after fork().
  ~WorkerProcesses();

  // Waits for a free worker, in order, and for its answer. Throws WorkerDied, WorkerException.
  // Cancelled: a worker that has the request is killed.
  Task<std::string> call(std::string request);

  // How many took the place of one that died or was killed.
  std::uint64_t replaced() const noexcept;

 private:
  class State;
  std::shared_ptr<State> state_;  // the calls' as well
};

}  // namespace eddy
