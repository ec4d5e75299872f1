// FrameLink: how a frame that waits is joined to whom it tells, and where its coroutine stands in
// the source. At the start of each promise of eddy, where frame_chain.hpp finds it.
#pragma once

#include <eddy/base/internal/pool.hpp>

#include <coroutine>
#include <cstdint>
#include <source_location>

namespace eddy::internal {

class TaskState;

class FrameLink : public Pooled {
 public:
  FrameLink() = default;
  FrameLink(const FrameLink&) = delete;
  FrameLink& operator=(const FrameLink&) = delete;

  std::source_location where() const noexcept { return where_; }
  void set_where(std::source_location where) noexcept { where_ = where; }

 protected:
  // In told_: it is the address of a task, not of the frame that waits. One word, because every
  // frame stores it and looks at it.
  static constexpr std::uintptr_t root = 1;

  std::uintptr_t told_ = 0;
  std::source_location where_;
};

}  // namespace eddy::internal
