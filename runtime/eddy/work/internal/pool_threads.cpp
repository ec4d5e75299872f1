#include <eddy/work/internal/pool_threads.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/process.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/work/internal/signals_blocked.hpp>
#include <eddy/work/internal/thread_calls.hpp>

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

namespace eddy::internal {
namespace {

// Whose thread this is.
constinit thread_local const PoolThreads* pool_of_thread = nullptr;

}  // namespace

PoolThreads::PoolThreads(unsigned most, const char* name) : name_(name), process_(process_mark) {
  if (most == 0) throw UsageError("a pool without threads would never run anything");
  stats_.most_threads = most;
}

PoolThreads::~PoolThreads() {
  EDDY_ASSERT(threads_.empty());
  EDDY_ASSERT(queue_.empty());
}

bool PoolThreads::is_of_another_process() const noexcept { return process_ != process_mark; }

void PoolThreads::require_usable() const {
  if (is_of_another_process()) {
    throw UsageError("a thread pool of another process: it was made before fork()");
  }
  // It would hold one of the threads that it waits for: with each of them doing so nothing runs.
  if (pool_of_thread == this) {
    throw UsageError("a call of a thread pool waits for its own pool: give it another one");
  }
}

int PoolThreads::submit(PoolJob& job) {
  require_usable();
  job.queued_at_ = sys::now();
  std::unique_lock lock(mutex_);
  if (ending_) throw UsageError("a call of a thread pool that has ended");
  EDDY_ASSERT(job.state_ == PoolJob::State::idle);
  EDDY_ASSERT(idle_ <= stats_.threads);
  if (stats_.queued >= idle_ && stats_.threads < stats_.most_threads) {
    const int error = start();
    if (error != 0 && stats_.threads == 0) return error;  // else the others will do it
  }
  job.pool_ = this;
  job.state_ = PoolJob::State::queued;
  queue_.push_back(job);
  ++stats_.queued;
  const bool wakes = needs_another();
  lock.unlock();
  if (wakes) wake_.notify_one();
  return 0;
}

// True: whoever asks wakes one.
bool PoolThreads::needs_another() noexcept {
  if (queue_.empty() || sleeping_ == 0 || waking_) return false;
  waking_ = true;
  return true;
}

bool PoolThreads::withdraw(PoolJob& job) noexcept {
  std::lock_guard lock(mutex_);
  if (job.state_ != PoolJob::State::queued) return false;
  EDDY_ASSERT(job.linked());
  EDDY_ASSERT(stats_.queued > 0);
  job.unlink();
  job.state_ = PoolJob::State::idle;
  --stats_.queued;
  return true;
}

// A new thread counts as idle at once: it will take what is queued next.
int PoolThreads::start() noexcept {
  const SignalsBlocked blocked;
  try {
    threads_.reserve(threads_.size() + 1);
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    return error.code().value();
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  ++stats_.threads;
  ++idle_;
  return 0;
}

PoolJob& PoolThreads::take(Instant now) noexcept {
  PoolJob& job = *queue_.pop_front();
  EDDY_ASSERT(job.state_ == PoolJob::State::queued);
  EDDY_ASSERT(idle_ > 0);
  job.state_ = PoolJob::State::running;
  const Duration waited = std::max(now - job.queued_at_, Duration::zero());
  stats_.waited += waited;
  stats_.longest_wait = std::max(stats_.longest_wait, waited);
  --stats_.queued;
  ++stats_.begun;
  ++stats_.running;
  --idle_;
  return job;
}

void PoolThreads::work() noexcept {
  pool_of_thread = this;
  sys::pthread_setname_np(::pthread_self(), name_);
  std::unique_lock lock(mutex_);
  for (;;) {
    while (queue_.empty() && !ending_) sleep(lock);
    if (queue_.empty()) return;
    PoolJob* job = &take(sys::now());
    const bool wakes = needs_another();
    lock.unlock();
    if (wakes) wake_.notify_one();
    while (job) job = run(*job);
    lock.lock();
  }
}

void PoolThreads::sleep(std::unique_lock<std::mutex>& lock) {
  ++sleeping_;
  wake_.wait(lock, [this] { return waking_ || ending_; });
  EDDY_ASSERT(sleeping_ > 0);
  --sleeping_;
  waking_ = false;
}

// Idle before anybody hears of it: what is called next needs no other thread. The next job, if
// there is one, is taken under the same lock.
PoolJob* PoolThreads::run(PoolJob& job) noexcept {
  ThreadCalls::run(job);
  const Instant now = sys::now();
  std::unique_lock lock(mutex_);
  EDDY_ASSERT(stats_.running > 0);
  job.state_ = PoolJob::State::idle;
  --stats_.running;
  ++idle_;
  PoolJob* next = queue_.empty() ? nullptr : &take(now);
  lock.unlock();
  ThreadCalls::give_back(job);  // afterwards it is the loop's again
  return next;
}

void PoolThreads::join() noexcept {
  if (is_of_another_process()) return;
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::lock_guard lock(mutex_);
  EDDY_ASSERT(queue_.empty());
  EDDY_ASSERT(stats_.running == 0);
  stats_.threads = idle_ = 0;
}

ThreadPoolStats PoolThreads::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace eddy::internal
