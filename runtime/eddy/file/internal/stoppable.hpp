// FileState::Stoppable: an operation of a file that may wait for ever, as on a pipe: it ends when
// the handle goes.
#pragma once

#include <eddy/file/internal/file_state.hpp>

#include <utility>

namespace eddy::internal {

template <class Call>
class FileState::Stoppable : public Call {
 public:
  template <class... Arguments>
  explicit Stoppable(FileState& file, Arguments&&... arguments)
      : Call(std::forward<Arguments>(arguments)...), state_(file) {}

  void await_suspend(std::coroutine_handle<> frame) {
    EDDY_ASSERT(!state_.waiting_);
    Call::await_suspend(frame);
    state_.waiting_ = this;
  }
  Expected<int> await_outcome() {
    EDDY_ASSERT(!state_.waiting_ || state_.waiting_ == this);
    state_.waiting_ = nullptr;
    return Call::await_outcome();
  }

 private:
  FileState& state_;
};

}  // namespace eddy::internal
