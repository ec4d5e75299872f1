// One round trip through the kernel that does nothing there: what the loop costs.
#include "harness.hpp"
#include "raw_ring.hpp"

#include <eddy/core/spawn.hpp>

#include <memory>

namespace {

eddy::internal::Operation nop() {
  eddy::internal::Request request;
  request.opcode = IORING_OP_NOP;
  return eddy::internal::Operation(request, "nop");
}

eddy::Task<> repeat(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await nop();
}

eddy::Task<> in_tasks(unsigned depth, std::size_t count) {
  for (unsigned i = 1; i < depth; ++i) eddy::spawn(repeat(count / depth));
  co_await repeat(count / depth);
}

void add_depth(eddy::Loop& loop, bench::RawRing& ring, unsigned depth, double goal) {
  bench::add({.name = "nop, depth " + std::to_string(depth),
              .eddy = [&loop, depth](std::size_t count) { loop.run(in_tasks(depth, count)); },
              .twin_name = "liburing",
              .twin =
                  [&ring, depth](std::size_t count) {
                    for (std::size_t done = 0; done < count; done += depth) {
                      for (unsigned i = 0; i < depth; ++i) {
                        io_uring_sqe* entry = ring.entry();
                        io_uring_prep_nop(entry);
                        io_uring_sqe_set_data64(entry, i);
                      }
                      std::uint64_t sum = 0;
                      ring.turn(depth, [&](const io_uring_cqe& cqe) { sum += cqe.user_data; });
                      if (sum != std::uint64_t{depth} * (depth - 1) / 2) std::abort();
                    }
                  },
              .goal = bench::times(goal),
              .grain = depth});
}

}  // namespace

void add_rows() {
  static eddy::Loop loop;
  static bench::RawRing ring;
  add_depth(loop, ring, 1, 1.05);
  add_depth(loop, ring, 32, 1.10);
  add_depth(loop, ring, 128, 1.10);
}
