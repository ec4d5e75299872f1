// Task<T>: a lazy coroutine. Calling one makes a frame and runs nothing.
//
// co_await it once: the body runs inside the awaiting task, at once, and takes no turn of the loop
// unless it waits for something; its value or exception passes straight through. Or spawn() it.
// Cancelling is the business of the task it runs in. Dropping one that never ran destroys its
// arguments, and is reported in debug mode. Where a body ends by co_await fail(...), all that it
// holds dies before whoever awaits it goes on, as with an exception that is thrown.
#pragma once

#include <eddy/core/fail.hpp>
#include <eddy/core/internal/promise.hpp>
#include <eddy/core/loop.hpp>

#include <coroutine>
#include <utility>

#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::coro_await_elidable)
#define EDDY_AWAIT_ELIDABLE [[clang::coro_await_elidable]]
#endif
#endif
#ifndef EDDY_AWAIT_ELIDABLE
#define EDDY_AWAIT_ELIDABLE
#endif

namespace eddy {

template <class T = void>
class [[nodiscard]] EDDY_AWAIT_ELIDABLE Task {
 public:
  class promise_type;
  using value_type = T;
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      drop();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { drop(); }

  // The coroutine; with GCC 12 the line where it ends. REQUIRES: valid()
  std::source_location where() const noexcept { return frame_.promise().where(); }

  // False after it was moved from, spawned, or awaited and failed.
  bool valid() const noexcept { return static_cast<bool>(frame_); }

  // Destroys a task that never ran, on purpose: not reported.
  void discard() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

  // Gives the frame away, to be run by somebody else. Throws UsageError when that is too late.
  Handle release() {
    require_unrun("spawn");
    return std::exchange(frame_, nullptr);
  }

  // For a verb that has another coroutine do its work: messages name the verb. REQUIRES: valid()
  void set_where(std::source_location verb) noexcept { frame_.promise().set_where(verb); }

  bool await_ready() const {
    require_unrun("co_await");
    return false;
  }

  // Runs the body on this stack until it ends or waits. Only one that waits suspends its parent.
  bool await_suspend(std::coroutine_handle<> parent) {
    frame_.promise().start();
    if (internal::thread_state.stack_is_deep()) [[unlikely]] {
      internal::thread_state.next = frame_;
    } else {
      frame_.resume();
      if (frame_.promise().ended()) return false;
      if constexpr (!std::is_void_v<T>) {
        if (frame_.done()) [[unlikely]] return false;  // without a co_return
      }
    }
    frame_.promise().set_parent(parent);
    return true;
  }

  // For messages.
  internal::AwaitedName awaited() const noexcept { return {where().function_name()}; }
  // It is over, without a value.
  bool failed() const noexcept {
    return frame_.promise().ended() ? !frame_.promise().has_value() : frame_.done();
  }

  T await_resume() {
    if (!frame_.promise().has_value()) [[unlikely]] take_failure().raise();
    return frame_.promise().take();
  }
  Expected<internal::Held<T>> await_outcome() {
    if (!frame_.promise().has_value()) return std::unexpected(take_failure());
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return frame_.promise().take();
    }
  }

  // Throws UsageError when it was awaited or given away. `verb` is what was to be done with it.
  [[gnu::always_inline]] void require_unrun(const char* verb) const {
    if (!frame_) [[unlikely]] internal::throw_without_frame(verb, internal::signature_of<Task>());
    if (frame_.promise().started()) [[unlikely]] {
      internal::throw_awaited_twice(frame_.promise().where());
    }
  }

 private:
  explicit Task(Handle frame) noexcept : frame_(frame) {}

  void drop() noexcept {
    if (!frame_) return;
    if (!frame_.promise().started()) [[unlikely]] return drop_unrun();
    frame_.destroy();
  }
  void drop_unrun() noexcept {
    report_never_awaited();
    if constexpr (alignof(promise_type) <= 2 * sizeof(void*)) {
      frame_.promise().destroy_unrun();
    } else {
      frame_.destroy();
    }
  }

  // A frame that ended by fail() is suspended there with all its locals: they go now.
  Failure take_failure() noexcept {
    EDDY_ASSERT(frame_);
    EDDY_ASSERT(frame_.promise().started());
    Failure failure = frame_.promise().take_failure();
    ++internal::thread_state.failing;
    std::exchange(frame_, nullptr).destroy();
    --internal::thread_state.failing;
    return failure;
  }

  // F07
  void report_never_awaited() const noexcept {
    if (!internal::thread_state.loop || !internal::thread_state.loop->debug()) return;
    internal::thread_state.loop->report(
        {.message = "a task was never awaited", .where = frame_.promise().where()});
  }

  Handle frame_;
};

template <class T>
class Task<T>::promise_type : public internal::Promise<T> {
 public:
  Task get_return_object(std::source_location where = std::source_location::current()) noexcept {
    const Handle frame = Handle::from_promise(*this);
    internal::check_frame(frame.address(), where);
    this->set_where(where);
    return Task(frame);
  }
};

}  // namespace eddy
