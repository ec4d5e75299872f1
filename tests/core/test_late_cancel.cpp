#include "kernel.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

namespace {

using namespace eddy;

// From now on the kernel takes no two requests at once without waiting, as one whose completions
// have overflowed takes none: io_uring_enter(fd, to_submit, wait, ...) fails with EBUSY.
void refuse_two_requests() {
  constexpr auto argument = [](unsigned index) {
    return static_cast<std::uint32_t>(offsetof(struct seccomp_data, args) + 8 * index);
  };
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(1)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(2)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter {std::size(program), program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0) << "no filter: " << errno;
}

// Its completion is there, and its cancel finds no place in the ring: there is nothing to cancel
// any more when there is one.
Task<> end_before_the_cancel_is_sent() {
  test::Pipe pipe;
  Event over;
  bool ended = false;
  auto reader = spawn([&]() -> Task<> {
    char byte;
    auto reading = test::read(pipe.out.get(), &byte, 1);
    EXPECT_EQ(co_await reading, 1);
    ended = true;
    static_cast<void>(co_await as_outcome(over.wait()));  // the cancel's
    co_await over.wait();
  });
  co_await test::settle();
  refuse_two_requests();
  const auto no_operation = []() -> Task<> { co_await test::nop(); };
  auto first = spawn(no_operation());
  auto second = spawn(no_operation());
  const auto before = Loop::current().stats().submitted;
  auto canceller = spawn([&]() -> Task<> {
    pipe.put("x");  // completes the read at once: without deferred work
    reader.cancel();
    co_return;
  });
  co_await canceller;
  co_await first;
  co_await second;
  EXPECT_TRUE(ended);
  EXPECT_EQ(Loop::current().stats().submitted - before, 2u) << "no cancel was sent";
  over.set();
  co_await reader;
}

TEST(Operation, IsNotCancelledAfterItsEnd) {
  test::in_a_child([] {
    Loop loop({.submission_entries = 2,
               .completion_entries = 8,
               .without = feature_single_issuer | feature_defer_taskrun});
    loop.run(end_before_the_cancel_is_sent());
    EXPECT_EQ(loop.stats().in_flight, 1u) << "the loop's own poll";
  });
}

}  // namespace
