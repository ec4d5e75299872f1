// A timeout that does not expire, on top of what it is around.
#include "harness.hpp"

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/timeout.hpp>

#include <linux/io_uring.h>

namespace {

using namespace std::chrono_literals;

eddy::internal::Operation nop() {
  eddy::internal::Request request;
  request.opcode = IORING_OP_NOP;
  return eddy::internal::Operation(request, "nop");
}

eddy::Task<> yields(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await eddy::yield();
}
eddy::Task<> yields_in_time(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await eddy::timeout(5s, eddy::yield());
}
eddy::Task<> nops(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await nop();
}
eddy::Task<> nops_in_time(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await eddy::timeout(5s, nop());
  }
}

eddy::Task<> in_tasks(eddy::Task<> (&body)(std::size_t), unsigned depth, std::size_t count) {
  for (unsigned i = 1; i < depth; ++i) eddy::spawn(body(count / depth));
  co_await body(count / depth);
}

void add(const std::string& name, eddy::Task<> (&timed)(std::size_t),
         eddy::Task<> (&plain)(std::size_t), unsigned depth, bench::Goal goal) {
  static eddy::Loop loop;
  bench::add(
      {.name = "timeout around " + name,
       .eddy = [&timed, depth](std::size_t count) { loop.run(in_tasks(timed, depth, count)); },
       .twin_name = "without timeout",
       .twin = [&plain, depth](std::size_t count) { loop.run(in_tasks(plain, depth, count)); },
       .goal = goal,
       .grain = depth});
}

}  // namespace

void add_rows() {
  add("yield, 10 tasks", yields_in_time, yields, 10, bench::on_top(15));
  add("nop, depth 32", nops_in_time, nops, 32, bench::on_top(15));
  add("nop, depth 1", nops_in_time, nops, 1, {});
}
