#include <eddy/core/ring.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/ring_workers.hpp>

#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace eddy {
namespace {

static_assert(offsetof(Request, opcode) == offsetof(io_uring_sqe, opcode));
static_assert(offsetof(Request, ioprio) == offsetof(io_uring_sqe, ioprio));
static_assert(offsetof(Request, fd) == offsetof(io_uring_sqe, fd));
static_assert(offsetof(Request, offset) == offsetof(io_uring_sqe, off));
static_assert(offsetof(Request, address) == offsetof(io_uring_sqe, addr));
static_assert(offsetof(Request, length) == offsetof(io_uring_sqe, len));
static_assert(offsetof(Request, op_flags) == offsetof(io_uring_sqe, rw_flags));
static_assert(offsetof(Request, user_data) == offsetof(io_uring_sqe, user_data));
static_assert(offsetof(Request, buffer) == offsetof(io_uring_sqe, buf_index));
static_assert(offsetof(Request, file_index) == offsetof(io_uring_sqe, file_index));
static_assert(offsetof(Request, address3) == offsetof(io_uring_sqe, addr3));
static_assert(sizeof(io_uring_sqe) == 8 * sizeof(std::uint64_t));

// Newer than liburing 2.3 or the kernel headers of Debian 12, whichever was included first.
constexpr unsigned enter_absolute_timer = 1u << 5;        // 6.12
constexpr unsigned enter_registered_argument = 1u << 6;   // 6.13
constexpr unsigned enter_no_iowait = 1u << 7;             // 6.15
constexpr unsigned kernel_minimum_wait = 1u << 15;        // a feature bit, 6.12
constexpr unsigned kernel_no_iowait = 1u << 17;           // a feature bit, 6.15
constexpr unsigned register_enable_rings = 12;            // liburing 2.3 does not export the call
constexpr unsigned register_clock = 29;                   // 6.12
constexpr unsigned register_memory_region = 34;           // 6.13

struct RegisteredWait {  // struct io_uring_reg_wait
  __kernel_timespec time;
  std::uint32_t minimum_wait_us;
  std::uint32_t flags;
  std::uint64_t signal_mask;
  std::uint32_t signal_mask_size;
  std::uint32_t pad[3];
  std::uint64_t pad2[2];
};
static_assert(sizeof(RegisteredWait) == 64);
constexpr std::uint32_t registered_wait_has_time = 1;

struct WaitArgument {  // struct io_uring_getevents_arg, whose `pad` became min_wait_usec in 6.12
  std::uint64_t signal_mask;
  std::uint32_t signal_mask_size;
  std::uint32_t minimum_wait_us;
  std::uint64_t time;
};
static_assert(sizeof(WaitArgument) == sizeof(io_uring_getevents_arg));

int register_call(int fd, unsigned opcode, const void* argument, unsigned count) {
  const long result = ::syscall(__NR_io_uring_register, fd, opcode, argument, count);
  return result < 0 ? -errno : static_cast<int>(result);
}

__kernel_timespec to_timespec(Duration time) noexcept {
  const auto count = time.count() < 0 ? 0 : time.count();
  return {.tv_sec = count / 1'000'000'000, .tv_nsec = count % 1'000'000'000};
}

// Kernels 6.12 to 7.0 read an absolute deadline as the host's time in a time namespace too, where
// clocks are ahead or behind: a wait would be late by that, or over at once. The file speaks of the
// children's namespace, which mostly is ours. Without it a relative wait is right as well.
bool clock_is_the_hosts() noexcept {
  const auto same_link = [](const char* a, const char* b) {
    char one[64];
    char other[64];
    const auto size = ::readlink(a, one, sizeof one);
    return size > 0 && ::readlink(b, other, sizeof other) == size &&
           std::equal(one, one + size, other);
  };
  if (!same_link("/proc/self/ns/time", "/proc/self/ns/time_for_children")) return false;
  const UniqueFd file(::open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC));
  char text[256];
  const auto size = file ? ::read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return false;
  const std::string_view offsets(text, static_cast<std::size_t>(size));  // monotonic 0 0\n...
  return offsets.find_first_of("123456789") == offsets.npos;
}

// A relative wait has a limit: the kernel adds it to its clock without a look at overflow (6.18),
// and would return at once, over and over.
constexpr Duration longest_wait = std::chrono::hours(24 * 365);

constexpr std::uint32_t to_microseconds(Duration time) noexcept {
  using Limits = std::numeric_limits<std::uint32_t>;
  return static_cast<std::uint32_t>(
      std::clamp<Duration::rep>(time.count() / 1000, 0, Limits::max()));
}

constexpr const char* how_to_allow =
    "(blocked: allow the io_uring_* system calls in the container's seccomp profile, or try "
    "'sysctl -w kernel.io_uring_disabled=0'; needs Linux 6.1 or newer)";

// Error codes of io_uring_setup(2), and what the reader of the message can do about them.
Error refused(int code) {
  switch (code) {
    case EPERM:
    case ENOSYS:
      return Error(code, std::string("set up io_uring ") + how_to_allow);
    case ENOMEM:
      return Error(code,
                   "set up io_uring (no memory for its queues: raise RLIMIT_MEMLOCK with "
                   "'ulimit -l', or ask for smaller ones in LoopOptions)");
    case EMFILE:
    case ENFILE:
      return Error(code, "set up io_uring (no file descriptor left: raise 'ulimit -n')");
    default:
      return Error(code, "set up io_uring");
  }
}

}  // namespace

struct Ring::Kernel {
  explicit Kernel(const RingOptions& options) noexcept
      : workers({options.bounded_workers, options.unbounded_workers}) {}

  RingWorkers workers;
  io_uring ring{};
  bool open = false;
  void* wait_page = MAP_FAILED;
  std::uint32_t head = 0;  // where the shared words are not mapped: see abandon()
  std::uint32_t tail = 0;
  std::uint32_t no_flags = 0;
  static constexpr std::size_t wait_page_size = 4096;

  RegisteredWait& registered_wait() noexcept { return *static_cast<RegisteredWait*>(wait_page); }

  ~Kernel() {
    if (open) io_uring_queue_exit(&ring);
    if (wait_page != MAP_FAILED) ::munmap(wait_page, wait_page_size);
  }
};

Ring::Ring(const RingOptions& options) : kernel_(std::make_unique<Kernel>(options)) {
  if (options.submission_entries == 0 || options.completion_entries == 0) {
    throw UsageError("a ring needs at least one submission and one completion entry");
  }
  set_up(options);
  map();
  static_cast<void>(io_uring_ring_dontfork(&kernel_->ring));  // a child must never see the queues
  add_workers(0);
  if (!(options.without & feature_registered_wait)) register_wait_page();
  if (kernel_->ring.flags & IORING_SETUP_R_DISABLED) {
    const int result = register_call(kernel_->ring.ring_fd, register_enable_rings, nullptr, 0);
    if (result < 0) throw refused(-result);
  }
  enter_fd_ = kernel_->ring.ring_fd;
  enter_flags_ = IORING_ENTER_GETEVENTS;  // always: deferred completions run only with it
  if (!(options.without & feature_registered_ring) &&
      io_uring_register_ring_fd(&kernel_->ring) == 1) {  // fails with EBUSY past 16 per thread
    features_ |= feature_registered_ring;
    enter_fd_ = kernel_->ring.enter_ring_fd;
    enter_flags_ |= IORING_ENTER_REGISTERED_RING;
  }
  if ((kernel_->ring.features & kernel_no_iowait) && !(options.without & feature_no_iowait)) {
    features_ |= feature_no_iowait;
    enter_flags_ |= enter_no_iowait;
  }
  if ((kernel_->ring.features & kernel_minimum_wait) && !(options.without & feature_minimum_wait)) {
    features_ |= feature_minimum_wait;
  }
  if (!(options.without & feature_absolute_timer) && clock_is_the_hosts()) {
    // ABS_TIMER came together with the register call for its clock, which can be tried.
    const struct {
      std::uint32_t clock, reserved[3];
    } clock{CLOCK_MONOTONIC, {}};
    const int fd = kernel_->ring.ring_fd;
    if (register_call(fd, register_clock, &clock, 0) == 0) features_ |= feature_absolute_timer;
  }
  if (!(options.without & feature_multishot_poll)) features_ |= feature_multishot_poll;
  probe();
  if (!(options.without & feature_zero_copy_send) && supports(IORING_OP_SEND_ZC)) {
    features_ |= feature_zero_copy_send;
  }
  // Came with the socket request.
  if (!(options.without & feature_multishot_accept) && supports(IORING_OP_SOCKET)) {
    features_ |= feature_multishot_accept;
  }
  try_to_enter();
}

// A filter may let a ring be made and not be entered: the place to say so is here.
void Ring::try_to_enter() { enter_now(0); }

Ring::~Ring() = default;

int Ring::fd() const noexcept { return kernel_->ring.ring_fd; }

void Ring::set_up(const RingOptions& options) {
  struct Rung {
    unsigned flags;
    std::uint32_t features;
  };
  constexpr unsigned always = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  constexpr unsigned deferred = always | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
  constexpr std::uint32_t deferred_features = feature_single_issuer | feature_defer_taskrun |
                                              feature_taskrun_flag | feature_submit_all;
  const Rung ladder[] = {
      {deferred | IORING_SETUP_R_DISABLED, deferred_features | feature_registered_wait},
      {deferred, deferred_features},
      {always | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
       feature_taskrun_flag | feature_submit_all},
      {always, 0},
  };

  unsigned submission = options.submission_entries;
  unsigned completion = std::max(options.completion_entries, submission);
  int error = EINVAL;
  for (const Rung& rung : ladder) {
    if (rung.features & options.without) continue;
    for (;;) {
      io_uring_params params{};
      params.flags = rung.flags;
      params.cq_entries = completion;
      // liburing 2.3 must not be given NO_SQARRAY: it would write over the ring's header.
      error = -io_uring_queue_init_params(submission, &kernel_->ring, &params);
      if (error != ENOMEM) break;
      if (completion > 512 && completion / 2 >= submission) {  // large queues needed contiguous
        completion /= 2;                                       // memory until 6.10
      } else if (submission > 64) {
        submission /= 2;
      } else {
        break;
      }
    }
    if (error == 0) {
      features_ = rung.features & ~feature_registered_wait;
      break;
    }
    if (error != EINVAL) break;  // EINVAL: this kernel does not know one of the flags
  }
  if (error != 0) throw refused(error);
  kernel_->open = true;

  constexpr unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |
                              IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL |
                              IORING_FEAT_EXT_ARG;
  if ((kernel_->ring.features & needed) != needed) throw refused(ENOSYS);
}

void Ring::map() {
  const io_uring_sq& sq = kernel_->ring.sq;
  const io_uring_cq& cq = kernel_->ring.cq;
  entries_ = reinterpret_cast<std::uint64_t*>(sq.sqes);
  entry_count_ = *sq.kring_entries;
  entry_mask_ = *sq.kring_mask;
  tail_ = submitted_ = *sq.ktail;
  set_limit();
  shared_tail_ = sq.ktail;
  shared_head_ = sq.khead;
  submission_flags_ = sq.kflags;
  completions_ = reinterpret_cast<const Completion*>(cq.cqes);
  completion_mask_ = *cq.kring_mask;
  completion_head_ = *cq.khead;
  completion_tail_ = cq.ktail;
  shared_completion_head_ = cq.khead;
  wake_mask_ = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;
}

void Ring::add_workers(int change) noexcept {
  // The default is thousands of threads for what can block without a bound. 5.15; else left alone.
  const auto [bounded, unbounded] = kernel_->workers.add(change);
  unsigned limits[2] = {bounded, unbounded};
  static_cast<void>(io_uring_register_iowq_max_workers(&kernel_->ring, limits));
}

void Ring::register_wait_page() {
  if (!(kernel_->ring.flags & IORING_SETUP_R_DISABLED)) return;  // 6.13 takes it only then
  void* page = ::mmap(nullptr, Kernel::wait_page_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  struct {
    std::uint64_t address, size;
    std::uint32_t flags, id;
    std::uint64_t offset, reserved[4];
  } area{address_of(page), Kernel::wait_page_size, 1 /* TYPE_USER */, 0, 0, {}};
  struct {
    std::uint64_t area, flags, reserved[2];
  } region{address_of(&area), 1 /* REG_WAIT_ARG */, {}};
  if (register_call(kernel_->ring.ring_fd, register_memory_region, &region, 1) < 0) {
    ::munmap(page, Kernel::wait_page_size);
    return;
  }
  kernel_->wait_page = page;
  features_ |= feature_registered_wait;
}

void Ring::probe() {
  io_uring_probe* probe = io_uring_get_probe_ring(&kernel_->ring);
  if (!probe) return;  // 5.6 has it; without memory nothing is offered
  for (unsigned i = 0; i < probe->ops_len && i < 256; ++i) {
    opcodes_[probe->ops[i].op] = (probe->ops[i].flags & IO_URING_OP_SUPPORTED) != 0;
  }
  io_uring_free_probe(probe);
}

void Ring::register_eventfd(int eventfd) {
  const int result = io_uring_register_eventfd(&kernel_->ring, eventfd);
  if (result < 0) throw Error(-result, "register an eventfd with the ring");
}

void Ring::abandon() noexcept {
  if (!kernel_->open) return;
  ::close(kernel_->ring.ring_fd);
  kernel_->ring.ring_fd = -1;
  kernel_->open = false;
  kernel_->wait_page = MAP_FAILED;
  features_ &= ~feature_registered_wait;
  enter_flags_ &= ~IORING_ENTER_REGISTERED_RING;
  enter_fd_ = -1;
  // In place of the shared words: no completion, and one entry that nobody takes, so that the loop
  // must enter.
  entry_count_ = 1;
  submitted_ = tail_ - 1;
  set_limit();
  kernel_->head = static_cast<std::uint32_t>(submitted_);
  shared_head_ = &kernel_->head;
  shared_tail_ = &kernel_->tail;
  submission_flags_ = &kernel_->no_flags;
  completion_tail_ = shared_completion_head_ = &completion_head_;
}

Ring::Entered Ring::enter(unsigned wait, Instant deadline, Duration batch_wait) {
  const bool limited = deadline != Instant::max();
  const bool batching = wait > 1 && batch_wait > Duration::zero() && has(feature_minimum_wait);
  if (wait == 0 || !(limited || batching)) return enter_now(wait);

  const bool absolute = limited && has(feature_absolute_timer);
  const unsigned flags =
      enter_flags_ | IORING_ENTER_EXT_ARG | (absolute ? enter_absolute_timer : 0);
  const auto left = [deadline] { return time_left(deadline, std::chrono::steady_clock::now()); };
  const Duration length = absolute ? deadline.time_since_epoch() : std::min(left(), longest_wait);
  const __kernel_timespec time = to_timespec(length);
  // The kernel keeps the minimum wait even beyond the deadline (6.18).
  const std::uint32_t minimum_us = batching ? to_microseconds(std::min(batch_wait, left())) : 0;

  if (has(feature_registered_wait)) {
    RegisteredWait& registered = kernel_->registered_wait();
    registered.time = time;
    registered.flags = limited ? registered_wait_has_time : 0;
    registered.minimum_wait_us = minimum_us;
    // The argument is an offset into the registered page: zero.
    return answer(
        enter_kernel(wait, flags | enter_registered_argument, nullptr, sizeof registered));
  }
  const WaitArgument argument{.signal_mask = 0,
                              .signal_mask_size = 0,
                              .minimum_wait_us = minimum_us,
                              .time = limited ? address_of(&time) : 0};
  return answer(enter_kernel(wait, flags, &argument, sizeof argument));
}

Ring::Entered Ring::explain(int error) const {
  switch (error) {
    case EINTR:  // a signal: the loop looks again at what it waits for
    case ETIME:  // the deadline passed
      return Entered::interrupted;
    case EBUSY:   // completions overflowed: the kernel takes no more before they are reaped
    case EAGAIN:  // no memory for a request right now
      return Entered::retry_after_reaping;
    case EEXIST:  // SINGLE_ISSUER
      throw UsageError("a loop was used from another thread than its own");
    case EBADR:  // a completion was dropped although NODROP is there: its frame would wait for ever
      throw Error(error, "enter io_uring (a completion was lost)");
    case EPERM:
    case EACCES:
    case ENOSYS:
      throw Error(error, std::string("enter io_uring ") + how_to_allow);
    case EBADF:
    case EOPNOTSUPP:
      if (!kernel_->open) throw UsageError("a loop was used after fork(), in the child");
      throw Error(error, "enter io_uring (somebody closed its descriptor)");
    default:  // EFAULT, EINVAL, ENXIO, EBADFD: never with the arguments above
      throw Error(error, "enter io_uring");
  }
}

}  // namespace eddy
