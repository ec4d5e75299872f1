#include <eddy/core/internal/foreign_await.hpp>

#include <eddy/base/internal/pool.hpp>
#include <eddy/core/loop.hpp>

#include <exception>

namespace eddy::internal {

// The coroutine in between. It is resumed once, by whoever and wherever, and does nothing more
// than to tell: when it has told, its wait may be over and it may be gone.
class ForeignWait::Teller {
 public:
  class promise_type : public Pooled {
   public:
    explicit promise_type(ForeignWait& wait) noexcept : wait_(wait) {}
    Teller get_return_object() noexcept {
      return Teller(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    class Tell {
     public:
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> frame) const noexcept {
        frame.promise().wait_.resumed();
      }
      void await_resume() const noexcept {}
    };
    Tell final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }

   private:
    ForeignWait& wait_;
  };

  static Teller make(ForeignWait&) { co_return; }
  std::coroutine_handle<> frame() const noexcept { return frame_; }

 private:
  explicit Teller(std::coroutine_handle<> frame) noexcept : frame_(frame) {}
  std::coroutine_handle<> frame_;
};

ForeignWait::~ForeignWait() {
  if (!resumed_by_) return;
  waiting_->exchange_awaits_foreign(outer_);
  resumed_by_.destroy();
}

bool ForeignWait::begin(std::coroutine_handle<> frame) {
  EDDY_ASSERT(!resumed_by_);
  if (!thread_state.task || thread_state.task->cancel_pending()) {
    park(frame);  // throws, or is stopped
    return false;
  }
  resumed_by_ = Teller::make(*this).frame();
  waiting_ = thread_state.task;
  frame_ = frame;
  suspending_ = true;
  point_ = waiting_->exchange_point({});
  outer_ = waiting_->exchange_awaits_foreign(true);
  return true;
}

void ForeignWait::went_on() noexcept {
  EDDY_ASSERT(suspending_);
  suspending_ = false;
  waiting_->exchange_point(point_);
}

bool ForeignWait::suspended() {
  EDDY_ASSERT(suspending_);
  EDDY_ASSERT(waiting_->running());
  if (resumed_) {
    went_on();
    return false;
  }
  suspending_ = false;
  // Parked, ready again, or about to start a child that is deep.
  if (waiting_->point() || thread_state.next) return true;
  park(frame_);
  return true;
}

// A pending cancel keeps it from beginning. From then on nobody can be asked.
bool ForeignWait::stop(Waiter& waiter) {
  if (static_cast<ForeignWait&>(waiter).resumed_by_) return false;
  return leave(waiter);
}

// From any thread. Nothing is touched after the post: the wait may be over. A loop waits for its
// tasks before it closes, so that it is there.
void ForeignWait::resumed() noexcept {
  if (Loop::open(waiting_->loop_id())) {
    go_on();
  } else {
    waiting_->loop().post([this] { go_on(); });
  }
}

void ForeignWait::go_on() noexcept {
  EDDY_ASSERT(!resumed_);
  resumed_ = true;
  if (suspending_) return;
  if (waiting_->running()) {  // at the end of what its own step has run
    EDDY_ASSERT(!thread_state.next);
    thread_state.next = frame_;
  } else if (task()) {
    wake();
  } else {  // a coroutine that it started had the task wait, and then for something foreign itself
    EDDY_ASSERT(!waiting_->waiter());
    waiting_->exchange_point(frame_);
    waiting_->loop().make_ready(*waiting_);
  }
}

}  // namespace eddy::internal
