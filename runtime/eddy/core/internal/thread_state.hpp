// What runs on this thread right now: one loop, one task, and which frame continues when the one
// that runs suspends. The only global state of eddy; constant-initialised, so that reading it is
// one load.
#pragma once

#include <eddy/base/internal/process.hpp>

#include <coroutine>
#include <cstdint>

namespace eddy {
class Loop;
}

namespace eddy::internal {

class TaskState;

struct ThreadState {
  Loop* loop = nullptr;            // the loop whose turn it is
  TaskState* task = nullptr;       // the task whose step it is
  std::coroutine_handle<> next{};  // what the step goes on with: mostly a frame's parent
  std::uint64_t loop_id = 0;       // of `loop`: what belongs to one compares this
  std::uintptr_t stack_end = 0;    // below this no frame starts another on the same stack
  unsigned failing = 0;            // frames that die right now because they failed

  // Awaits nest on the stack only so far: deeper ones start from the step itself.
  [[gnu::always_inline]] bool stack_is_deep() const noexcept {
#if defined(__clang__) || defined(__SANITIZE_ADDRESS__)
    // A local may lie elsewhere: in the coroutine's frame, or in a sanitizer's own stack.
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) < stack_end;
#else
    char here;  // the address of a frame would cost GCC a frame pointer
    return reinterpret_cast<std::uintptr_t>(&here) < stack_end;
#endif
  }

  // How much of the stack a turn of a loop may take with awaits that nest.
  static constexpr std::uintptr_t nesting = 64 * 1024;
  void begin_stack() noexcept {
    stack_end = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - nesting;
  }
};

extern constinit thread_local ThreadState thread_state [[gnu::tls_model("initial-exec")]];

// What ran before something else does. A child that was forked meanwhile goes on outside of a loop.
class Interrupted {
 public:
  void go_on() const noexcept {
    thread_state = before_;
    if (process_ != process_mark) [[unlikely]] thread_state.loop = nullptr;
  }

 private:
  ThreadState before_ = thread_state;
  std::uint32_t process_ = process_mark;
};

}  // namespace eddy::internal
