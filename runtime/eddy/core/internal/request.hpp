// Request: one operation in the kernel's own words, before it has a place in the submission queue.
//
// Its fields are those of struct io_uring_sqe, at the same places (checked in kernel.cpp), so that
// headers need nothing of liburing. Who fills it: the awaitable of the operation.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <bit>
#include <cstdint>

namespace eddy::internal {

struct Request {
  std::uint8_t opcode = 0;
  std::uint8_t flags = 0;      // IOSQE_*
  std::uint16_t ioprio = 0;    // and the modifier flags of accept, recv, send
  std::int32_t fd = -1;
  std::uint64_t offset = 0;    // or the second address
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint32_t op_flags = 0;  // rw_flags, open_flags, poll32_events ...
  std::uint64_t user_data = 0;  // the ring's: left alone
  std::uint16_t buffer = 0;    // index of a registered buffer, or a buffer group
  std::uint16_t personality = 0;
  std::uint32_t file_index = 0;
  std::uint64_t address3 = 0;
};

// A Request as the eight words of a queue entry. It is stored and copied by words of one size: a
// wide load of what was just stored in pieces waits for the store buffer, which costs more than the
// copy.
class PackedRequest {
 public:
  PackedRequest() = default;  // filled in later
  explicit PackedRequest(const Request& request) noexcept
      : words_{request.opcode | std::uint64_t{request.flags} << 8 |
                   std::uint64_t{request.ioprio} << 16 |
                   std::uint64_t{static_cast<std::uint32_t>(request.fd)} << 32,
               request.offset,
               request.address,
               request.length | std::uint64_t{request.op_flags} << 32,
               request.buffer | std::uint64_t{request.personality} << 16 |
                   std::uint64_t{request.file_index} << 32,
               request.address3} {}

  int fd() const noexcept { return static_cast<std::int32_t>(words_[0] >> 32); }
  void write_to(std::uint64_t* entry, std::uint64_t user_data) const noexcept {
    for (int i = 0; i < 4; ++i) entry[i] = word(i);
    entry[4] = user_data;
    entry[5] = word(4);
    entry[6] = word(5);
    entry[7] = 0;
  }

 private:
  std::uint64_t word(int index) const noexcept {
    std::uint64_t value = words_[index];
    asm("" : "+r"(value));  // keeps the compiler from merging two into one wide load
    return value;
  }

  std::uint64_t words_[6];
};
static_assert(std::endian::native == std::endian::little);

template <class T>
std::uint64_t address_of(T* pointer) noexcept {
  return reinterpret_cast<std::uint64_t>(pointer);
}

}  // namespace eddy::internal
