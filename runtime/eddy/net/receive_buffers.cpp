#include <eddy/net/receive_buffers.hpp>

#include <eddy/base/unique_fd.hpp>

#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace eddy {
namespace {

// Newer than liburing 2.3.
constexpr unsigned ring_is_incremental = 2;     // IOU_PBUF_RING_INC, 6.12
constexpr std::uint32_t buffer_has_more = 16;   // IORING_CQE_F_BUF_MORE, 6.12

static_assert(IORING_CQE_F_BUFFER == 1);

}  // namespace

void ReceiveBuffers::Unmap::operator()(std::byte* memory) const noexcept {
  ::munmap(memory, size);
}

ReceiveBuffers::Mapping ReceiveBuffers::map(std::size_t size) {
  void* memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return Mapping(static_cast<std::byte*>(memory), Unmap{size});
}

bool ReceiveBuffers::register_ring(int fd, Entry* ring, unsigned count, unsigned flags) noexcept {
  io_uring_buf_reg registration{};
  registration.ring_addr = address_of(ring);
  registration.ring_entries = count;
  registration.bgid = group;
  registration.pad = static_cast<std::uint16_t>(flags);  // `flags` from 6.4 on
  return ::syscall(__NR_io_uring_register, fd, IORING_REGISTER_PBUF_RING, &registration, 1) == 0;
}

ReceiveBuffers::ReceiveBuffers(Loop& loop)
    : loop_(loop),
      incremental_(!(loop.options().without & feature_incremental_buffers) && incremental_works()) {
  count_ = incremental_ ? 16 : 64;
  size_ = incremental_ ? 4 * piece : piece;
  if (loop.options().without & feature_buffer_rings) return;
  ring_memory_ = map(count_ * sizeof(Entry));
  memory_ = map(count_ * size_);
  used_.resize(count_);
  auto* ring = reinterpret_cast<Entry*>(ring_memory_.get());
  if (!register_ring(loop.ring().fd(), ring, count_, incremental_ ? ring_is_incremental : 0)) {
    return;  // before 5.19, or RLIMIT_MEMLOCK
  }
  ring_ = ring;
  for (unsigned id = 0; id < count_; ++id) put(id);
}

ReceiveBuffers::~ReceiveBuffers() {
  if (!ring_) return;
  io_uring_buf_reg registration{};
  registration.bgid = group;
  ::syscall(__NR_io_uring_register, loop_.ring().fd(), IORING_UNREGISTER_PBUF_RING, &registration,
            1);
}

// Its tail lies in what would be the first entry's last field.
void ReceiveBuffers::put(unsigned id) noexcept {
  Entry& entry = ring_[tail_ & (count_ - 1)];
  entry.address = address_of(buffer(id));
  entry.length = static_cast<std::uint32_t>(size_);
  entry.id = static_cast<std::uint16_t>(id);
  __atomic_store_n(&ring_[0].tail, ++tail_, __ATOMIC_RELEASE);
}

void ReceiveBuffers::use(Request& request) const noexcept {
  request.flags |= IOSQE_BUFFER_SELECT;
  request.address = 0;
  request.length = piece;
  request.buffer = group;
}

Bytes ReceiveBuffers::received(int result, std::uint32_t flags) const noexcept {
  const unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
  return Bytes(buffer(id) + used_[id], result > 0 ? static_cast<std::size_t>(result) : 0);
}

void ReceiveBuffers::give_back(int result, std::uint32_t flags) noexcept {
  const unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
  if (incremental_ && (flags & buffer_has_more)) {
    if (result > 0) used_[id] += static_cast<std::uint32_t>(result);
    return;
  }
  used_[id] = 0;
  put(id);
}

// Whether two short receives fill one buffer one behind the other: some kernels take the flag and
// do something else. On a ring of its own. No value: that could not be found out.
std::optional<bool> ReceiveBuffers::try_incremental() {
  io_uring ring;
  if (io_uring_queue_init(4, &ring, 0) < 0) return std::nullopt;
  struct Exit {
    io_uring& ring;
    ~Exit() { io_uring_queue_exit(&ring); }
  } exit{ring};
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return std::nullopt;
  const UniqueFd a(ends[0]), b(ends[1]);

  alignas(8) char data[64];
  Mapping memory = map(4096);
  auto* entries = reinterpret_cast<Entry*>(memory.get());
  if (!register_ring(ring.ring_fd, entries, 1, ring_is_incremental)) {
    if (errno == EINVAL) return false;
    return std::nullopt;  // RLIMIT_MEMLOCK
  }
  entries[0].address = address_of(data);
  entries[0].length = sizeof data;
  entries[0].id = 0;
  __atomic_store_n(&entries[0].tail, std::uint16_t{1}, __ATOMIC_RELEASE);

  for (const char* text : {"ab", "cd"}) {
    if (::send(a.get(), text, 2, MSG_NOSIGNAL) != 2) return std::nullopt;
    io_uring_sqe* entry = io_uring_get_sqe(&ring);
    io_uring_prep_recv(entry, b.get(), nullptr, 16, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = group;
    if (io_uring_submit_and_wait(&ring, 1) < 0) return std::nullopt;
    io_uring_cqe* completion = nullptr;
    if (io_uring_peek_cqe(&ring, &completion) < 0) return std::nullopt;
    constexpr std::uint32_t both = IORING_CQE_F_BUFFER | buffer_has_more;
    const bool good = completion->res == 2 && (completion->flags & both) == both;
    io_uring_cqe_seen(&ring, completion);
    if (!good) return false;
  }
  return std::memcmp(data, "abcd", 4) == 0;
}

// Asked once in a process, unless there were no descriptors or no memory to find it out with.
bool ReceiveBuffers::incremental_works() {
  static std::atomic<std::optional<bool>> known;
  static_assert(std::atomic<std::optional<bool>>::is_always_lock_free);
  auto works = known.load(std::memory_order_relaxed);
  if (!works) {
    works = try_incremental();
    known.store(works, std::memory_order_relaxed);
  }
  return works.value_or(false);
}

}  // namespace eddy
