// Watchdog: a thread that says which step holds the loop while it still does.
//
//   Loop loop;
//   Watchdog watchdog(loop, {.limit = 100ms});
//   loop.run(amain());
//   // eddy: a step holds the loop [fetch] (task 7) of fetch() (main.cpp:12) for 120ms, in read of
//   // fd 3 (pipe:[91]), on with parse()
//
// It looks at the loop from outside, as a debugger would, twice in each `limit`: some system calls
// of a thread of its own, and not an instruction of the loop's. Debug mode, which tells of a step
// when it is over, is another thing, and either works without the other.
//
// Reported are a step of a task or a callback that takes longer than `limit`, and a turn of so many
// steps that they take longer together; each once, within two limits, and once more when it is
// over. A loop that waits for the kernel is held by nobody. What a child after fork() does is not
// seen: the thread is not there.
#pragma once

#include <eddy/core/loop.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace eddy {

namespace internal {
class Watch;
}

// Trivially copyable.
struct WatchdogOptions {
  AnyDuration limit = std::chrono::milliseconds(100);
};

// What holds the loop. Texts are empty where they are not known, or say nothing.
struct HoldReport {
  Duration took{};  // so far; when it is over, all of it, to within half a limit
  bool over = false;
  bool several = false;      // many steps of one turn, of which the last is told
  std::uint64_t task = 0;    // its id; 0: a callback, or the loop itself
  std::string name = {};     // that the task was given
  std::string where = {};    // the task's coroutine: "fetch() (main.cpp:12)"
  std::string function = {};     // the coroutine that the step went on with
  std::string system_call = {};  // that it is blocked in: "read of fd 3 (/dev/tty)"
};

// What the default writes, in one line without its end; see above.
std::string to_text(const HoldReport& report);

class Watchdog {
 public:
  // Called on the watchdog's own thread, so it may touch the loop only by post(). It must not
  // destroy the Watchdog. Where it throws, the default is used, which writes to stderr.
  using Report = std::function<void(const HoldReport&)>;

  // REQUIRES: on the loop's thread. Throws UsageError for another thread, a closed loop and a limit
  // that is not positive; Error where no thread can be started, and where this process may not
  // read its own memory by process_vm_readv(2) or /proc/self/mem.
  explicit Watchdog(Loop& loop, WatchdogOptions options = {}, Report report = nullptr);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  // Waits until the thread has ended, and for a report that it is in. It may outlive the loop.
  ~Watchdog();

 private:
  std::unique_ptr<internal::Watch> watch_;
};

}  // namespace eddy
