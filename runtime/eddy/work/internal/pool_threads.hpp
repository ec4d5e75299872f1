// PoolThreads: the threads behind a ThreadPool and the queue before them.
//
// A thread is started when there is something to run and none is idle, and ends with the pool. All
// signals are blocked in it. The queue is of jobs that lie where somebody waits for them: nothing
// is allocated but for a new thread.
//
// A thread that waits for a loop (ThreadFuture) is away: while it is, there may be one thread more.
// When it goes on there is one too many, and the next that is idle ends.
//
// One sleeping thread is woken at a time; once it runs, and before it runs a job, it wakes the next
// if there is more to do. So a batch of short jobs wakes no more threads than it keeps busy.
#pragma once

#include <eddy/core/internal/thread_owner.hpp>
#include <eddy/work/internal/pool_job.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace eddy {

// Of a pool: gauges of now, and what it has seen since it was made.
struct ThreadPoolStats {
  unsigned threads = 0;        // that there are
  unsigned most_threads = 0;   // that there may be, beside those that wait
  unsigned running = 0;        // calls that threads are in
  unsigned waiting = 0;        // of these, in the get() or wait() of a ThreadFuture
  std::size_t queued = 0;      // calls that wait for a thread
  std::uint64_t begun = 0;     // calls that a thread took
  Duration waited{};           // in the queue, all of these together
  Duration longest_wait{};     // ... and the one that waited longest
};

namespace internal {

class PoolThreads final : public ThreadOwner {
 public:
  // `name` is a literal of at most 15 characters. Throws UsageError for no threads.
  PoolThreads(unsigned most, const char* name);
  ~PoolThreads();

  // 0, or an errno when it needs a thread and none can be started. Throws UsageError on one of the
  // pool's own threads, after join(), and in a child after fork().
  int submit(PoolJob& job);
  // It is not run any more if it was not yet: then true.
  bool withdraw(PoolJob& job) noexcept;
  // Runs what is queued, and waits until every thread has ended. Nothing in a child after fork().
  void join() noexcept;

  // In a child after fork(): the threads are not there, and a lock may be held for ever.
  bool is_of_another_process() const noexcept;

  ThreadPoolStats stats() const;

  // -- on a thread of the pool --
  void thread_waits() noexcept override;
  void thread_goes_on() noexcept override;

 private:
  void require_usable() const;
  bool wants_thread() const noexcept;
  bool has_too_many() const noexcept;
  int start() noexcept;
  void work() noexcept;
  void leave(std::unique_lock<std::mutex>& lock) noexcept;
  void sleep(std::unique_lock<std::mutex>& lock);
  bool needs_another() noexcept;
  PoolJob* run(PoolJob& job) noexcept;
  PoolJob& take(Instant now) noexcept;

  const char* name_;
  std::uint32_t process_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  List<PoolJob> queue_;
  ThreadPoolStats stats_;
  unsigned idle_ = 0;      // threads that are in no call
  unsigned sleeping_ = 0;  // ... of those, who wait to be woken
  bool waking_ = false;    // one of these has been told, and does not run yet
  bool ending_ = false;
  std::vector<std::thread> threads_;
  std::thread left_;  // the last of them that was one too many, to be joined
};

}  // namespace internal

}  // namespace eddy
