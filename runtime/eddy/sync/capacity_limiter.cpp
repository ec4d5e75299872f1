#include <eddy/sync/capacity_limiter.hpp>

#include <eddy/core/internal/misuse.hpp>

#include <algorithm>

namespace eddy {
using namespace internal;

CapacityLimiter::Key CapacityLimiter::running_task() {
  if (!thread_state.task) throw UsageError("a limiter is used outside of a task: on whose behalf?");
  return {thread_state.task->id(), nullptr};
}

CapacityLimiter::Key CapacityLimiter::key_of(const void* borrower) {
  if (!borrower) throw UsageError("a limiter is used on behalf of nothing");
  return {0, borrower};
}

// Of one loop, as what waits is: the numbers of tasks are.
void CapacityLimiter::enter(const Key& key) {
  waiters_.bind();
  const bool of_task = key.task != 0;
  const auto [place, fresh] = borrowers_.try_emplace(
      key, of_task ? thread_state.task->given_name() : Text(), number_ + 1, false);
  if (!fresh) {
    throw_misuse(std::string(of_task ? "a task" : "a borrower") +
                 (place->second.holds ? " that has a token of a limiter takes another one"
                                      : " that waits for a token of a limiter asks for another"));
  }
  ++number_;
}

void CapacityLimiter::hold(const Key& key) noexcept {
  const auto place = borrowers_.find(key);
  EDDY_ASSERT(place != borrowers_.end());
  EDDY_ASSERT(!place->second.holds);
  place->second.holds = true;
  ++borrowed_;
}

void CapacityLimiter::forget(const Key& key) noexcept {
  const auto place = borrowers_.find(key);
  EDDY_ASSERT(place != borrowers_.end());
  if (place->second.holds) {
    EDDY_ASSERT(borrowed_ > 0);
    --borrowed_;
  }
  borrowers_.erase(place);
  give_to_waiters();
}

bool CapacityLimiter::try_take(const Key& key) {
  enter(key);
  if (available_tokens() == 0) {
    forget(key);
    return false;
  }
  EDDY_ASSERT(waiters_.empty());
  hold(key);
  return true;
}

void CapacityLimiter::give_back(const Key& key) {
  const auto place = borrowers_.find(key);
  if (place == borrowers_.end() || !place->second.holds) {
    throw_misuse("a token of a limiter is given back by who has none");
  }
  forget(key);
}

void CapacityLimiter::give_to_waiters() noexcept {
  while (available_tokens() > 0) {
    Entry* next = waiters_.pop();
    if (!next) return;
    EDDY_ASSERT(!next->given_);
    hold(next->key_);
    next->given_ = true;
    ++given_;
    next->wake();
  }
}

void CapacityLimiter::set_total_tokens(Count total) noexcept {
  total_ = total.value();
  give_to_waiters();
}

LimiterStatistics CapacityLimiter::statistics() const {
  std::vector<const Borrowers::value_type*> holding;
  for (const auto& borrower : borrowers_) {
    if (borrower.second.holds) holding.push_back(&borrower);
  }
  std::ranges::sort(holding, {}, [](const auto* borrower) { return borrower->second.number; });
  LimiterStatistics seen{.total_tokens = total_,
                         .borrowed_tokens = borrowed_,
                         .tasks_waiting = borrowers_.size() - borrowed_,
                         .borrowers = {}};
  for (const auto* borrower : holding) {
    const auto& [key, record] = *borrower;
    std::string name(record.name.view());
    if (key.task && name.empty()) name = "Task-" + std::to_string(key.task);
    seen.borrowers.push_back({std::move(name), key.object});
  }
  return seen;
}

// -- waiting --

bool CapacityLimiter::Entry::await_ready() {
  if (waits_ || task()) [[unlikely]] throw_awaited_twice();
  key_ = of_task_ ? running_task() : key_of(key_.object);
  limiter_->enter(key_);
  if (limiter_->available_tokens() == 0) {
    waits_ = true;
    return false;
  }
  EDDY_ASSERT(limiter_->waiters_.empty());
  limiter_->hold(key_);
  return true;
}

void CapacityLimiter::Entry::await_suspend(std::coroutine_handle<> frame) {
  limiter_->waiters_.push_back(*this);
  park(frame);
}

void CapacityLimiter::Entry::describe(WaitNote& note) const {
  note.what = "a CapacityLimiter, " + of_so_many(limiter_->borrowed_, limiter_->total_) + " out";
}

// Cancelled after it was given one: that goes to the next.
bool CapacityLimiter::Entry::lost() noexcept {
  if (!task()) [[likely]] return false;  // one was free
  waits_ = false;
  if (given_) {
    EDDY_ASSERT(limiter_->given_ > 0);
    --limiter_->given_;
  }
  if (!interrupted()) [[likely]] return false;
  limiter_->forget(key_);
  return true;
}

}  // namespace eddy
