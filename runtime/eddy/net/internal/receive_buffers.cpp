#include <eddy/net/internal/receive_buffers.hpp>

#include <eddy/base/internal/sys.hpp>

#include <linux/io_uring.h>

#include <bit>
#include <new>

namespace eddy::internal {

static_assert(IORING_CQE_F_BUFFER == 1);

void ReceiveBuffers::Unmap::operator()(std::byte* memory) const noexcept {
  sys::munmap(memory, size);
}

ReceiveBuffers::Mapping ReceiveBuffers::map(std::size_t size) {
  void* memory =
      sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return Mapping(static_cast<std::byte*>(memory), Unmap{size});
}

ReceiveBuffers::ReceiveBuffers(Loop& loop)
    : loop_(loop),
      incremental_(!(loop.options().without & feature_incremental_buffers) &&
                   loop.ring().kernel().has_incremental_buffers()) {
  count_ = incremental_ ? 16 : 64;
  size_ = incremental_ ? 4 * piece : piece;
  EDDY_ASSERT(std::has_single_bit(count_));  // places in the ring go round by a mask
  EDDY_ASSERT(size_ >= piece);
  if (loop.options().without & feature_buffer_rings) return;
  ring_memory_ = map(count_ * sizeof(BufferEntry));
  memory_ = map(count_ * size_);
  used_.resize(count_);
  auto* ring = reinterpret_cast<BufferEntry*>(ring_memory_.get());
  if (loop.ring().kernel().add_buffer_ring(group, ring, count_, incremental_) < 0) {
    return;  // before 5.19, or RLIMIT_MEMLOCK
  }
  ring_ = ring;
  for (unsigned id = 0; id < count_; ++id) put(id);
}

ReceiveBuffers::~ReceiveBuffers() {
  if (ring_) static_cast<void>(loop_.ring().kernel().remove_buffer_ring(group));
}

// Its tail lies in what would be the first entry's last field.
void ReceiveBuffers::put(unsigned id) noexcept {
  EDDY_ASSERT(id < count_);
  EDDY_ASSERT(used_[id] == 0);
  BufferEntry& entry = ring_[tail_ & (count_ - 1)];
  entry.address = address_of(buffer(id));
  entry.length = static_cast<std::uint32_t>(size_);
  entry.id = static_cast<std::uint16_t>(id);
  __atomic_store_n(&ring_[0].tail, ++tail_, __ATOMIC_RELEASE);
}

void ReceiveBuffers::use(Request& request) const noexcept {
  EDDY_ASSERT(available());
  request.flags |= IOSQE_BUFFER_SELECT;
  request.address = 0;
  request.length = piece;
  request.buffer = group;
}

unsigned ReceiveBuffers::id_of(std::uint32_t flags) const noexcept {
  EDDY_ASSERT(has_buffer(flags));
  const unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
  EDDY_VERIFY(id < count_);  // another one's memory would be handed out, and given to the kernel
  return id;
}

Bytes ReceiveBuffers::received(int result, std::uint32_t flags) const noexcept {
  const unsigned id = id_of(flags);
  EDDY_ASSERT(result <= 0 || used_[id] + static_cast<std::size_t>(result) <= size_);
  return Bytes(buffer(id) + used_[id], result > 0 ? static_cast<std::size_t>(result) : 0);
}

void ReceiveBuffers::give_back(int result, std::uint32_t flags) noexcept {
  const unsigned id = id_of(flags);
  if (incremental_ && (flags & buffer_has_more)) {
    if (result > 0) used_[id] += static_cast<std::uint32_t>(result);
    return;
  }
  used_[id] = 0;
  put(id);
}

}  // namespace eddy::internal
