#include <eddy/work/internal/blocking_calls.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/work/internal/signals_blocked.hpp>

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

namespace eddy::internal {

// Outlives the loop for as long as a thread is in a call. The threads are detached: nothing could
// join the one that hangs.
class BlockingCalls::Threads : public std::enable_shared_from_this<Threads> {
 public:
  explicit Threads(Loop& loop) noexcept : loop_(&loop) {}

  void submit(std::shared_ptr<BlockingCall> call) {
    {
      std::lock_guard lock(mutex_);
      EDDY_ASSERT(loop_);
      EDDY_ASSERT(idle_ <= count_);
      const bool hangs = call->may_hang_;
      if (queue_.size() >= idle_ && count_ < wanted()) start();
      queue_.push_back(std::move(call));
      hanging_ += hangs;
    }
    wake_.notify_one();
  }

  bool withdraw(const BlockingCall& call) noexcept {
    std::lock_guard lock(mutex_);
    const auto gone = queue_.remove_if([&](const auto& queued) { return queued.get() == &call; });
    if (call.may_hang_) hanging_ -= static_cast<unsigned>(gone);
    return gone > 0;
  }

  // Afterwards no thread knows the loop, and none is left but those in a call.
  void stop() noexcept {
    std::list<std::shared_ptr<BlockingCall>> dropped;
    std::unique_lock lock(mutex_);
    loop_ = nullptr;
    dropped.swap(queue_);
    wake_.notify_all();
    ended_.wait(lock, [this] { return idle_ == 0; });
  }

 private:
  unsigned wanted() const noexcept { return most_threads + std::min(hanging_, most_hanging); }

  // A new thread counts as idle at once: it will take what is queued next.
  void start() {
    const SignalsBlocked blocked;
    try {
      std::thread([self = shared_from_this()] { self->work(); }).detach();
    } catch (const std::system_error& error) {
      if (count_ > 0) return;  // the others will do it
      throw Error(error.code(), "start a thread");
    } catch (const std::bad_alloc&) {
      if (count_ == 0) throw;
      return;
    }
    ++count_;
    ++idle_;
  }

  void work() noexcept {
    sys::pthread_setname_np(::pthread_self(), "eddy-blocking");
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !loop_ || !queue_.empty(); });
      if (!loop_) break;
      EDDY_ASSERT(idle_ > 0);
      --idle_;
      EDDY_ASSERT(!queue_.empty());
      auto call = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      call->run();
      lock.lock();
      hanging_ -= call->may_hang_;
      ++idle_;
      answer(call, lock);
      if (queue_.empty() && count_ > wanted()) break;  // what hung has ended
    }
    EDDY_ASSERT(count_ <= most_threads + most_hanging);
    --count_;
    --idle_;
    ended_.notify_all();
  }

  // Under the lock: the loop cannot go meanwhile. Without memory it is told a little later:
  // somebody waits for it.
  void answer(const std::shared_ptr<BlockingCall>& call, std::unique_lock<std::mutex>& lock) {
    while (loop_ && !try_to_answer(call)) wake_.wait_for(lock, std::chrono::milliseconds(1));
  }

  bool try_to_answer(const std::shared_ptr<BlockingCall>& call) {
    try {
      loop_->post([call] {
        if (WaitForCall* waiter = std::exchange(call->waiter_, nullptr)) waiter->wake();
      });
    } catch (const UsageError&) {  // it has begun to close: nobody waits any more
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ended_;
  std::list<std::shared_ptr<BlockingCall>> queue_;  // unlike a deque, empty without memory
  Loop* loop_;  // null once it has closed
  unsigned count_ = 0;
  unsigned idle_ = 0;  // of these, not in a call
  unsigned hanging_ = 0;  // calls, queued or begun, that may hang
};

BlockingCalls::BlockingCalls(Loop& loop) : threads_(std::make_shared<Threads>(loop)) {}

void BlockingCalls::submit(std::shared_ptr<BlockingCall> call) {
  threads_->submit(std::move(call));
}
bool BlockingCalls::withdraw(const BlockingCall& call) noexcept {
  return threads_->withdraw(call);
}
void BlockingCalls::stop() noexcept { threads_->stop(); }

// Submitted before it parks, because it may throw; not at all where the wait would end at once.
void WaitForCall::await_suspend(std::coroutine_handle<> frame) {
  require_first_await();
  if (thread_state.task && !thread_state.task->cancel_pending()) {
    Loop::current().service<BlockingCalls>().submit(call_);
    EDDY_ASSERT(!call_->waiter_);
    call_->waiter_ = this;
  }
  park(frame);
}

// Also of a call that was never submitted, because the request was pending before.
bool WaitForCall::end_early(Waiter& waiter) {
  auto& wait = static_cast<WaitForCall&>(waiter);
  BlockingCall& call = *wait.call_;
  EDDY_ASSERT(!call.waiter_ || call.waiter_ == &wait);
  const bool begun =
      call.waiter_ && !wait.task()->loop().service<BlockingCalls>().withdraw(call);
  if (begun && wait.to_its_end_) return false;
  call.waiter_ = nullptr;
  return leave(waiter);
}

}  // namespace eddy::internal
