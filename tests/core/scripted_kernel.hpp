// A kernel without io_uring: two arrays of its own, and a test that says what becomes of a request,
// in which order, and when entering fails.
#pragma once

#include <eddy/core/internal/kernel.hpp>

#include <linux/io_uring.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace test {

class ScriptedKernel : public eddy::internal::Kernel {
 public:
  explicit ScriptedKernel(unsigned entries = 8, unsigned completions = 16)
      : entries_(8 * std::size_t{entries}), completions_(completions) {
    queues_.entries = entries_.data();
    queues_.entry_count = entries;
    queues_.completion_count = completions;
    queues_.tail = &tail_;
    queues_.head = &head_;
    queues_.flags = &flags_;
    queues_.wake_flags = overflowed | woken;
    queues_.completions = completions_.data();
    queues_.completion_tail = &completion_tail_;
    queues_.completion_head = &completion_head_;
    offer_.opcodes[IORING_OP_NOP] = true;
  }

  // -- the script --

  // Gets each request when it is taken. Without one: a nop succeeds, the rest is held.
  std::function<void(const io_uring_sqe&)> on_request;
  // Called when the loop would wait and nothing is there.
  std::function<void()> on_wait;
  // What the next enters fail with; 0: they do not.
  std::deque<int> failures;
  // How many requests one enter takes.
  unsigned takes = ~0u;

  void answer(std::uint64_t user_data, int result, std::uint32_t flags = 0) {
    answers_.push_back({user_data, result, flags});
    show_answers();
  }
  // The oldest request that is held.
  void answer_held(int result) {
    const std::uint64_t user_data = held.front().user_data;
    held.pop_front();
    answer(user_data, result);
  }
  // What a request to cancel asks for, out of what is held.
  std::optional<io_uring_sqe> take_held(std::uint64_t user_data) {
    const auto found = std::ranges::find(held, user_data, &io_uring_sqe::user_data);
    if (found == held.end()) return std::nullopt;
    const io_uring_sqe request = *found;
    held.erase(found);
    return request;
  }
  // As a kernel does that finds what it is to cancel.
  void cancel(const io_uring_sqe& request) {
    const auto found = take_held(request.addr);
    answer(request.user_data, found ? 0 : -ENOENT);
    if (found) answer(found->user_data, -ECANCELED);
  }
  void usual(const io_uring_sqe& request) {
    if (request.opcode == IORING_OP_NOP) {
      answer(request.user_data, 0);
    } else if (request.opcode == IORING_OP_ASYNC_CANCEL) {
      cancel(request);
    } else {
      held.push_back(request);
    }
  }

  // -- what a test sees --

  std::deque<io_uring_sqe> held;
  unsigned enters = 0;
  unsigned refused_for_overflow = 0;
  eddy::Instant last_deadline{};
  eddy::Duration last_batch_wait{};
  bool abandoned = false;
  void wake_up() { flags_ |= woken; }

  // -- Kernel --

  int enter(unsigned count, unsigned wait, eddy::Instant deadline,
            eddy::Duration batch_wait) noexcept override {
    if (abandoned) return -EBADF;
    ++enters;
    last_deadline = deadline;
    last_batch_wait = batch_wait;
    flags_ &= ~woken;
    if (!failures.empty()) {
      const int error = failures.front();
      failures.pop_front();
      if (error != 0) return -error;
    }
    show_answers();
    if (!answers_.empty() && count > 0) {
      ++refused_for_overflow;
      return -EBUSY;
    }
    count = std::min(count, takes);
    for (unsigned i = 0; i < count; ++i) take();
    if (wait > 0 && on_wait && nothing_to_reap()) on_wait();
    if (wait > 0 && nothing_to_reap() && count == 0 && deadline == eddy::Instant::max()) {
      std::fprintf(stderr, "the loop would wait for ever\n");
      std::abort();
    }
    return static_cast<int>(count);
  }
  void abandon() noexcept override { abandoned = true; }

 private:
  static constexpr std::uint32_t overflowed = 1;
  static constexpr std::uint32_t woken = 2;

  bool nothing_to_reap() const { return completion_tail_ == completion_head_; }

  void take() {
    io_uring_sqe request;
    std::memcpy(&request, &entries_[8 * (head_ % queues_.entry_count)], sizeof request);
    ++head_;
    on_request ? on_request(request) : usual(request);
  }

  void show_answers() {
    while (!answers_.empty() && completion_tail_ - completion_head_ != queues_.completion_count) {
      completions_[completion_tail_ % queues_.completion_count] = answers_.front();
      answers_.pop_front();
      ++completion_tail_;
    }
    flags_ = (flags_ & ~overflowed) | (answers_.empty() ? 0 : overflowed);
  }

  std::vector<std::uint64_t> entries_;
  std::vector<eddy::internal::CompletionEntry> completions_;
  std::deque<eddy::internal::CompletionEntry> answers_;  // those that the queue has no place for
  std::uint32_t tail_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t flags_ = 0;
  std::uint32_t completion_tail_ = 0;
  std::uint32_t completion_head_ = 0;
};

}  // namespace test
