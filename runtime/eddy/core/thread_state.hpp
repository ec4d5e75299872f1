// What runs on this thread right now: one loop, one task, and which frame continues when the one
// that runs suspends. The only global state of eddy; constant-initialised, so that reading it is
// one load.
#pragma once

#include <coroutine>
#include <cstdint>

namespace eddy {

class Loop;
class TaskState;

struct ThreadState {
  Loop* loop = nullptr;            // the loop whose turn it is
  TaskState* task = nullptr;       // the task whose step it is
  std::coroutine_handle<> next{};  // the parent of a frame that has just ended
  std::uint64_t loop_id = 0;       // of `loop`: what belongs to one compares this
};

extern constinit thread_local ThreadState thread_state [[gnu::tls_model("initial-exec")]];

}  // namespace eddy
