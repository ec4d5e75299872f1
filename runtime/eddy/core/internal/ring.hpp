// Ring: a loop's side of the queues that it shares with its Kernel: push a Request, enter, reap.
//
// It touches only the shared arrays and is inline; the kernel is entered at most once per turn of
// the loop, io_uring by a system call in place, any other by a call.
//
// Not thread-safe; with SINGLE_ISSUER io_uring itself refuses other threads (EEXIST).
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/core/internal/io_uring.hpp>
#include <eddy/core/internal/kernel.hpp>
#include <eddy/core/internal/request.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace eddy::internal {

class Ring {
 public:
  // Enters `kernel` once, with nothing: a filter may let one be made and not be entered, and the
  // place to say so, with an Error, is here.
  explicit Ring(std::unique_ptr<Kernel> kernel);
  ~Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // -- submission --

  // No place, or nothing admitted any more.
  bool full() const noexcept { return tail_ == limit_; }

  // Places `request` in the submission queue; the kernel sees it at the next enter().
  // REQUIRES: !full()
  void push(const PackedRequest& request, std::uint64_t user_data) noexcept {
    EDDY_ASSERT(!full());
    request.write_to(queues_.entries + 8 * (tail_++ & entry_mask_), user_data);
  }

  // How many may be pushed from now on; unlimited until said.
  void admit(std::uint64_t count) noexcept {
    admitted_ = tail_ + count;
    set_limit();
  }

  // The same two for what must go even if nothing is admitted.
  bool has_place() const noexcept { return tail_ - submitted_ != queues_.entry_count; }
  void push_unadmitted(const PackedRequest& request, std::uint64_t user_data) noexcept {
    EDDY_ASSERT(has_place());
    request.write_to(queues_.entries + 8 * (tail_++ & entry_mask_), user_data);
    set_limit();
  }

  bool unsubmitted() const noexcept { return tail_ != submitted_; }

  // Requests so far.
  std::uint64_t pushed() const noexcept { return tail_; }

  // -- the one system call --

  enum class Entered { ok, retry_after_reaping, interrupted };

  // The common case of the one below: no deadline. Part of poll(), wherever else it is called: a
  // call would be a thirtieth of a nop.
  [[gnu::always_inline]] Entered enter_now(unsigned wait) {
    const int fd = queues_.enter_fd;
    if (fd < 0) [[unlikely]] return enter_by_call(wait);
    const auto result = enter_io_uring(fd, publish(), wait, queues_.enter_flags, nullptr, 8);
    return answer(static_cast<int>(result));
  }

  // Submits all that was pushed, lets the kernel run its deferred work, and waits until `wait`
  // completions are there or `deadline` has passed. With `batch_wait`, waits no longer than that
  // for more than one. May return earlier than said. Throws Error where going on makes no sense.
  Entered enter(unsigned wait, Instant deadline = Instant::max(), Duration batch_wait = {}) {
    return answer(kernel_->enter(publish(), wait, deadline, batch_wait));
  }

  // True when enter() would find something even without waiting: two loads, no system call.
  bool work_pending() const noexcept {
    return completions() || (load(queues_.flags) & queues_.wake_flags) != 0;
  }

  // -- completion --

  bool completions() const noexcept {
    return load_acquire(queues_.completion_tail) != completion_head_;
  }

  // Calls sink(user_data, result, flags) for every completion visible now, frees their places with
  // one store, and returns how many there were. The sink resumes nobody.
  template <class Sink>
  unsigned reap(Sink&& sink) {
    std::uint32_t head = completion_head_;
    const std::uint32_t tail = load_acquire(queues_.completion_tail);
    const unsigned count = tail - head;
    EDDY_ASSERT(count <= queues_.completion_count);
    for (; head != tail; ++head) {
      const CompletionEntry& entry = queues_.completions[head & completion_mask_];
      sink(entry.user_data, entry.result, entry.flags);
    }
    completion_head_ = head;
    if (count) __atomic_store_n(queues_.completion_head, head, __ATOMIC_RELEASE);
    return count;
  }

  // -- what it is --

  bool has(Feature feature) const noexcept { return (kernel_->offer().features & feature) != 0; }
  bool supports(unsigned opcode) const noexcept {
    return opcode < 256 && kernel_->offer().opcodes[opcode];
  }
  unsigned submission_entries() const noexcept { return queues_.entry_count; }
  unsigned completion_entries() const noexcept { return queues_.completion_count; }

  // For what is set up once beside the queues.
  Kernel& kernel() noexcept { return *kernel_; }
  const Kernel& kernel() const noexcept { return *kernel_; }

  // Releases what this process holds without touching the shared memory: for a child after fork(),
  // where that memory is not mapped. From then on nothing completes, nothing can be pushed, and
  // entering throws UsageError. Idempotent.
  void abandon() noexcept;
  bool abandoned() const noexcept { return abandoned_; }

 private:
  static std::uint32_t load(const std::uint32_t* word) noexcept {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  static std::uint32_t load_acquire(const std::uint32_t* word) noexcept {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
  }

  // Shows the kernel all requests. Returns how many it has not taken.
  std::uint32_t publish() noexcept {
    const std::uint64_t tail = tail_;
    __atomic_store_n(queues_.tail, static_cast<std::uint32_t>(tail), __ATOMIC_RELEASE);
    return static_cast<std::uint32_t>(tail - submitted_);
  }
  // A short submit keeps the rest, and one that failed everything.
  Entered answer(int result) {
    if (result < 0) [[unlikely]] return explain(-result);
    submitted_ += static_cast<unsigned>(result);
    EDDY_ASSERT(submitted_ <= tail_);
    EDDY_ASSERT(load(queues_.head) == static_cast<std::uint32_t>(submitted_));
    set_limit();
    return Entered::ok;
  }
  void set_limit() noexcept {
    limit_ = std::max(tail_, std::min(submitted_ + queues_.entry_count, admitted_));
  }
  Entered enter_by_call(unsigned wait);
  Entered explain(int error) const;

  Queues queues_;
  std::uint32_t entry_mask_;
  std::uint32_t completion_mask_;
  std::uint64_t tail_;       // counts on where the shared one, its lower half, starts again
  std::uint64_t submitted_;  // the tail up to which the kernel has taken everything
  std::uint64_t limit_ = 0;  // the tail at which no more can be pushed
  std::uint64_t admitted_ = ~std::uint64_t{0};  // the tail up to which pushing is allowed
  std::uint32_t completion_head_;
  bool abandoned_ = false;
  std::unique_ptr<Kernel> kernel_;
  struct {
    std::uint32_t tail, flags;
  } in_place_{};  // of the shared words, which are not mapped: see abandon()
};

}  // namespace eddy::internal
