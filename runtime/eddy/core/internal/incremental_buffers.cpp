// Tries on a ring of its own what the kernel makes of buffers that are to be filled bit by bit.
#include <eddy/base/error.hpp>
#include <eddy/base/internal/sys.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/internal/ring.hpp>

#include <linux/io_uring.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

namespace eddy::internal {
namespace {

constexpr std::uint16_t probed_group = 1;

PackedRequest receive_into_the_buffer(int socket) noexcept {
  return PackedRequest({.opcode = IORING_OP_RECV,
                        .flags = IOSQE_BUFFER_SELECT,
                        .fd = socket,
                        .length = 16,
                        .buffer = probed_group});
}

// Whether a receive of two bytes leaves room in its buffer. No value: it could not be tried.
std::optional<bool> leaves_room(Ring& ring, int from, int to, const char* text) {
  if (sys::send(from, text, 2, MSG_NOSIGNAL) != 2) return std::nullopt;
  ring.push(receive_into_the_buffer(to), 0);
  ring.enter_now(1);
  constexpr std::uint32_t both = IORING_CQE_F_BUFFER | buffer_has_more;
  bool room = false;
  const unsigned count = ring.reap([&](std::uint64_t, int result, std::uint32_t flags) {
    room = result == 2 && (flags & both) == both;
  });
  return count == 1 ? std::optional(room) : std::nullopt;
}

std::optional<bool> try_it() {
  int ends[2];
  if (sys::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return std::nullopt;
  const UniqueFd a(ends[0]), b(ends[1]);
  alignas(8) char data[64];
  alignas(4096) BufferEntry buffers[4096 / sizeof(BufferEntry)] = {};
  Ring ring(open_io_uring({.submission_entries = 4,
                           .completion_entries = 8,
                           .bounded_workers = 0,  // as the thread has them
                           .unbounded_workers = 0,
                           .without = ~0u}));
  const int result = ring.kernel().add_buffer_ring(probed_group, buffers, 1, true);
  if (result == -EINVAL) return false;
  if (result < 0) return std::nullopt;  // RLIMIT_MEMLOCK
  buffers[0] = {.address = address_of(data), .length = sizeof data, .id = 0, .tail = 0};
  __atomic_store_n(&buffers[0].tail, std::uint16_t{1}, __ATOMIC_RELEASE);
  for (const char* text : {"ab", "cd"}) {
    const auto room = leaves_room(ring, a.get(), b.get(), text);
    if (!room || !*room) return room;
  }
  return std::memcmp(data, "abcd", 4) == 0;
}

}  // namespace

bool incremental_buffers_work() {
  static std::atomic<std::optional<bool>> known;
  static_assert(std::atomic<std::optional<bool>>::is_always_lock_free);
  auto works = known.load(std::memory_order_relaxed);
  if (works) return *works;
  try {
    works = try_it();
  } catch (const Error&) {  // no descriptor for a ring, or no memory: asked again
  }
  known.store(works, std::memory_order_relaxed);
  return works.value_or(false);
}

}  // namespace eddy::internal
