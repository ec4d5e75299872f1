// LoopOptions and Stats: what goes into a loop, and what can be read off it.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/core/histogram.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>

namespace eddy {

// Where a file operation runs that the kernel would hand to a worker thread (buffered writes, stat,
// rename, unlink, mkdir, open with O_CREAT). Reads and plain opens are tried inline by calls that
// never wait for a disk, and use the ring when there is something to wait for, or when several of
// them share it and a system call costs more than a request; with `ring` they use it always, as
// fsync and O_DIRECT do with each.
enum class FilePolicy : std::uint8_t {
  automatic,  // inline on local file systems, on the ring for remote ones and while a disk is slow
  ring,       // never blocks the loop, unless the kernel has no thread for a call; 2 to 70 times
              // the cost of a call that would not have blocked
  inline_,    // a plain system call: cheapest, and blocks the loop for as long as the disk takes
};

// Each default serves. Trivially copyable.
struct LoopOptions {
  unsigned submission_entries = 256;   // operations per enter; more are queued, none is lost
  unsigned completion_entries = 4096;  // operations in flight, more while none of them ends; the
                                       // rest is queued, none is lost
  unsigned io_workers = 4;             // cap of the kernel's threads for blocking file operations;
                                       // an open that waits for somebody else has one of its own,
                                       // and so have up to 64 calls on remote file systems
  unsigned registered_files = 1024;    // places for streams in use and OpenOptions.registered; no
                                       // more than RLIMIT_NOFILE
  unsigned registered_buffers = 0;     // places for RegisteredBuffer
  AnyDuration spin{};                  // busy-poll so long before blocking: latency for CPU
  AnyDuration timer_slack{};           // a sleeping loop may wake so much late, to batch timers
  unsigned batch = 1;                  // throughput mode: wait for so many completions, ...
  AnyDuration batch_wait{};            // ... so long for more than one (6.12); 0: not at all
  FilePolicy file_policy = FilePolicy::automatic;
  AnyDuration slow_call = std::chrono::microseconds(200);  // automatic: an inline call slower than
  AnyDuration slow_rest = std::chrono::seconds(1);         // this sends its mount to the ring, for
                                                           // a 64th of this at first, up to this
  AnyDuration slow_step = std::chrono::milliseconds(100);  // debug: longer steps are reported
  bool handle_sigint = false;   // run(): the first Ctrl-C cancels main; see below
  bool debug = false;           // also by EDDY_DEBUG=1 in the environment
  bool histograms = false;      // Stats tells how long steps and turns take, at a clock's reading a
                                // step: 20 ns
  bool virtual_time = false;    // for tests: time jumps to the next deadline instead of passing
  std::uint32_t without = 0;    // kernel features (core/feature.hpp) not to use
};

// With handle_sigint the first SIGINT during run() cancels main. Does that end it, and has nobody
// else cancelled it, the loop closes, in which every task cleans up, and run() throws
// KeyboardInterrupt. A second SIGINT ends the process at once, whatever the loop is doing. What
// somebody on this loop waits for (Signals) is his: then main goes on. Nothing is done where SIGINT
// is ignored, as in what a shell starts in the background, or is another's, when run() begins.

// Counters since the loop was made, and gauges of now.
struct Stats {
  std::uint64_t turns = 0;
  std::uint64_t steps = 0;       // times that a task or a callback ran
  std::uint64_t enters = 0;      // system calls of the ring
  std::uint64_t submitted = 0;   // requests, for the kernel or on their way to it
  std::uint64_t completed = 0;   // completions reaped
  std::uint64_t posts = 0;       // callbacks from post()
  std::uint64_t inline_calls = 0;  // file operations done as plain system calls
  Duration inline_longest{};       // the longest of them: how long the loop was held
  std::uint64_t slow_calls = 0;    // of them, longer than LoopOptions.slow_call
  std::uint64_t plain_sends = 0;   // sends tried as plain system calls, since the only task that is
                                   // ready would have the enter to itself
  std::size_t tasks = 0;         // not done
  std::size_t in_flight = 0;     // operations that the kernel has
  std::size_t queued = 0;        // operations waiting for a place in the ring
  std::size_t timers = 0;        // armed
  // Of the turns in which anything ran, with LoopOptions.histograms: 1.2 KB of every loop.
  Histogram queue_length;  // tasks and callbacks that were ready when the turn began
  Histogram step_ns;       // how long each of them held the loop
  Histogram turn_ns;       // ... and all of a turn: for so long nobody else is heard
};

// The tasks that are not done, by what they do.
struct TaskCounts {
  std::size_t running = 0;  // one, or none outside of any
  std::size_t ready = 0;    // run in this turn or the next, or have not begun
  std::size_t waiting = 0;
};

// What an exception handler is told. `message` may be a text that is gone after the call: to_text()
// makes one to keep.
struct ExceptionReport {
  std::string_view message;            // what happened: "task exception was never retrieved"
  std::exception_ptr exception = {};   // null for a slow step or a task never awaited
  std::string task = {};               // its name, or empty
  std::source_location where = {};     // the coroutine; GCC 12 gives the line where it ends
  Duration took{};                     // of a slow step
};

// What the default handler writes, in one line without its end:
//   task exception was never retrieved [worker] in fetch() (main.cpp:12): open 'x': No such file
std::string to_text(const ExceptionReport& report);

using ExceptionHandler = std::function<void(const ExceptionReport&)>;

}  // namespace eddy
