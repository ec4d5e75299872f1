#include <eddy/work/internal/thread_calls.hpp>

#include <eddy/base/error.hpp>
#include <eddy/work/cpus.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>
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

// Until it is in the list the call is away, and the loop is there; `telling_` keeps it there while
// it is told: its task may be the last, and end at once.
void ThreadCalls::take_back(PoolJob& job) noexcept {
  bool tells = false;
  PoolJob* latest = back_.load(std::memory_order_relaxed);
  do {
    const bool first = !latest;
    if (first && !tells) ++telling_;
    if (tells && !first) --telling_;
    tells = first;
    job.next_back_ = latest;
  } while (!back_.compare_exchange_weak(latest, &job));
  if (tells) tell();
}

void ThreadCalls::tell() noexcept {
  while (!try_to_tell()) {  // without memory it is told a little later: somebody waits for it
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
  { const std::lock_guard lock(mutex_); }  // a loop that closes sleeps already, or will see it
  changed_.notify_all();
  EDDY_ASSERT(telling_ > 0);
  --telling_;
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

// In the order in which they came.
void ThreadCalls::deliver() noexcept {
  PoolJob* first = nullptr;
  for (PoolJob* latest = back_.exchange(nullptr); latest;) {
    PoolJob* const before = std::exchange(latest->next_back_, first);
    first = std::exchange(latest, before);
  }
  while (PoolJob* job = first) {
    EDDY_ASSERT(away_ > 0);
    --away_;
    first = std::exchange(job->next_back_, nullptr);
    job->came_back();
  }
}

// Only those that nobody waits for any more are away: they are waited for here.
void ThreadCalls::stop() noexcept {
  for (deliver(); away_ > 0; deliver()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return back_ != nullptr; });
  }
  while (telling_ > 0) std::this_thread::yield();
  own_pool_.reset();
}

}  // namespace eddy::internal
