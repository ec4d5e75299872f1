#include "kernel.hpp"
#include "support/run.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace {

using namespace eddy;
using namespace eddy::internal;
using namespace std::chrono_literals;

// Every feature alone and all together switched off: the paths for older kernels.
class WithoutFeatures : public testing::TestWithParam<std::uint32_t> {};

TEST_P(WithoutFeatures, OperationsAndDeadlinesWork) {
  Loop loop({.without = GetParam()});
  for (int i = 0; i < 32; ++i) {
    if (!(GetParam() & (1u << i))) continue;
    EXPECT_FALSE(loop.ring().has(static_cast<Feature>(1u << i)));
  }
  const auto body = []() -> Task<int> {
    for (int i = 0; i < 100; ++i) co_await test::nop();
    const Instant start = std::chrono::steady_clock::now();
    co_await sleep(3ms);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms) << "never early";
    test::Pipe pipe;
    char byte;
    const auto read = co_await as_result(timeout(1ms, test::read(pipe.out.get(), &byte, 1)));
    EXPECT_EQ(read.error(), std::errc::timed_out);
    pipe.put("x");
    co_return co_await test::read(pipe.out.get(), &byte, 1);
  };
  EXPECT_EQ(loop.run(body()), 1);
  auto posted = std::async(std::launch::async, [&] {
    return run_from_thread(loop, []() -> Task<int> { co_return 7; }());
  });
  while (posted.wait_for(0s) != std::future_status::ready) loop.turn(1ms);
  auto result = posted.get();
  while (result.wait_for(0s) != std::future_status::ready) loop.turn(1ms);
  EXPECT_EQ(result.get(), 7);
}

INSTANTIATE_TEST_SUITE_P(
    Ring, WithoutFeatures,
    testing::Values(0u, feature_single_issuer, feature_defer_taskrun | feature_single_issuer,
                    feature_taskrun_flag | feature_single_issuer, feature_registered_ring,
                    feature_absolute_timer, feature_registered_wait,
                    feature_registered_wait | feature_absolute_timer, feature_no_iowait,
                    feature_minimum_wait, feature_multishot_poll, ~0u));

TEST(Ring, TakesTheBestRungThatTheKernelHas) {
  Ring ring(open_io_uring({}));
  EXPECT_TRUE(ring.supports(IORING_OP_NOP));
  EXPECT_TRUE(ring.supports(IORING_OP_READ));
  EXPECT_FALSE(ring.supports(255));
  EXPECT_EQ(ring.submission_entries(), 256u);
  EXPECT_EQ(ring.completion_entries(), 4096u);
}

TEST(Ring, RefusesToHaveNoEntries) {
  EXPECT_THROW(open_io_uring({.submission_entries = 0}), UsageError);
}

// Runs `body` in a child, which exits with its result.
template <class F>
int in_child(F&& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

// io_uring_setup(2) answers with `error` from now on, as in a container.
void forbid_io_uring(unsigned error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, filter};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(99);
}

class Refused : public testing::TestWithParam<int> {};

TEST_P(Refused, SaysWhatToDoAboutIt) {
  const int error = GetParam();
  EXPECT_EQ(in_child([error] {
              forbid_io_uring(static_cast<unsigned>(error));
              try {
                Loop loop;
                return 1;
              } catch (const Error& refusal) {
                const std::string text = refusal.what();
                if (refusal.code().value() != error) return 2;
                if (error == ENOMEM) return text.find("ulimit -l") != text.npos ? 0 : 3;
                if (text.find("seccomp") == text.npos) return 4;
                return text.find("kernel.io_uring_disabled") != text.npos ? 0 : 5;
              }
            }),
            0);
}
INSTANTIATE_TEST_SUITE_P(Ring, Refused, testing::Values(EPERM, ENOSYS, ENOMEM));

TEST(Ring, SaysWhenNoDescriptorIsLeft) {
  EXPECT_EQ(in_child([] {
              const rlimit few{3, 3};
              ::setrlimit(RLIMIT_NOFILE, &few);
              try {
                Loop loop;
                return 1;
              } catch (const Error& refusal) {
                return refusal.code().value() == EMFILE ? 0 : 2;
              }
            }),
            0);
}

// kernel.md 8b: with deferred work the ring's own descriptor stays silent.
TEST(Ring, SignalsARegisteredEventfd) {
  Ring ring(open_io_uring({}));
  test::Pipe pipe;
  const UniqueFd signal(::eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(ring.kernel().register_eventfd(signal.get()), 0);
  Request request;
  request.opcode = IORING_OP_POLL_ADD;
  request.fd = pipe.out.get();
  request.op_flags = POLLIN;
  ring.push(PackedRequest(request), 42);
  ring.enter_now(0);
  pollfd poll{signal.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 0), 0);
  pipe.put("x");
  EXPECT_EQ(::poll(&poll, 1, 1000), 1);
  EXPECT_TRUE(ring.work_pending());
  ring.enter_now(0);
  std::uint64_t seen = 0;
  EXPECT_EQ(ring.reap([&](std::uint64_t user_data, int, std::uint32_t) { seen = user_data; }), 1u);
  EXPECT_EQ(seen, 42u);
}

TEST(Ring, LosesNoCompletionThatOverflows) {
  Ring ring(open_io_uring({.submission_entries = 2, .completion_entries = 4}));
  Request request;
  request.opcode = IORING_OP_NOP;
  std::uint64_t sum = 0;
  const auto collect = [&](std::uint64_t user_data, int, std::uint32_t) { sum += user_data; };
  for (std::uint64_t i = 1; i <= 64; ++i) {
    if (ring.full()) ring.enter_now(0);
    while (ring.full()) {  // EBUSY: the kernel wants its overflow reaped first
      ring.reap(collect);
      ring.enter_now(0);
    }
    ring.push(PackedRequest(request), i);
  }
  while (sum < 64 * 65 / 2) {
    ring.enter_now(ring.completions() ? 0 : 1);
    ring.reap(collect);
  }
  EXPECT_EQ(sum, 64u * 65 / 2);
}

}  // namespace
