// The twin's coroutines: the least that works, by hand. No cancellation, no exceptions, no handles,
// no names; a ready queue, frames from a free list. The practical floor for what coroutines cost.
#pragma once

#include <eddy/base/internal/pool.hpp>

#include <coroutine>
#include <exception>
#include <utility>

namespace reference {

// A place in a queue, inside of the frame that waits.
struct Node {
  Node* next = nullptr;
  std::coroutine_handle<> frame;
};

struct Queue {
  Node* head = nullptr;
  Node* tail = nullptr;

  void push(Node& node) noexcept {
    node.next = nullptr;
    (head ? tail->next : head) = &node;
    tail = &node;
  }
  Node* pop() noexcept {
    Node* node = head;
    if (node) head = node->next;
    return node;
  }
};

inline Queue ready;

inline void run() {
  while (Node* node = ready.pop()) node->frame.resume();
}

struct Yield : Node {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> suspended) noexcept {
    frame = suspended;
    ready.push(*this);
  }
  void await_resume() const noexcept {}
};

struct Frame {
  static void* operator new(std::size_t size) { return eddy::internal::Pool::allocate(size); }
  static void operator delete(void* frame, std::size_t size) {
    eddy::internal::Pool::release(frame, size);
  }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
};

// Awaited once, by symmetric transfer.
struct Child {
  struct promise_type : Frame {
    struct End {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> frame) const noexcept {
        return frame.promise().parent;
      }
      void await_resume() const noexcept {}
    };
    Child get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    End final_suspend() const noexcept { return {}; }
    void return_value(int result) noexcept { value = result; }
    int value = 0;
    std::coroutine_handle<> parent;
  };
  Child(std::coroutine_handle<promise_type> handle) : frame(handle) {}
  Child(Child&& other) noexcept : frame(std::exchange(other.frame, nullptr)) {}
  ~Child() { if (frame) frame.destroy(); }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    frame.promise().parent = parent;
    return frame;
  }
  int await_resume() const noexcept { return frame.promise().value; }
  std::coroutine_handle<promise_type> frame;
};

// Runs on its own, from the next turn on, and frees itself.
struct Detached {
  struct promise_type : Frame, Node {
    Detached get_return_object() {
      frame = std::coroutine_handle<promise_type>::from_promise(*this);
      ready.push(*this);
      return {};
    }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
  };
};

struct Lock {
  bool locked = false;
  Queue waiters;

  struct Acquire : Node {
    explicit Acquire(Lock& owner) noexcept : lock(owner) {}
    bool await_ready() const noexcept { return !lock.locked && (lock.locked = true); }
    void await_suspend(std::coroutine_handle<> suspended) noexcept {
      frame = suspended;
      lock.waiters.push(*this);
    }
    void await_resume() const noexcept {}
    Lock& lock;
  };
  Acquire acquire() noexcept { return Acquire(*this); }
  void release() noexcept {
    if (Node* next = waiters.pop()) {
      ready.push(*next);
    } else {
      locked = false;
    }
  }
};

}  // namespace reference
