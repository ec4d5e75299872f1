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
  if (thread_owner == this) {
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
  ++stats_.queued;
  const int error = wants_thread() ? start() : 0;
  if (error != 0 && stats_.threads == stats_.waiting) {  // else the others will do it
    --stats_.queued;
    return error;
  }
  job.pool_ = this;
  job.state_ = PoolJob::State::queued;
  queue_.push_back(job);
  const bool wakes = needs_another();
  lock.unlock();
  if (wakes) wake_.notify_one();
  return 0;
}

bool PoolThreads::wants_thread() const noexcept {
  return stats_.queued > idle_ && stats_.threads < stats_.most_threads + stats_.waiting;
}

bool PoolThreads::has_too_many() const noexcept {
  return !ending_ && stats_.threads > stats_.most_threads + stats_.waiting;
}

// What is queued may be what it waits for. Where no thread can be started the next call that is
// submitted tries again.
void PoolThreads::thread_waits() noexcept {
  if (is_of_another_process()) return;
  const std::lock_guard lock(mutex_);
  ++stats_.waiting;
  EDDY_ASSERT(stats_.waiting <= stats_.running);
  if (wants_thread()) static_cast<void>(start());
}

void PoolThreads::thread_goes_on() noexcept {
  if (is_of_another_process()) return;
  std::unique_lock lock(mutex_);
  EDDY_ASSERT(stats_.waiting > 0);
  --stats_.waiting;
  const bool wakes = has_too_many() && sleeping_ > 0;
  lock.unlock();
  if (wakes) wake_.notify_one();
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
  thread_owner = this;
  sys::pthread_setname_np(::pthread_self(), name_);
  std::unique_lock lock(mutex_);
  for (;;) {
    while (queue_.empty() && !ending_ && !has_too_many()) sleep(lock);
    if (has_too_many()) return leave(lock);
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
  wake_.wait(lock, [this] { return waking_ || ending_ || has_too_many(); });
  EDDY_ASSERT(sleeping_ > 0);
  --sleeping_;
  waking_ = false;
}

// One too many: as many as there may be are left, and take what is queued.
void PoolThreads::leave(std::unique_lock<std::mutex>& lock) noexcept {
  EDDY_ASSERT(idle_ > 0);
  --idle_;
  --stats_.threads;
  const auto own = std::ranges::find(threads_, std::this_thread::get_id(), &std::thread::get_id);
  EDDY_ASSERT(own != threads_.end());
  std::swap(*own, threads_.back());
  std::thread before = std::exchange(left_, std::move(threads_.back()));
  threads_.pop_back();
  const bool wakes = needs_another();
  lock.unlock();
  if (wakes) wake_.notify_one();
  if (before.joinable()) before.join();  // it has left, and is about to end
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
  PoolJob* next = queue_.empty() || has_too_many() ? nullptr : &take(now);
  lock.unlock();
  ThreadCalls::give_back(job);  // afterwards it is the loop's again
  return next;
}

void PoolThreads::join() noexcept {
  if (is_of_another_process()) return;
  std::unique_lock lock(mutex_);
  ending_ = true;
  wake_.notify_all();
  while (!threads_.empty() || left_.joinable()) {  // one that waits may have started another
    std::thread thread = std::move(left_);
    if (!thread.joinable()) {
      thread = std::move(threads_.back());
      threads_.pop_back();
    }
    lock.unlock();
    thread.join();
    lock.lock();
  }
  EDDY_ASSERT(queue_.empty());
  EDDY_ASSERT(stats_.running == 0);
  stats_.threads = idle_ = 0;
}

ThreadPoolStats PoolThreads::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace eddy::internal
