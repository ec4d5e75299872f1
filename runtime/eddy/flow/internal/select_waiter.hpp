// SelectWaiter: how a select() waits for its branches, and ends those that lose.
//
// Each branch that has to wait does so in a task of its own, which puts what comes of it into the
// frame of whoever selects: nobody goes on there before all of them have ended.
#pragma once

#include <eddy/core/internal/wait_note.hpp>
#include <eddy/core/spawn.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace eddy::internal {

class SelectWaiter : public Forwarder {
 public:
  // The branches that have not begun are not to: all of them, where nobody awaits the select().
  void drop_unrun() noexcept;

  // A branch, seen from here.
  class Child : public DoneHook {
   public:
    virtual ~Child() = default;
    // How it ended, and that it may not begin any more. Not moved once it is awaited.
    virtual bool cancelled() const noexcept = 0;
    virtual void drop_unrun() noexcept = 0;

    static const TaskState* waiting_at(const DoneHook& hook) noexcept {
      return hook.is_told_by(&ended) ? static_cast<const Child&>(hook).owner_->task() : nullptr;
    }

   protected:
    Child() noexcept : DoneHook(&ended) {}
    Child(const Child&) noexcept : Child() {}

   private:
    friend class SelectWaiter;
    static void ended(DoneHook& hook, TaskState&) noexcept;
    SelectWaiter* owner_ = nullptr;
    std::size_t index_ = 0;
    TaskHandle task_;  // none: it was ready at once, or has not begun
  };

 protected:
  SelectWaiter() noexcept : Forwarder(kind<&SelectWaiter::describe, &stop>) {}
  SelectWaiter(const SelectWaiter&) = default;
  ~SelectWaiter() = default;

  // The branch that ended first: of those that were ready at once, in their order.
  const std::optional<std::size_t>& chosen() const noexcept { return chosen_; }
  void choose(std::size_t index) noexcept { if (!chosen_) chosen_ = index; }

  // Before any is looked at.
  void begin();
  // False: a request to cancel is pending, and none begins; the task is suspended already.
  bool may_begin(std::coroutine_handle<> frame);
  void began(std::size_t index, TaskHandle task);
  // All that were to begin have. False: nothing is to be waited for.
  bool suspend(std::coroutine_handle<> frame);

  // The request that all were asked to end by, unless one was chosen all the same.
  std::optional<Failure> cancelled();

 private:
  static bool stop(Waiter& waiter);
  void describe(WaitNote& note) const {
    note.what = "select, " + std::to_string(left_) + " left";
    note.for_tasks = true;
  }
  static bool ask_next(Forwarder& forwarder) noexcept;
  virtual std::size_t count() const noexcept = 0;
  virtual Child& child(std::size_t index) noexcept = 0;
  void child_ended(Child& child) noexcept;
  void end_losers() noexcept;
  void ask_again() noexcept;

  std::optional<std::size_t> chosen_;
  std::size_t left_ = 0;
  std::size_t asked_ = 0;  // while it asks all
  bool begun_ = false;
  bool waits_ = false;
  bool stopping_ = false;
  Text reason_;  // why the others are to end
};

}  // namespace eddy::internal
