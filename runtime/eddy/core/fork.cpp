// The loops of a thread, so that a handle which outlives its loop finds out; and what a child of
// fork() finds in place of them.
#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/ring_workers.hpp>
#include <eddy/core/internal/signal_registry.hpp>
#include <eddy/core/loop.hpp>

#include <utility>

namespace eddy {
using namespace internal;
namespace {

thread_local Loop* loops_of_thread = nullptr;

// Dies when the thread ends: in exit() before everything static.
thread_local bool thread_ended = false;
struct ThreadEnd {
  ~ThreadEnd() { thread_ended = true; }
};

// A child has not the threads that may hold what all loops of the process have in common.
void before_fork() noexcept {
  Registered::before_fork();
  RingWorkers::before_fork();
  SignalRegistry::before_fork();
}
void after_fork() noexcept {
  SignalRegistry::after_fork();
  RingWorkers::after_fork();
  Registered::after_fork();
}

}  // namespace

// The memory of the queues is not mapped in a child, and who forks inside of a task goes on in the
// middle of a turn: what the loop looks at next must be there, and its next poll() throws.
void Loop::enter_child() noexcept {
  SignalRegistry::enter_child();
  after_fork();
  ++process_mark;
  for (Loop* loop = loops_of_thread; loop; loop = loop->next_on_thread_) loop->ring_.abandon();
  thread_state.loop = nullptr;  // a child may have a loop of its own, wherever it was forked
}

void Loop::join_thread() {
  static const int installed = ::pthread_atfork(&before_fork, &after_fork, &enter_child);
  if (installed != 0) throw Error(installed, "install a fork handler");
  static thread_local ThreadEnd end;
  static_cast<void>(end);
  EDDY_ASSERT(!of_thread(id_));
  next_on_thread_ = std::exchange(loops_of_thread, this);
}

void Loop::leave_thread() noexcept {
  Loop** link = &loops_of_thread;
  while (*link && *link != this) link = &(*link)->next_on_thread_;
  EDDY_VERIFY(*link || process_ != sys::getpid());  // a loop dies on its own thread, closed or not
  if (*link) *link = next_on_thread_;               // else a child that another thread forked
}

// By its number: a new loop may lie where another one lay.
Loop* Loop::of_thread(std::uint64_t id) noexcept {
  Loop* loop = loops_of_thread;
  while (loop && loop->id_ != id) loop = loop->next_on_thread_;
  return loop;
}

Loop* Loop::open(std::uint64_t id) noexcept {
  Loop* loop = of_thread(id);
  return loop && !loop->closed_ && !loop->ring_.abandoned() ? loop : nullptr;
}

bool Loop::can_run(std::uint64_t id) noexcept { return open(id) && !thread_ended; }

}  // namespace eddy
