// Awaitables that know nothing of eddy, as a library or a program has them.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

namespace test {

// Somebody else's callbacks: called in the order in which they were asked for.
class Callbacks {
 public:
  void add(std::function<void()> callback) { last_ = std::move(callback); }
  bool waited_for() const { return static_cast<bool>(last_); }
  void call() { std::exchange(last_, nullptr)(); }

 private:
  std::function<void()> last_;
};

// Resumed by a callback, with a value, or with an exception for none. Cannot be moved.
class FromCallback {
 public:
  FromCallback(Callbacks& callbacks, std::optional<int> value)
      : callbacks_(callbacks), value_(value) {}
  FromCallback(const FromCallback&) = delete;
  FromCallback& operator=(const FromCallback&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    callbacks_.add([frame] { frame.resume(); });
  }
  int await_resume() const {
    if (!value_) throw std::runtime_error("foreign");
    return *value_;
  }

 private:
  Callbacks& callbacks_;
  std::optional<int> value_;
};

// Something that becomes one when it is awaited; may be moved.
class Call {
 public:
  explicit Call(Callbacks& callbacks, std::optional<int> value = 7)
      : callbacks_(&callbacks), value_(value) {}
  FromCallback operator co_await() && { return {*callbacks_, value_}; }

 private:
  Callbacks* callbacks_;
  std::optional<int> value_;
};

// Does not suspend: tells so by await_ready(), by a bool, or by resuming at once.
enum class AtOnce { ready, refuses, resumes, transfers, throws };
class Immediate {
 public:
  explicit Immediate(AtOnce how) : how_(how) {}
  bool await_ready() const noexcept { return how_ == AtOnce::ready; }
  bool await_suspend(std::coroutine_handle<> frame) const {
    if (how_ == AtOnce::throws) throw std::runtime_error("await_suspend");
    if (how_ == AtOnce::resumes) frame.resume();
    return how_ == AtOnce::resumes;
  }
  int await_resume() const noexcept { return 3; }

 private:
  AtOnce how_;
};
class Transfers {
 public:
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) const { return frame; }
  void await_resume() const noexcept {}
};

struct NoHead {};

// A lazy coroutine of another library, with its operator co_await outside of the class. Head: what
// its promise begins with.
template <class Head>
class BasicLazy {
 public:
  struct promise_type : Head {
    BasicLazy get_return_object() {
      return BasicLazy(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    struct Continue {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> frame) noexcept {
        return frame.promise().awaiting;
      }
      void await_resume() const noexcept {}
    };
    Continue final_suspend() const noexcept { return {}; }
    void return_value(int number) { value = number; }
    void unhandled_exception() { failure = std::current_exception(); }

    std::coroutine_handle<> awaiting;
    std::exception_ptr failure;
    int value = 0;
  };
  BasicLazy(BasicLazy&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  BasicLazy& operator=(BasicLazy&&) = delete;
  ~BasicLazy() { if (frame_) frame_.destroy(); }

  struct Awaiter {
    std::coroutine_handle<promise_type> frame;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
      frame.promise().awaiting = awaiting;
      return frame;
    }
    int await_resume() const {
      if (frame.promise().failure) std::rethrow_exception(frame.promise().failure);
      return frame.promise().value;
    }
  };
  friend Awaiter operator co_await(BasicLazy&& lazy) noexcept { return Awaiter{lazy.frame_}; }

 private:
  explicit BasicLazy(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};
using Lazy = BasicLazy<NoHead>;

}  // namespace test
