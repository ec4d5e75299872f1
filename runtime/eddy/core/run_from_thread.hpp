// run_from_thread: a task for the loop of another thread, as asyncio.run_coroutine_threadsafe, and
// the future that brings its end back.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/core/internal/thread_owner.hpp>
#include <eddy/core/spawn.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

namespace eddy {

namespace internal {

// Where a future finds its task; both may end first. What stands before the mutex is the loop's
// thread's alone.
class RemoteTask {
 public:
  explicit RemoteTask(Loop& loop) noexcept;

  // On the loop's thread. No reference: it is told of the end.
  void begins(TaskState& task) noexcept;
  void ends() noexcept;

  static bool cancel(const std::shared_ptr<RemoteTask>& remote, std::string_view reason);

  // Ends it with the callback that was to begin it, or the one that was to tell of its end.
  class End {
   public:
    explicit End(std::shared_ptr<RemoteTask> remote) noexcept : remote_(std::move(remote)) {}
    End(End&&) noexcept = default;
    End& operator=(End&&) = delete;
    ~End() { if (remote_) remote_->ends(); }
    RemoteTask* operator->() const noexcept { return remote_.get(); }

   private:
    std::shared_ptr<RemoteTask> remote_;
  };

 private:
  TaskState* task_ = nullptr;
  std::uint32_t process_;
  std::mutex mutex_;
  Loop* loop_;  // null once there is nothing to be cancelled
};

}  // namespace internal

// What run_from_thread() gives: a std::future, which can stop what it waits for. A thread of a pool
// that waits here makes room for another, so that the task may need that pool; share() gives a
// std::shared_future, of whose waits the pool does not hear.
template <class T>
class ThreadFuture : public std::future<T> {
 public:
  ThreadFuture() noexcept = default;

  T get() {
    wait();
    return std::future<T>::get();
  }
  void wait() const {
    if (is_ready()) return;
    const internal::ThreadWaits waits;
    std::future<T>::wait();
  }
  template <class Rep, class Period>
  std::future_status wait_for(const std::chrono::duration<Rep, Period>& length) const {
    if (length <= length.zero() || is_ready()) return std::future<T>::wait_for(length);
    const internal::ThreadWaits waits;
    return std::future<T>::wait_for(length);
  }
  template <class Clock, class Length>
  std::future_status wait_until(const std::chrono::time_point<Clock, Length>& time) const {
    if (is_ready()) return std::future_status::ready;
    const internal::ThreadWaits waits;
    return std::future<T>::wait_until(time);
  }

  // From any thread, also while another waits in get(): asks the task to stop, as
  // JoinHandle::cancel() does; one that has not begun never does. get() then throws Cancelled, or
  // gives what the task ended with all the same. False when it has ended, and when the loop has.
  // Throws UsageError after fork() in the child.
  bool cancel(std::string_view reason = {}) const {
    return remote_ && internal::RemoteTask::cancel(remote_, reason);
  }

 private:
  template <class U>
  friend ThreadFuture<U> run_from_thread(Loop& loop, Task<U> task);

  ThreadFuture(std::future<T> result, std::shared_ptr<internal::RemoteTask> remote) noexcept
      : std::future<T>(std::move(result)), remote_(std::move(remote)) {}

  bool is_ready() const {
    return std::future<T>::wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  std::shared_ptr<internal::RemoteTask> remote_;
};

// From any thread: runs `task` on `loop`, and brings its value or exception back. A loop that
// closes before the task is done, or has no memory to start it, leaves a broken promise. The future
// may outlive the loop.
template <class T>
ThreadFuture<T> run_from_thread(Loop& loop, Task<T> task) {
  std::promise<T> promise;
  auto remote = std::make_shared<internal::RemoteTask>(loop);
  ThreadFuture<T> future(promise.get_future(), remote);
  loop.post([task = std::move(task), promise = std::move(promise),
             end = internal::RemoteTask::End(std::move(remote))]() mutable {
    internal::RemoteTask& begun = *end.operator->();
    auto deliver = [promise = std::move(promise),
                    end = std::move(end)](const TaskHandle& handle) mutable {
      handle.state().mark_retrieved();
      end->ends();  // first: who has the value has nothing to cancel
      try {
        if constexpr (std::is_void_v<T>) {
          handle.state().rethrow();
          promise.set_value();
        } else {
          promise.set_value(std::move(
              JoinHandle<T>(static_cast<internal::TaskResult<T>&>(handle.state())).result()));
        }
      } catch (...) {
        promise.set_exception(std::current_exception());
      }
    };
    const auto handle = spawn(std::move(task));
    try {
      handle.on_done(std::move(deliver));
    } catch (...) {  // nobody would hear of it
      handle.cancel();
      throw;
    }
    begun.begins(handle.state());
  });
  return future;
}

}  // namespace eddy
