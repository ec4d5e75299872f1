// The entries of the queues are laid out as io_uring has them, whoever is behind them.
#include <eddy/core/internal/kernel.hpp>

#include <eddy/core/internal/request.hpp>

#include <linux/io_uring.h>

namespace eddy::internal {

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
static_assert(offsetof(CompletionEntry, user_data) == offsetof(io_uring_cqe, user_data));
static_assert(offsetof(CompletionEntry, result) == offsetof(io_uring_cqe, res));
static_assert(offsetof(CompletionEntry, flags) == offsetof(io_uring_cqe, flags));
static_assert(sizeof(CompletionEntry) == sizeof(io_uring_cqe));
static_assert(offsetof(BufferEntry, address) == offsetof(io_uring_buf, addr));
static_assert(offsetof(BufferEntry, length) == offsetof(io_uring_buf, len));
static_assert(offsetof(BufferEntry, id) == offsetof(io_uring_buf, bid));
static_assert(offsetof(BufferEntry, tail) == offsetof(io_uring_buf_ring, tail));
static_assert(sizeof(BufferEntry) == sizeof(io_uring_buf));

}  // namespace eddy::internal
