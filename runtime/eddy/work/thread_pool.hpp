// ThreadPool: threads of one's own for functions that block or compute.
//
// At most so many calls run at once; more queue, in order. A thread is started when there is
// something for it, and all end with the pool. Signals go to other threads. A pool may serve
// several loops, each on its thread.
//
// A call that waits for a loop, in get() or wait() of what run_from_thread() gave, may wait for its
// own pool by that: meanwhile the pool may have one thread more, which ends afterwards. So there
// are never more than `threads` beside those that wait; only when such a call goes on one more may
// run until the next has ended.
//
// No other wait for its own pool is seen: a call that holds a thread that it waits for waits for
// ever. In a loop that runs on one of the pool's threads it is refused.
#pragma once

#include <eddy/work/cpus.hpp>
#include <eddy/work/thread_call.hpp>

namespace eddy {

class ThreadPool {
 public:
  // Throws UsageError for 0.
  explicit ThreadPool(unsigned threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  // Runs what is queued and waits for it: blocks, the loop as well, while calls go on. Does nothing
  // in a child after fork(), which has none of the threads.
  ~ThreadPool();

  // co_await pool.submit(function, arguments...): calls it on a thread of the pool; a ThreadCall.
  // Function and arguments are copied or moved now, as std::thread does (std::ref for a reference).
  // Throws what the function throws; Error when there is no thread and none can be started;
  // UsageError on one of the pool's own threads and after its end.
  template <class F, class... Args>
    requires internal::Callable<F, Args...>
  auto submit(F&& function, Args&&... arguments) {
    EDDY_CHECK_KEPT(F, Args...);
    return internal::call_on_thread(threads_, std::forward<F>(function),
                                    std::forward<Args>(arguments)...);
  }
  // Cancelled, it does not wait for a function that has begun.
  template <class F, class... Args>
    requires internal::Callable<F, Args...>
  auto submit(AbandonOnCancel, F&& function, Args&&... arguments) {
    EDDY_CHECK_KEPT(F, Args...);
    return internal::leave_to_thread(threads_, std::forward<F>(function),
                                     std::forward<Args>(arguments)...);
  }

  // From any thread.
  ThreadPoolStats stats() const { return threads_->stats(); }

 private:
  friend internal::PoolThreads& threads_of(ThreadPool& pool) noexcept { return *pool.threads_; }
  std::shared_ptr<internal::PoolThreads> threads_;  // calls that wait have it as well
};

// A pool for computing: as many threads as there are processors for this process. More would take
// turns. What ProcessPoolExecutor is in Python: threads here do compute at the same time.
inline ThreadPool cpu_pool() { return ThreadPool(available_cpus()); }

}  // namespace eddy
