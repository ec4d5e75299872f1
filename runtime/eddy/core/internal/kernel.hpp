// Kernel: who carries out what is pushed into a Ring: io_uring, or what stands in its place.
//
// The seam is the memory of two queues: the ring writes requests into the one and reads completions
// from the other, and each side says by a word of its own how far it is. What is called here is the
// cold half: entering, and what is set up once. A kernel that is not io_uring is entered by a call
// (no `enter_fd`), and refuses what it does not override: a loop does without.
//
// Not thread-safe: one thread uses the queues and the calls.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/core/feature.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace eddy::internal {

struct CompletionEntry {  // struct io_uring_cqe
  std::uint64_t user_data;
  std::int32_t result;
  std::uint32_t flags;
};

struct BufferEntry {  // struct io_uring_buf: a piece of memory that the kernel may take
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t id;
  std::uint16_t tail;  // of the ring of buffers, in its first entry
};

// Among the flags of a completion: the piece has room left, and the kernel goes on with it.
inline constexpr std::uint32_t buffer_has_more = 16;  // IORING_CQE_F_BUF_MORE, 6.12

// Both counts are powers of two, and a position is a count modulo 2^32. Requests are eight words
// each, as struct io_uring_sqe (PackedRequest writes them); the kernel reads them in enter() alone.
struct Queues {
  std::uint64_t* entries = nullptr;
  std::uint32_t entry_count = 0;
  std::uint32_t completion_count = 0;
  std::uint32_t* tail = nullptr;         // the ring's: requests so far
  const std::uint32_t* head = nullptr;   // the kernel's: of these it has taken so many
  const std::uint32_t* flags = nullptr;  // the kernel's
  std::uint32_t wake_flags = 0;          // any of those: entering finds something
  const CompletionEntry* completions = nullptr;
  const std::uint32_t* completion_tail = nullptr;  // the kernel's: completions so far
  std::uint32_t* completion_head = nullptr;        // the ring's: of these it has read so many
  int enter_fd = -1;              // not negative: entered by the system call, with these flags
  std::uint32_t enter_flags = 0;
};

struct Offer {
  std::uint32_t features = 0;  // of enum Feature
  bool opcodes[256] = {};      // which requests it knows
};

// Where a call gives an int, a negative one is the errno of the system call that it stands for.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  const Queues& queues() const noexcept { return queues_; }
  const Offer& offer() const noexcept { return offer_; }

  // Takes up to `count` requests from the queue, moves what has completed to the other, and waits
  // until `wait` completions are there or `deadline` has passed; with `batch_wait`, no longer than
  // that for more than one. Returns how many it took, -EBUSY before it takes any if completions
  // have overflowed. May return earlier than said. After abandon(): -EBADF.
  virtual int enter(unsigned count, unsigned wait, Instant deadline,
                    Duration batch_wait) noexcept = 0;

  // Releases what this process holds without touching the queues: for a child after fork(), where
  // they may not be mapped.
  virtual void abandon() noexcept = 0;

  // Its own, for who maps the queues anew.
  virtual int fd() const noexcept { return -1; }

  // Tables of files and of buffers, and one place of them; -1 and no memory empty it.
  virtual int reserve_files(unsigned places) noexcept { return refuse(places); }
  virtual int reserve_buffers(unsigned places) noexcept { return refuse(places); }
  virtual int set_file(unsigned place, int fd) noexcept { return refuse(place, fd); }
  virtual int set_buffer(unsigned place, void* memory, std::size_t size) noexcept {
    return refuse(place, memory, size);
  }

  // Memory for receives: `count` places, a power of two, on a page of its own. With `incremental`,
  // one piece is filled by several receives until it is full.
  virtual int add_buffer_ring(unsigned group, BufferEntry* ring, unsigned count,
                              bool incremental) noexcept {
    return refuse(group, ring, count, incremental);
  }
  virtual int remove_buffer_ring(unsigned group) noexcept { return refuse(group); }
  virtual bool has_incremental_buffers() { return false; }

  // Has `eventfd` signalled for each completion: a descriptor of its own may not become readable
  // for deferred work (io_uring's does not, 6.18).
  virtual int register_eventfd(int eventfd) noexcept { return refuse(eventfd); }

  // So many threads more for file operations that block; less: takes that back.
  virtual void add_workers(int change) noexcept { static_cast<void>(change); }

 protected:
  Queues queues_;  // both stand from the constructor on
  Offer offer_;

 private:
  template <class... Arguments>
  static int refuse(const Arguments&...) noexcept {
    return -EOPNOTSUPP;
  }
};

}  // namespace eddy::internal
