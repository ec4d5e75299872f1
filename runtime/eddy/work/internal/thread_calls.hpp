// ThreadCalls: a loop's calls that are on threads, and the way back from there.
//
// What ran goes to a list without a lock: the first of a batch posts to the loop, which takes them
// all. A thread that is stopped in the middle of it holds nobody up.
// When the loop closes, every call has come back before: so nothing of a call outlives its loop,
// and the thread that a loop's own pool has for it has ended when run() returns (F84).
#pragma once

#include <eddy/core/loop.hpp>
#include <eddy/work/internal/pool_job.hpp>
#include <eddy/work/thread_pool.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace eddy::internal {

class ThreadCalls : public LoopService {
 public:
  explicit ThreadCalls(Loop& loop) noexcept : loop_(loop) {}

  // By a thread of `pool`, of the loop's own where that is null, with the variables of `context`. 0
  // or an errno, as PoolThreads::submit().
  int submit(PoolJob& job, PoolThreads* pool, const Context& context);
  // It is not run any more if it was not yet: then true.
  bool withdraw(PoolJob& job) noexcept;
  void stop() noexcept override;

  ThreadPool& own_pool();

  // -- on a pool's thread --
  static void run(PoolJob& job) noexcept;
  static void give_back(PoolJob& job) noexcept { job.calls_->take_back(job); }

 private:
  void take_back(PoolJob& job) noexcept;
  void tell() noexcept;
  bool try_to_tell();
  void deliver() noexcept;

  Loop& loop_;
  std::optional<ThreadPool> own_pool_;
  std::size_t away_ = 0;  // submitted, and not back

  std::atomic<PoolJob*> back_ = nullptr;  // the latest first; the loop is told of the first
  std::atomic<unsigned> telling_ = 0;     // threads that have found nothing there, and tell it
  std::mutex mutex_;                      // of a loop that closes, and waits for them
  std::condition_variable changed_;
};

}  // namespace eddy::internal
