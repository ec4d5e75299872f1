#include <eddy/core/internal/io_uring.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/core/internal/request.hpp>
#include <eddy/core/internal/ring_workers.hpp>
#include <eddy/core/internal/time_namespace.hpp>

#include <liburing.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace eddy::internal {
namespace {

// Newer than liburing 2.3 or the kernel headers of Debian 12, whichever was included first.
constexpr unsigned enter_absolute_timer = 1u << 5;        // 6.12
constexpr unsigned enter_registered_argument = 1u << 6;   // 6.13
constexpr unsigned enter_no_iowait = 1u << 7;             // 6.15
constexpr unsigned kernel_minimum_wait = 1u << 15;        // a feature bit, 6.12
constexpr unsigned kernel_no_iowait = 1u << 17;           // a feature bit, 6.15
constexpr unsigned register_enable_rings = 12;            // liburing 2.3 does not export the call
constexpr unsigned register_clock = 29;                   // 6.12
constexpr unsigned register_memory_region = 34;           // 6.13
constexpr unsigned buffer_ring_incremental = 2;           // 6.12

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

__kernel_timespec to_timespec(Duration time) noexcept {
  const auto count = time.count() < 0 ? 0 : time.count();
  return {.tv_sec = count / 1'000'000'000, .tv_nsec = count % 1'000'000'000};
}

// A relative wait has a limit: the kernel adds it to its clock without a look at overflow (6.18),
// and would return at once, over and over.
constexpr Duration longest_wait = std::chrono::hours(24 * 365);

constexpr std::uint32_t to_microseconds(Duration time) noexcept {
  using Limits = std::numeric_limits<std::uint32_t>;
  return static_cast<std::uint32_t>(
      std::clamp<Duration::rep>(time.count() / 1000, 0, Limits::max()));
}

// Error codes of io_uring_setup(2), and what the reader of the message can do about them.
Error refused(int code) {
  switch (code) {
    case EPERM:
    case ENOSYS:
      return Error(code, std::string("set up io_uring ") + how_to_allow_io_uring);
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

class IoUring final : public Kernel {
 public:
  explicit IoUring(const RingOptions& options) noexcept
      : without_(options.without),
        workers_({options.bounded_workers, options.unbounded_workers}) {}
  ~IoUring() override;

  void set_up(const RingOptions& options);

  int enter(unsigned count, unsigned wait, Instant deadline, Duration batch_wait) noexcept override;
  void abandon() noexcept override;
  int fd() const noexcept override { return ring_.ring_fd; }
  int reserve_files(unsigned places) noexcept override {
    return reserve(IORING_REGISTER_FILES2, places);
  }
  int reserve_buffers(unsigned places) noexcept override {
    return reserve(IORING_REGISTER_BUFFERS2, places);
  }
  int set_file(unsigned place, int fd) noexcept override {
    return update(IORING_REGISTER_FILES_UPDATE2, place, &fd);
  }
  int set_buffer(unsigned place, void* memory, std::size_t size) noexcept override {
    const iovec area{memory, size};
    return update(IORING_REGISTER_BUFFERS_UPDATE, place, &area);
  }
  int add_buffer_ring(unsigned group, BufferEntry* ring, unsigned count,
                      bool incremental) noexcept override;
  int remove_buffer_ring(unsigned group) noexcept override;
  bool has_incremental_buffers() override { return incremental_buffers_work(); }
  int register_eventfd(int eventfd) noexcept override {
    return register_call(IORING_REGISTER_EVENTFD, &eventfd, 1);
  }
  void add_workers(int change) noexcept override;

 private:
  static constexpr std::size_t wait_page_size = 4096;

  bool wants(std::uint32_t features) const noexcept { return !(without_ & features); }
  bool has(std::uint32_t feature) const noexcept { return (offer_.features & feature) != 0; }
  int register_call(unsigned opcode, const void* argument, unsigned count) const noexcept;
  int reserve(unsigned opcode, unsigned places) noexcept;
  int update(unsigned opcode, unsigned place, const void* value) noexcept;
  void make_queues(unsigned submission, unsigned completion);
  int make_queues(unsigned flags, unsigned submission, unsigned completion) noexcept;
  void map() noexcept;
  void register_wait_page() noexcept;
  void register_ring() noexcept;
  void find_features() noexcept;
  void probe() noexcept;

  std::uint32_t without_;
  RingWorkers workers_;
  io_uring ring_{};
  bool open_ = false;
  void* wait_page_ = MAP_FAILED;
};

IoUring::~IoUring() {
  if (open_) io_uring_queue_exit(&ring_);
  if (wait_page_ != MAP_FAILED) sys::munmap(wait_page_, wait_page_size);
}

// -- set-up --

void IoUring::set_up(const RingOptions& options) {
  EDDY_ASSERT(!open_);
  make_queues(options.submission_entries,
              std::max(options.completion_entries, options.submission_entries));
  map();
  static_cast<void>(io_uring_ring_dontfork(&ring_));  // a child must never see the queues
  add_workers(0);
  if (ring_.flags & IORING_SETUP_R_DISABLED) {
    register_wait_page();  // 6.13 takes it only now
    const int result = register_call(register_enable_rings, nullptr, 0);
    if (result < 0) throw refused(-result);
  }
  register_ring();
  probe();
  find_features();
}

// From the newest flags down to those that every kernel knows.
void IoUring::make_queues(unsigned submission, unsigned completion) {
  struct Rung {
    unsigned flags;
    std::uint32_t features;
  };
  constexpr unsigned always = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  constexpr unsigned deferred = always | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
  constexpr std::uint32_t deferred_features = feature_single_issuer | feature_defer_taskrun |
                                              feature_taskrun_flag | feature_submit_all;
  constexpr Rung ladder[] = {
      {deferred | IORING_SETUP_R_DISABLED, deferred_features | feature_registered_wait},
      {deferred, deferred_features},
      {always | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
       feature_taskrun_flag | feature_submit_all},
      {always, 0},
  };
  int error = EINVAL;
  for (const Rung& rung : ladder) {
    if (!wants(rung.features)) continue;
    error = make_queues(rung.flags, submission, completion);
    if (error == 0) offer_.features = rung.features & ~feature_registered_wait;
    if (error != EINVAL) break;  // EINVAL: this kernel does not know one of the flags
  }
  if (error != 0) throw refused(error);
  open_ = true;

  constexpr unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |
                              IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL |
                              IORING_FEAT_EXT_ARG;
  if ((ring_.features & needed) != needed) throw refused(ENOSYS);
}

// The errno, or 0. Large queues needed contiguous memory until 6.10: it takes smaller ones.
int IoUring::make_queues(unsigned flags, unsigned submission, unsigned completion) noexcept {
  for (;;) {
    io_uring_params params{};
    params.flags = flags;
    params.cq_entries = completion;
    // liburing 2.3 must not be given NO_SQARRAY: it would write over the ring's header.
    const int error = -io_uring_queue_init_params(submission, &ring_, &params);
    if (error != ENOMEM) return error;
    if (completion > 512 && completion / 2 >= submission) {
      completion /= 2;
    } else if (submission > 64) {
      submission /= 2;
    } else {
      return error;
    }
  }
}

void IoUring::map() noexcept {
  const io_uring_sq& sq = ring_.sq;
  const io_uring_cq& cq = ring_.cq;
  queues_ = {.entries = reinterpret_cast<std::uint64_t*>(sq.sqes),
             .entry_count = *sq.kring_entries,
             .completion_count = *cq.kring_mask + 1,
             .tail = sq.ktail,
             .head = sq.khead,
             .flags = sq.kflags,
             .wake_flags = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN,
             .completions = reinterpret_cast<const CompletionEntry*>(cq.cqes),
             .completion_tail = cq.ktail,
             .completion_head = cq.khead,
             .enter_fd = ring_.ring_fd,
             // Always: deferred completions run only with it.
             .enter_flags = IORING_ENTER_GETEVENTS};
}

void IoUring::register_wait_page() noexcept {
  EDDY_ASSERT(wait_page_ == MAP_FAILED);
  if (!wants(feature_registered_wait)) return;
  void* page = sys::mmap(nullptr, wait_page_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  struct {
    std::uint64_t address, size;
    std::uint32_t flags, id;
    std::uint64_t offset, reserved[4];
  } area{address_of(page), wait_page_size, 1 /* TYPE_USER */, 0, 0, {}};
  struct {
    std::uint64_t area, flags, reserved[2];
  } region{address_of(&area), 1 /* REG_WAIT_ARG */, {}};
  if (register_call(register_memory_region, &region, 1) < 0) {
    sys::munmap(page, wait_page_size);
    return;
  }
  wait_page_ = page;
  offer_.features |= feature_registered_wait;
}

void IoUring::register_ring() noexcept {
  if (!wants(feature_registered_ring)) return;
  if (io_uring_register_ring_fd(&ring_) != 1) return;  // EBUSY past 16 per thread
  offer_.features |= feature_registered_ring;
  queues_.enter_fd = ring_.enter_ring_fd;
  queues_.enter_flags |= IORING_ENTER_REGISTERED_RING;
}

void IoUring::probe() noexcept {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  if (!probe) return;  // 5.6 has it; without memory nothing is offered
  for (unsigned i = 0; i < probe->ops_len && i < 256; ++i) {
    offer_.opcodes[probe->ops[i].op] = (probe->ops[i].flags & IO_URING_OP_SUPPORTED) != 0;
  }
  io_uring_free_probe(probe);
}

void IoUring::find_features() noexcept {
  const auto add = [this](Feature feature, bool there) {
    if (there && wants(feature)) offer_.features |= feature;
  };
  add(feature_no_iowait, (ring_.features & kernel_no_iowait) != 0);
  if (has(feature_no_iowait)) queues_.enter_flags |= enter_no_iowait;
  add(feature_minimum_wait, (ring_.features & kernel_minimum_wait) != 0);
  add(feature_multishot_poll, true);
  add(feature_zero_copy_send, offer_.opcodes[IORING_OP_SEND_ZC]);
  add(feature_multishot_accept, offer_.opcodes[IORING_OP_SOCKET]);  // came with it
  // Kernels 6.12 to 7.0 read an absolute deadline as the host's time in a time namespace too: a
  // wait would be late by the difference, or over at once. Without it a relative wait is right.
  if (!wants(feature_absolute_timer) || !clock_is_the_hosts()) return;
  const struct {
    std::uint32_t clock, reserved[3];
  } clock{CLOCK_MONOTONIC, {}};
  // ABS_TIMER came together with the register call for its clock, which can be tried.
  add(feature_absolute_timer, register_call(register_clock, &clock, 0) == 0);
}

// -- use --

int IoUring::enter(unsigned count, unsigned wait, Instant deadline, Duration batch_wait) noexcept {
  const bool limited = deadline != Instant::max();
  const bool batching = wait > 1 && batch_wait > Duration::zero() && has(feature_minimum_wait);
  const auto system_call = [&](unsigned flags, const void* argument, std::size_t size) {
    return static_cast<int>(enter_io_uring(queues_.enter_fd, count, wait,
                                           queues_.enter_flags | flags, argument, size));
  };
  if (wait == 0 || !(limited || batching)) return system_call(0, nullptr, 8);

  const bool absolute = limited && has(feature_absolute_timer);
  const unsigned flags = IORING_ENTER_EXT_ARG | (absolute ? enter_absolute_timer : 0);
  const auto left = [deadline] { return time_left(deadline, sys::now()); };
  const Duration length = absolute ? deadline.time_since_epoch() : std::min(left(), longest_wait);
  const __kernel_timespec time = to_timespec(length);
  // The kernel keeps the minimum wait even beyond the deadline (6.18).
  const std::uint32_t minimum_us = batching ? to_microseconds(std::min(batch_wait, left())) : 0;

  if (wait_page_ != MAP_FAILED) {
    auto& registered = *static_cast<RegisteredWait*>(wait_page_);
    registered.time = time;
    registered.flags = limited ? registered_wait_has_time : 0;
    registered.minimum_wait_us = minimum_us;
    // The argument is an offset into the registered page: zero.
    return system_call(flags | enter_registered_argument, nullptr, sizeof registered);
  }
  const WaitArgument argument{.signal_mask = 0,
                              .signal_mask_size = 0,
                              .minimum_wait_us = minimum_us,
                              .time = limited ? address_of(&time) : 0};
  return system_call(flags, &argument, sizeof argument);
}

void IoUring::abandon() noexcept {
  if (!std::exchange(open_, false)) return;
  sys::close(ring_.ring_fd);
  ring_.ring_fd = queues_.enter_fd = -1;
  queues_.enter_flags &= ~IORING_ENTER_REGISTERED_RING;
  wait_page_ = MAP_FAILED;
}

int IoUring::register_call(unsigned opcode, const void* argument, unsigned count) const noexcept {
  const long result = ::syscall(__NR_io_uring_register, ring_.ring_fd, opcode, argument, count);
  return result < 0 ? -errno : static_cast<int>(result);
}

int IoUring::reserve(unsigned opcode, unsigned places) noexcept {
  EDDY_ASSERT(places > 0);
  io_uring_rsrc_register table{};
  table.nr = places;
  table.flags = IORING_RSRC_REGISTER_SPARSE;  // 5.19
  return register_call(opcode, &table, sizeof table);
}

// 5.13
int IoUring::update(unsigned opcode, unsigned place, const void* value) noexcept {
  io_uring_rsrc_update2 change{};
  change.offset = place;
  change.data = address_of(value);
  change.nr = 1;
  return register_call(opcode, &change, sizeof change);
}

int IoUring::add_buffer_ring(unsigned group, BufferEntry* ring, unsigned count,
                             bool incremental) noexcept {
  io_uring_buf_reg registration{};
  registration.ring_addr = address_of(ring);
  registration.ring_entries = count;
  registration.bgid = static_cast<std::uint16_t>(group);
  registration.pad = incremental ? buffer_ring_incremental : 0;  // `flags` from 6.4 on
  return register_call(IORING_REGISTER_PBUF_RING, &registration, 1);
}

int IoUring::remove_buffer_ring(unsigned group) noexcept {
  io_uring_buf_reg registration{};
  registration.bgid = static_cast<std::uint16_t>(group);
  return register_call(IORING_UNREGISTER_PBUF_RING, &registration, 1);
}

void IoUring::add_workers(int change) noexcept {
  // The default is thousands of threads for what can block without a bound. 5.15; else left alone.
  const auto [bounded, unbounded] = workers_.add(change);
  unsigned limits[2] = {bounded, unbounded};
  static_cast<void>(register_call(IORING_REGISTER_IOWQ_MAX_WORKERS, limits, 2));
}

}  // namespace

std::unique_ptr<Kernel> open_io_uring(const RingOptions& options) {
  if (options.submission_entries == 0 || options.completion_entries == 0) {
    throw UsageError("a ring needs at least one submission and one completion entry");
  }
  auto kernel = std::make_unique<IoUring>(options);
  kernel->set_up(options);
  return kernel;
}

}  // namespace eddy::internal
