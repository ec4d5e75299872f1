#include <eddy/work/internal/thread_calls.hpp>

#include <eddy/base/error.hpp>
#include <eddy/work/cpus.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace eddy::internal {

// As many as Python's: calls that wait for something are many, and cost little.
ThreadPool& ThreadCalls::own_pool() {
  if (!own_pool_) own_pool_.emplace(std::min(32u, available_cpus() + 4));
  return *own_pool_;
}

int ThreadCalls::submit(PoolJob& job, PoolThreads* pool, const Context& context) {
  job.calls_ = this;
  job.context_ = &context;
  const int error = (pool ? *pool : threads_of(own_pool())).submit(job);
  if (error == 0) ++away_;
  return error;
}

bool ThreadCalls::withdraw(PoolJob& job) noexcept {
  EDDY_ASSERT(job.calls_ == this);
  if (!job.pool_->withdraw(job)) return false;
  EDDY_ASSERT(away_ > 0);
  --away_;
  return true;
}

void ThreadCalls::run(PoolJob& job) noexcept {
  EDDY_ASSERT(job.context_);
  const Context::Lent lent(*job.context_);
  job.run();
}

// `telling_` keeps the loop there while it is told: its task may be the last, and end at once.
void ThreadCalls::take_back(PoolJob& job) noexcept {
  std::unique_lock lock(mutex_);
  back_.push_back(job);
  if (std::exchange(told_, true)) return;
  ++telling_;
  lock.unlock();
  while (!try_to_tell()) {  // without memory it is told a little later: somebody waits for it
    lock.lock();
    changed_.wait_for(lock, std::chrono::milliseconds(1));
    lock.unlock();
  }
  lock.lock();
  EDDY_ASSERT(telling_ > 0);
  --telling_;
  changed_.notify_all();
}

bool ThreadCalls::try_to_tell() {
  try {
    loop_.post([this] { deliver(); });
  } catch (const UsageError&) {  // it has begun to close, and looks by itself
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void ThreadCalls::deliver() {
  std::unique_lock lock(mutex_);
  told_ = false;
  while (PoolJob* job = back_.pop_front()) {
    EDDY_ASSERT(away_ > 0);
    --away_;
    lock.unlock();
    job->came_back();
    lock.lock();
  }
}

// Only those that nobody waits for any more are away: they are waited for here.
void ThreadCalls::stop() noexcept {
  for (;;) {
    deliver();
    std::unique_lock lock(mutex_);
    if (away_ == 0 && telling_ == 0) break;
    changed_.wait(lock, [this] { return !back_.empty() || (away_ == 0 && telling_ == 0); });
  }
  own_pool_.reset();
}

}  // namespace eddy::internal
