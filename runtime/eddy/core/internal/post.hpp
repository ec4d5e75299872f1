// PostQueue: what other threads hand to the loop, and how they wake it.
//
// The only part of a loop that locks. The first callback of a batch writes an eventfd, the others
// only append; the loop pays one load per turn and no fence. The eventfd is polled, not read: reads
// of anonymous inodes regressed in 6.15.4, and a poll needs no second call.
//
// An embedder's descriptor is written as well. The ring would signal it for the poll of the first
// eventfd, but from inside of that one's wake-up, which the kernel puts off, and only once (6.18).
//
// A callback may end the loop before whoever posted it has written the eventfd, whose number is
// then another file's: so close() waits for who still writes.
#pragma once

#include <eddy/base/unique_fd.hpp>
#include <eddy/core/internal/completion_handler.hpp>
#include <eddy/core/internal/ready.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace eddy {
class Loop;
}

namespace eddy::internal {

class LoopSignals;

class PostQueue : private Ready, private CompletionHandler {
 public:
  using Callback = std::move_only_function<void()>;

  // This many callbacks between two turns cost no allocation.
  static constexpr std::size_t reserved = 1024;

  explicit PostQueue(Loop& loop);

  // From any thread. Throws UsageError after close(), and in a child after fork().
  void push(Callback callback);

  // From a signal handler, on any thread: the loop asks `signals` in its next turn.
  void tell_of_signal() noexcept;

  // -- from the loop's thread --

  bool pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
  void arm();        // starts polling the eventfd
  void schedule();   // if something was posted: run it in the next turn
  void close();      // later posts throw; what was posted already is dropped
  void stop_polling();  // the poll's last completion follows
  void tell(int eventfd);  // this one as well, from now on; it lives until close()
  void ask(LoopSignals* signals) noexcept { signals_ = signals; }  // null: nobody
  int eventfd() const noexcept { return eventfd_.get(); }

 private:
  static void run(Ready& ready) noexcept;
  static void on_wake(CompletionHandler& completion, int result, std::uint32_t flags) noexcept;

  Loop& loop_;
  UniqueFd eventfd_;
  std::atomic<bool> pending_ = false;
  bool scheduled_ = false;
  std::uint32_t process_;
  std::mutex mutex_;
  bool closed_ = false;
  std::atomic<int> embedder_ = -1;  // the other eventfd, if any
  unsigned writers_ = 0;            // threads that are about to write one
  std::condition_variable written_;
  std::vector<Callback> posted_;
  std::vector<Callback> running_;
  LoopSignals* signals_ = nullptr;
};

}  // namespace eddy::internal
