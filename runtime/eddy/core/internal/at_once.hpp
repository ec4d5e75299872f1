// AtOnce: a verb that mostly has nothing to wait for. Then it is done where it is awaited, without
// a coroutine's frame; otherwise a Task does it, which is made only then.
//
// Where a Task is wanted it becomes one, which does all of it: spawned, kept, returned as that.
//
// A Verb keeps alive what it works on from the moment it is made:
//   value_type
//   ready()  whether now() can do it. Changes nothing, and does not throw
//   now()    does it; called right after that
//   task()   a Task that does it, however long that takes; called once, and instead
#pragma once

#include <eddy/base/internal/standard.hpp>
#include <eddy/core/internal/misuse.hpp>
#include <eddy/core/task.hpp>

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace eddy::internal {

template <class Verb>
class [[nodiscard]] AtOnce {
 public:
  using value_type = typename Verb::value_type;

  // What its verb is made of.
  template <class... Arguments>
    requires std::constructible_from<Verb, Arguments...>
  AtOnce(Arguments&&... arguments) : verb_(std::forward<Arguments>(arguments)...) {}

  operator Task<value_type>() && {
    require_unrun("start");
    awaited_ = true;
    return verb_.task();
  }

  // Does not suspend when it need not: a request to stop stays pending then (C2).
  bool await_ready() {
    require_unrun("co_await");
    awaited_ = true;
    if (verb_.ready()) [[likely]] return true;
    task_.emplace(verb_.task());
    return task_->await_ready();
  }
  bool await_suspend(std::coroutine_handle<> frame) { return task_->await_suspend(frame); }
  value_type await_resume() {
    if (task_) [[unlikely]] return task_->await_resume();
    return verb_.now();
  }
  Expected<value_type> await_outcome() {
    if (task_) [[unlikely]] return task_->await_outcome();
    if constexpr (std::is_void_v<value_type>) {
      verb_.now();
      return {};
    } else {
      return verb_.now();
    }
  }

  // For messages.
  AwaitedName awaited() const noexcept {
    return task_ ? task_->awaited() : AwaitedName{signature_of<Verb>()};
  }
  // Throws UsageError when it was awaited.
  void require_unrun(const char* verb) const {
    if (awaited_) [[unlikely]] throw_without_frame(verb, signature_of<Verb>());
  }
  // It is dropped, and was to be. It has a frame only where it was found not to be ready.
  void discard() noexcept { if (task_) task_->discard(); }

 private:
  Verb verb_;
  std::optional<Task<value_type>> task_;
  bool awaited_ = false;
};

}  // namespace eddy::internal
