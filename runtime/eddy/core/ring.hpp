// Ring: the io_uring of one loop, behind a narrow seam: push a Request, enter, reap.
//
// The hot half touches only the two shared arrays and is inline; the kernel is entered out of line,
// at most once per turn of the loop. What the kernel offers is found by trying, never by its
// version, and any part of it can be switched off (RingOptions::without) so that the paths for old
// kernels are tested on new ones.
//
// Not thread-safe; with SINGLE_ISSUER the kernel itself refuses other threads (EEXIST).
#pragma once

#include <eddy/base/assert.hpp>
#include <eddy/base/clock.hpp>
#include <eddy/core/request.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>

namespace eddy {

// What a ring may have. As a mask: RingOptions::without.
enum Feature : std::uint32_t {
  feature_single_issuer = 1u << 0,      // 6.0: kernel short cuts; with it
  feature_defer_taskrun = 1u << 1,      // 6.1: completions run in our enter, in batches
  feature_taskrun_flag = 1u << 2,       // 5.19: one load tells that the kernel has work for us
  feature_submit_all = 1u << 3,         // 5.18: a bad entry does not strand the rest of its batch
  feature_registered_ring = 1u << 4,    // 5.18: no descriptor look-up per enter
  feature_absolute_timer = 1u << 5,     // 6.12: the kernel takes our deadline as it is
  feature_registered_wait = 1u << 6,    // 6.13: the kernel reads the deadline from a shared page
  feature_no_iowait = 1u << 7,          // 6.15: an idle loop does not show as 100 % iowait
  feature_minimum_wait = 1u << 8,       // 6.12: wait a little for more completions
  feature_multishot_poll = 1u << 9,     // 5.13
  feature_multishot_accept = 1u << 10,  // 5.19
  feature_buffer_rings = 1u << 11,      // 5.19: the kernel takes memory when bytes arrive
  feature_incremental_buffers = 1u << 12,  // 6.12: ... as much as there are
  feature_zero_copy_send = 1u << 13,    // 6.0
  feature_quiet_write = 1u << 14,       // 6.18: a write to nobody sends no SIGPIPE; found by use
};

struct RingOptions {
  unsigned submission_entries = 256;   // how many operations one enter submits
  unsigned completion_entries = 4096;  // how many may be in flight; the rest queue in user space
  unsigned bounded_workers = 4;        // kernel threads for file operations that would block
  unsigned unbounded_workers = 16;     // ... and for everything else
  std::uint32_t without = 0;           // features not to use, even where the kernel has them
};

class Ring {
 public:
  // Throws Error that says what to do about it where the kernel refuses.
  explicit Ring(const RingOptions& options);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // -- submission --

  // No place, or nothing admitted any more.
  bool full() const noexcept { return tail_ == limit_; }

  // Places `request` in the submission queue; the kernel sees it at the next enter().
  // REQUIRES: !full()
  void push(const PackedRequest& request, std::uint64_t user_data) noexcept {
    EDDY_ASSERT(!full());
    request.write_to(entries_ + 8 * (tail_++ & entry_mask_), user_data);
  }

  // How many may be pushed from now on; unlimited until said.
  void admit(std::uint64_t count) noexcept {
    admitted_ = tail_ + count;
    set_limit();
  }

  // The same two for what must go even if nothing is admitted.
  bool has_place() const noexcept { return tail_ - submitted_ != entry_count_; }
  void push_unadmitted(const PackedRequest& request, std::uint64_t user_data) noexcept {
    EDDY_ASSERT(has_place());
    request.write_to(entries_ + 8 * (tail_++ & entry_mask_), user_data);
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
    return answer(enter_kernel(wait, enter_flags_, nullptr, signal_set_size));
  }

  // Submits all that was pushed, lets the kernel run its deferred work, and waits until `wait`
  // completions are there or `deadline` has passed. With `batch_wait`, waits no longer than that
  // for more than one. May return earlier than said. Throws Error where going on makes no sense.
  Entered enter(unsigned wait, Instant deadline = Instant::max(), Duration batch_wait = {});

  // True when enter() would find something even without waiting: two loads, no system call.
  bool work_pending() const noexcept {
    return completions() || (load(submission_flags_) & wake_mask_) != 0;
  }

  // -- completion --

  bool completions() const noexcept { return load_acquire(completion_tail_) != completion_head_; }

  // Calls sink(user_data, result, flags) for every completion visible now, frees their places with
  // one store, and returns how many there were. The sink resumes nobody.
  template <class Sink>
  unsigned reap(Sink&& sink) {
    std::uint32_t head = completion_head_;
    const std::uint32_t tail = load_acquire(completion_tail_);
    const unsigned count = tail - head;
    for (; head != tail; ++head) {
      const Completion& completion = completions_[head & completion_mask_];
      sink(completion.user_data, completion.result, completion.flags);
    }
    completion_head_ = head;
    if (count) __atomic_store_n(shared_completion_head_, head, __ATOMIC_RELEASE);
    return count;
  }

  // -- what it is --

  bool has(Feature feature) const noexcept { return (features_ & feature) != 0; }
  bool supports(unsigned opcode) const noexcept { return opcode < 256 && opcodes_[opcode]; }
  unsigned submission_entries() const noexcept { return entry_count_; }
  unsigned completion_entries() const noexcept { return completion_mask_ + 1; }
  int fd() const noexcept;

  // Lets the kernel use so many threads more for file operations than RingOptions say; less: takes
  // that back.
  void add_workers(int change) noexcept;

  // Has the kernel signal `eventfd` for each completion: the ring's own descriptor does not become
  // readable for deferred work (tried on 6.18).
  void register_eventfd(int eventfd);

  // Releases what this process holds without touching the shared memory: for a child after fork(),
  // where that memory is not mapped. From then on nothing completes, nothing can be pushed, and
  // entering throws UsageError. Idempotent.
  void abandon() noexcept;
  bool abandoned() const noexcept { return enter_fd_ < 0; }

 private:
  struct Completion {
    std::uint64_t user_data;
    std::int32_t result;
    std::uint32_t flags;
  };
  struct Kernel;  // liburing's struct and the wait page

  static std::uint32_t load(const std::uint32_t* word) noexcept {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  static std::uint32_t load_acquire(const std::uint32_t* word) noexcept {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
  }

  // What the kernel expects as the argument's size where there is none.
  static constexpr std::size_t signal_set_size = 8;

  // The system call, without the detour over errno. The negative errno on failure.
  int enter_kernel(unsigned wait, unsigned flags, const void* argument, std::size_t size) noexcept {
    const auto tail = static_cast<std::uint32_t>(tail_);
    __atomic_store_n(shared_tail_, tail, __ATOMIC_RELEASE);
    const std::uint32_t count = tail - load(shared_head_);
    const auto result = system_call(enter_fd_, count, wait, flags, argument, size);
    submitted_ = tail_ - (tail - load_acquire(shared_head_));  // a short submit keeps the rest
    set_limit();
    return static_cast<int>(result);
  }
  void set_limit() noexcept {
    limit_ = std::max(tail_, std::min(submitted_ + entry_count_, admitted_));
  }
  static long system_call(int fd, unsigned count, unsigned wait, unsigned flags,
                          const void* argument, std::size_t size) noexcept;
  Entered answer(int result) const {
    return result >= 0 ? Entered::ok : explain(-result);
  }
  Entered explain(int error) const;

  void set_up(const RingOptions& options);
  void map();
  void probe();
  void register_wait_page();
  void try_to_enter();

  std::uint64_t* entries_ = nullptr;  // eight words each
  std::uint32_t entry_mask_ = 0;
  std::uint32_t entry_count_ = 0;
  std::uint64_t tail_ = 0;       // counts on where the shared one, its lower half, starts again
  std::uint64_t limit_ = 0;      // the tail at which no more can be pushed
  std::uint64_t submitted_ = 0;  // the tail up to which the kernel has taken everything
  std::uint64_t admitted_ = ~std::uint64_t{0};  // the tail up to which pushing is allowed
  const Completion* completions_ = nullptr;
  std::uint32_t completion_mask_ = 0;
  std::uint32_t completion_head_ = 0;
  const std::uint32_t* completion_tail_ = nullptr;
  std::uint32_t* shared_completion_head_ = nullptr;
  const std::uint32_t* submission_flags_ = nullptr;
  std::uint32_t* shared_tail_ = nullptr;
  const std::uint32_t* shared_head_ = nullptr;
  std::uint32_t wake_mask_ = 0;
  std::uint32_t enter_flags_ = 0;
  int enter_fd_ = -1;  // negative once abandoned
  std::uint32_t features_ = 0;
  bool opcodes_[256] = {};
  std::unique_ptr<Kernel> kernel_;
};

inline long Ring::system_call(int fd, unsigned count, unsigned wait, unsigned flags,
                              const void* argument, std::size_t size) noexcept {
#if defined(__x86_64__)
  register long r10 asm("r10") = static_cast<long>(flags);
  register const void* r8 asm("r8") = argument;
  register std::size_t r9 asm("r9") = size;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(__NR_io_uring_enter), "D"(static_cast<long>(fd)),
                 "S"(static_cast<long>(count)), "d"(static_cast<long>(wait)), "r"(r10), "r"(r8),
                 "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#else
  const long result = ::syscall(__NR_io_uring_enter, fd, count, wait, flags, argument, size);
  return result < 0 ? -errno : result;
#endif
}

}  // namespace eddy
