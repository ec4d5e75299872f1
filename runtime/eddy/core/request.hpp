// Request: one operation in the kernel's own words, before it has a place in the submission queue.
//
// It is the first 56 bytes of struct io_uring_sqe (checked in ring.cpp), so that queueing it is a
// copy, and so that headers need nothing of liburing. Who fills it: the awaitable of the operation.
#pragma once

#include <cstdint>

namespace eddy {

struct Request {
  std::uint8_t opcode = 0;
  std::uint8_t flags = 0;      // IOSQE_*
  std::uint16_t ioprio = 0;    // and the modifier flags of accept, recv, send
  std::int32_t fd = -1;
  std::uint64_t offset = 0;    // or the second address
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint32_t op_flags = 0;  // rw_flags, open_flags, poll32_events ...
  std::uint64_t user_data = 0; // set by the ring
  std::uint16_t buffer = 0;    // index of a registered buffer, or a buffer group
  std::uint16_t personality = 0;
  std::uint32_t file_index = 0;
  std::uint64_t address3 = 0;
};

template <class T>
std::uint64_t address_of(T* pointer) noexcept {
  return reinterpret_cast<std::uint64_t>(pointer);
}

}  // namespace eddy
