// inspect: the tasks of a loop from outside: where each stands, what it waits for, and who waits
// for whom.
//
// Costs no instruction before it is asked, and no task or wait any memory: what it reads is there
// for the loop itself; a Lock keeps 16 bytes to know its holder. An answer is made of copies, in
// memory of its own; of a hundred thousand tasks in about a second. To be asked on the loop's own
// thread, in a turn or between two; what holds the loop meanwhile a Watchdog tells.
//
// Of a coroutine it shows the place that the compiler tells: with GCC before 13 that is the line
// where it ends.
#pragma once

#include <eddy/core/loop.hpp>
#include <eddy/core/task.hpp>
#include <eddy/net/address.hpp>

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::inspect {

enum class TaskStatus : std::uint8_t { unstarted, ready, running, waiting };

std::string_view to_text(TaskStatus status) noexcept;

struct TaskInfo {
  std::uint64_t id;
  std::string name;  // that it was given
  std::source_location where;  // its coroutine
  TaskStatus status;
  unsigned cancelling;  // requests to stop that nobody took back
  // While it waits: "a Lock held by task 2", "read 127.0.0.1:80", "Queue.get of 0/64".
  std::string waits_for;
  // The tasks that must go on first: who holds that lock, whom it joins. By their ids.
  std::vector<std::uint64_t> waits_on;
  // Those that it is above of: whom it waits for, and the children of its groups.
  std::vector<std::uint64_t> children;
  // The coroutines that it is in, the innermost first, unless it runs; so many at most.
  static constexpr std::size_t most_frames = 32;
  std::vector<std::source_location> frames;
  std::size_t more_frames;  // beyond those
  bool foreign_frames;      // what comes then is another library's coroutine
};

// All that have not ended, in the order in which they were started. Throws UsageError on another
// thread than the loop's, and after a fork in the child; so do table() and dump().
std::vector<TaskInfo> tasks(Loop& loop = Loop::current());

// Circles of tasks that wait for each other, each once: AB/BA, or one that waits for itself. Those
// never end, unless somebody cancels, or what they wait for has another way to come. Of circles
// that have tasks in common it may be one that is told.
std::vector<std::vector<std::uint64_t>> cycles(const std::vector<TaskInfo>& tasks);

// A line for each task, as ps(1) has it.
std::string table(Loop& loop = Loop::current());

// All as a tree for people: below a task those that it waits for, with the coroutines that each is
// in, and the cycles.
std::string dump(Loop& loop = Loop::current());

// Writes a dump each time when `signal` comes: to stderr, or to whom is given. To be spawned; runs
// until it is cancelled. Throws like Signals, and what `to` throws.
//
//   eddy::spawn(eddy::inspect::dump_on_signal(SIGUSR1));
using Sink = std::function<void(std::string_view)>;
Task<> dump_on_signal(int signal, Sink to = nullptr);

// Answers who connects there: a line "ps" with a table, "pstree" with a dump, and closes. To be
// spawned; runs until it is cancelled. A path is gone afterwards. Only this user and root are
// answered, 32 at a time, and who does not ask or read within ten seconds no longer. Throws Error
// like listen(): EADDRINUSE where a path is there already; UsageError for what is no UNIX address.
Task<> serve(Address address);

}  // namespace eddy::inspect
