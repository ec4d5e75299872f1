// Signals: what the process is sent: SIGTERM, SIGHUP, Ctrl-C.
//
//   Signals signals({SIGINT, SIGTERM, SIGHUP});
//   while (const int number = co_await signals.next()) {
//     if (number != SIGHUP) break;
//     reload();
//   }
//
// While one is alive its signals do nothing else; with the last one, on any loop, what they did
// before is there again. Each Signals is told of each signal, whichever loop and thread it is of.
// Signals coalesce: who takes one learns that it has come since the last was taken, not how often.
// They may arrive on any thread, and none has to be blocked; none should be in all threads.
//
// The handler of the process is eddy's meanwhile, with SA_RESTART: calls of other threads go on. A
// child of fork() has the earlier actions; one that is made by posix_spawn() the default ones.
#pragma once

#include <eddy/core/internal/raises.hpp>
#include <eddy/sync/internal/signal_queue.hpp>

#include <csignal>
#include <initializer_list>
#include <optional>

namespace eddy {

class Signals {
 public:
  // Of the running loop: from now on none is missed, and none ends the process. Throws UsageError
  // for those that nobody can wait for (SIGKILL, SIGSTOP; SIGSEGV and others that are for what a
  // thread itself did; numbers that are none) and for an empty list; Error where the kernel
  // refuses.
  Signals(std::initializer_list<int> numbers) : queue_(internal::signal_mask(numbers)) {}
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  class Next;

  // Resumes when one has come, at once if one is there; gives its number, the lowest first. Several
  // waiters are served in order, each with one. Cancelled: none is lost. UsageError on another
  // loop than its own. ∅
  Next next() noexcept;

 private:
  internal::SignalQueue queue_;
};

class [[nodiscard]] Signals::Next : public internal::SignalWait,
                                    public internal::Raises<Next, int> {
 public:
  explicit Next(internal::SignalQueue& queue) noexcept : queue_(&queue) {}

  bool await_ready() const {
    queue_->check_use();
    return queue_->has_one();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    queue_->join(*this);
    park(frame);
  }
  Expected<int> await_outcome();

 private:
  internal::SignalQueue* queue_;
};

inline Signals::Next Signals::next() noexcept { return Next(queue_); }

// What signal() returns.
class [[nodiscard]] Signal : public internal::SignalWait, public internal::Raises<Signal, int> {
 public:
  explicit Signal(internal::SignalMask mask) noexcept : mask_(mask) {}
  Signal(const Signal& other) noexcept : SignalWait(other), Raises(other), mask_(other.mask_) {}
  Signal& operator=(const Signal&) = delete;
  ~Signal() { unlink(); }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);
  Expected<int> await_outcome();

 private:
  internal::SignalMask mask_;
  std::optional<internal::SignalQueue> queue_;
};

// Resumes when the signal comes, with its number: from the moment it is awaited. Before and after
// it does what it did: for more than one of a kind make a Signals. Cancelled: it has not come.
// Throws like Signals: UsageError when called, Error when awaited.
inline Signal signal(int number) { return Signal(internal::signal_mask({number})); }

}  // namespace eddy
