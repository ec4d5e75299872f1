// ReadCall: one read of a file, inline if the page cache has it and Storage allows, on the ring
// otherwise. Fewer bytes than asked for do not mean the end of the file; 0 does.
#pragma once

#include <eddy/file/internal/file_state.hpp>

#include <linux/io_uring.h>

namespace eddy::internal {

class [[nodiscard]] ReadCall : public Operation {
 public:
  ReadCall(FileState& file, MutableBytes into, std::int64_t offset) noexcept
      : Operation("read"), file_(file), into_(into), offset_(offset) {}

  bool await_ready() noexcept {
    if (thread_state.task && thread_state.task->cancel_pending()) return false;
    Storage& storage = file_.storage();
    if (!storage.inline_better(*file_.mount, file_.policy)) return false;
    const int got = file_.read_cached(into_, offset_);
    if (got == -EAGAIN) return false;
    finish(got);
    EDDY_ASSERT(got < 0 || static_cast<std::size_t>(got) <= into_.size());
    done_ = true;
    storage.count_quick();
    return !storage.turn_is_over();
  }
  void await_suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(file_.fd >= 0);
    if (done_) {
      thread_state.task->reschedule(frame);
    } else {
      if (file_.mount->remote) [[unlikely]] remote_.begin(file_.storage());
      prepare(file_.request(IORING_OP_READ, into_.data(), into_.size(), offset_));
      Operation::await_suspend(frame);
    }
  }

 protected:
  FileState& file_;
  MutableBytes into_;
  std::int64_t offset_;

 private:
  bool done_ = false;
  Storage::RemoteCall remote_;
};

}  // namespace eddy::internal
