// A loop over a kernel that is not io_uring: what it asks of one, and in which orders it may be
// answered.
#include "kernel.hpp"
#include "scripted_kernel.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <eddy/net/internal/receive_buffers.hpp>

#include <sys/syscall.h>
#include <sys/wait.h>

#include <memory>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::ScriptedKernel;

// A loop on virtual time, and the kernel under it.
struct Scripted {
  explicit Scripted(unsigned entries = 8, unsigned completions = 16)
      : Scripted(std::make_unique<ScriptedKernel>(entries, completions)) {}
  explicit Scripted(std::unique_ptr<ScriptedKernel> owned)
      : kernel(*owned), loop(test::options(), std::move(owned)) {}
  ScriptedKernel& kernel;
  Loop loop;
};

Operation read_something() { return test::read(0, nullptr, 1); }

TEST(AnotherKernel, RunsALoopWhereIoUringIsForbidden) {
  test::in_a_child([] {
    for (const long call : {__NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register}) {
      test::refuse(call, ENOSYS);
    }
    Scripted scripted;
    const auto body = []() -> Task<int> {
      co_await sleep(1h);
      const auto late = co_await as_result(timeout(1s, read_something()));
      EXPECT_EQ(late.error(), std::errc::timed_out);
      co_return co_await test::nop();
    };
    EXPECT_EQ(scripted.loop.run(body()), 0);
    scripted.loop.close();
    EXPECT_TRUE(scripted.kernel.held.empty()) << "the loop's own poll was cancelled";
    EXPECT_EQ(scripted.loop.stats().in_flight, 0u);
  });
}

TEST(AnotherKernel, AnswersInItsOwnOrder) {
  Scripted scripted;
  std::vector<int> order;
  const auto body = [&]() -> Task<> {
    auto first = spawn([&]() -> Task<> { order.push_back(co_await read_something()); });
    auto second = spawn([&]() -> Task<> { order.push_back(co_await read_something()); });
    co_await test::settle();
    auto& held = scripted.kernel.held;
    EXPECT_EQ(held.size(), 3u) << "with the loop's own poll";
    std::swap(held[1], held[2]);
    scripted.kernel.answer(held[1].user_data, 2);
    scripted.kernel.answer(held[2].user_data, 1);
    held.resize(1);
    co_await first;
    co_await second;
  };
  scripted.loop.run(body());
  EXPECT_EQ(order, (std::vector{2, 1}));
}

// Cancels a read that the kernel has; `on_cancel` is what it makes of that. Returns what the read
// gave, and -1 where it was cancelled.
int cancel_a_read(ScriptedKernel& kernel, Loop& loop,
                  std::function<void(const io_uring_sqe&)> on_cancel) {
  kernel.on_request = [&kernel, on_cancel](const io_uring_sqe& request) {
    if (request.opcode == IORING_OP_ASYNC_CANCEL) {
      on_cancel(request);
    } else {
      kernel.usual(request);
    }
  };
  int result = -1;
  const auto body = [&]() -> Task<> {
    auto reader = spawn([&]() -> Task<> { result = co_await read_something(); });
    co_await test::settle();
    reader.cancel();
    co_await test::wait_until_done(reader);
    EXPECT_TRUE(reader.cancelled());
  };
  loop.run(body());
  kernel.on_request = nullptr;
  return result;
}

TEST(AnotherKernel, CancelsBeforeOrAfterItSaysThatItDid) {
  Scripted scripted;
  ScriptedKernel& kernel = scripted.kernel;
  EXPECT_EQ(cancel_a_read(kernel, scripted.loop, [&](auto& cancel) { kernel.cancel(cancel); }), -1);
  EXPECT_EQ(cancel_a_read(kernel, scripted.loop, [&](auto& cancel) {
    const auto request = kernel.take_held(cancel.addr);
    ASSERT_TRUE(request);
    kernel.answer(request->user_data, -ECANCELED);
    kernel.answer(cancel.user_data, 0);
  }), -1);
}

TEST(AnotherKernel, CancelsLongAfterItSaidThatItWould) {
  Scripted scripted;
  ScriptedKernel& kernel = scripted.kernel;
  const auto say_so = [&](auto& cancel) { kernel.answer(cancel.user_data, -EALREADY); };
  kernel.on_wait = [&] {
    ASSERT_EQ(kernel.held.size(), 2u);
    const auto request = kernel.take_held(kernel.held.back().user_data);
    kernel.answer(request->user_data, -EINTR);
  };
  EXPECT_EQ(cancel_a_read(kernel, scripted.loop, say_so), -1);
}

TEST(AnotherKernel, IsAskedAgainWhereItDidNotFindWhatToCancel) {
  Scripted scripted;
  ScriptedKernel& kernel = scripted.kernel;
  int asked = 0;
  EXPECT_EQ(cancel_a_read(kernel, scripted.loop, [&](auto& cancel) {
    if (++asked < 3) return kernel.answer(cancel.user_data, -ENOENT);
    kernel.cancel(cancel);
  }), -1);
  EXPECT_EQ(asked, 3);
}

// C13
TEST(AnotherKernel, MayHaveAResultForWhatItWasToCancel) {
  Scripted scripted;
  ScriptedKernel& kernel = scripted.kernel;
  EXPECT_EQ(cancel_a_read(kernel, scripted.loop, [&](auto& cancel) {
    const auto request = kernel.take_held(cancel.addr);
    ASSERT_TRUE(request);
    kernel.answer(cancel.user_data, -EALREADY);
    kernel.answer(request->user_data, 7);
  }), 7);
}

Task<> many_nops(int tasks) {
  std::vector<JoinHandle<>> all;
  for (int i = 0; i < tasks; ++i) {
    all.push_back(spawn([]() -> Task<> { EXPECT_EQ(co_await test::nop(), 0); }));
  }
  for (auto& each : all) co_await each;
}

TEST(AnotherKernel, MayHaveShortQueues) {
  Scripted scripted(1, 2);
  scripted.loop.run(many_nops(50));
  EXPECT_EQ(scripted.loop.stats().completed, 50u);
}

TEST(AnotherKernel, MayTakeLessThanItIsGiven) {
  Scripted scripted;
  scripted.kernel.takes = 3;
  scripted.loop.run(many_nops(50));
  EXPECT_EQ(scripted.loop.stats().completed, 50u);
}

// As many answers at once as the queue has no place for: it takes nothing before they are reaped.
TEST(AnotherKernel, TakesNoMoreWhileCompletionsOverflow) {
  Scripted scripted(8, 8);
  ScriptedKernel& kernel = scripted.kernel;
  int events = 0;
  struct Counting : CompletionHandler {
    explicit Counting(int& events) noexcept : CompletionHandler(&count), events(events) {}
    static void count(CompletionHandler& completion, int, std::uint32_t) noexcept {
      ++static_cast<Counting&>(completion).events;
    }
    int& events;
  } counting(events);
  kernel.on_request = [&](const io_uring_sqe& request) {
    if (request.opcode != IORING_OP_TIMEOUT) return kernel.usual(request);
    for (int i = 0; i < 30; ++i) kernel.answer(request.user_data, 1, IORING_CQE_F_MORE);
    kernel.answer(request.user_data, 1);
  };
  Request request;
  request.opcode = IORING_OP_TIMEOUT;
  scripted.loop.submit(request, counting);
  scripted.loop.turn();
  EXPECT_EQ(events, 8);
  scripted.loop.run(many_nops(3));
  EXPECT_EQ(events, 31);
  EXPECT_GT(kernel.refused_for_overflow, 0u);
  EXPECT_EQ(scripted.loop.stats().in_flight, 1u) << "the loop's own poll";
}

class FailsToBeEntered : public testing::TestWithParam<int> {};

TEST_P(FailsToBeEntered, AndTheLoopTriesAgain) {
  Scripted scripted;
  scripted.kernel.failures = {GetParam(), 0, GetParam(), GetParam()};
  scripted.loop.run(many_nops(20));
  EXPECT_TRUE(scripted.kernel.failures.empty());
  EXPECT_EQ(scripted.loop.stats().completed, 20u);
}
INSTANTIATE_TEST_SUITE_P(AnotherKernel, FailsToBeEntered,
                         testing::Values(EINTR, ETIME, EBUSY, EAGAIN));

TEST(AnotherKernel, ThatCannotBeEnteredMakesNoLoop) {
  auto kernel = std::make_unique<ScriptedKernel>();
  kernel->failures = {EPERM};
  try {
    Loop loop({}, std::move(kernel));
    ADD_FAILURE() << "a loop that cannot run";
  } catch (const Error& refusal) {
    EXPECT_EQ(refusal.code().value(), EPERM);
  }
}

TEST(AnotherKernel, IsToldHowLongToWait) {
  auto owned = std::make_unique<ScriptedKernel>();
  ScriptedKernel& kernel = *owned;
  Ring ring(std::move(owned));
  const Instant deadline = std::chrono::steady_clock::now() + 1h;
  EXPECT_EQ(ring.enter(1, deadline, 5us), Ring::Entered::ok);
  EXPECT_EQ(kernel.last_deadline, deadline);
  EXPECT_EQ(kernel.last_batch_wait, 5us);
  ring.enter_now(0);
  EXPECT_EQ(kernel.last_deadline, Instant::max());
  EXPECT_FALSE(ring.work_pending());
  kernel.wake_up();
  EXPECT_TRUE(ring.work_pending());
}

TEST(AnotherKernel, NeedHaveNoTablesNoWorkersAndNoDescriptor) {
  Scripted scripted;
  EXPECT_EQ(scripted.loop.registered().add_file(0), std::nullopt);
  EXPECT_EQ(scripted.loop.registered().add_buffer(nullptr, 0), std::nullopt);
  EXPECT_THROW(static_cast<void>(scripted.loop.fd()), Error);
  EXPECT_TRUE(scripted.loop.ring().supports(IORING_OP_NOP));
  EXPECT_FALSE(scripted.loop.ring().supports(IORING_OP_READ));
  EXPECT_FALSE(scripted.loop.ring().has(feature_multishot_poll));
  EXPECT_FALSE(scripted.loop.service<ReceiveBuffers>().available());
  Kernel& kernel = scripted.kernel;
  kernel.add_workers(1);
  EXPECT_LT(kernel.fd(), 0);
}

TEST(AnotherKernel, IsAbandonedWithItsRing) {
  auto owned = std::make_unique<ScriptedKernel>();
  ScriptedKernel& kernel = *owned;
  Ring ring(std::move(owned));
  Request request;
  request.opcode = IORING_OP_NOP;
  ring.push(PackedRequest(request), 1);
  ring.enter_now(0);
  EXPECT_TRUE(ring.completions());
  ring.abandon();
  ring.abandon();
  EXPECT_TRUE(kernel.abandoned);
  EXPECT_TRUE(ring.abandoned());
  EXPECT_FALSE(ring.completions()) << "nothing completes any more";
  EXPECT_TRUE(ring.full());
  EXPECT_TRUE(ring.unsubmitted()) << "the loop must enter, and hear of it";
  EXPECT_THROW(ring.enter_now(0), UsageError);
  EXPECT_THROW(ring.enter(1, Instant(), 1us), UsageError);
}

TEST(AnotherKernel, IsNotUsedInAChildOfFork) {
  std::fflush(nullptr);
  pid_t child = -1;
  int result = 1;
  {
    Scripted scripted;
    const auto body = [&]() -> Task<int> {
      child = ::fork();
      co_return co_await test::nop();
    };
    try {
      result = scripted.loop.run(body());
    } catch (const UsageError&) {
      result = child == 0 && scripted.kernel.abandoned ? 3 : 4;
    }
  }  // the loop dies in both
  if (child == 0) ::_exit(result);
  EXPECT_EQ(result, 0) << "the parent";
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 3);
}

}  // namespace
