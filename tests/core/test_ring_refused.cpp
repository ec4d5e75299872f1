// A kernel that lets a ring be made and not be entered, and one that has no place in it.
#include "kernel.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <linux/io_uring.h>
#include <sys/eventfd.h>

#include <deque>
#include <string>

namespace {

using namespace eddy;
using namespace eddy::internal;

// Edges 17
TEST(Refused, ToEnterTheRingIsSaidByTheConstructor) {
  for (const int error : {EPERM, EACCES, ENOSYS}) {
    test::in_a_child([error] {
      test::refuse(__NR_io_uring_enter, error);
      try {
        Loop loop;
        ADD_FAILURE() << "a loop that cannot run";
      } catch (const Error& refusal) {
        EXPECT_EQ(refusal.code().value(), error);
        EXPECT_NE(std::string(refusal.what()).find("seccomp"), std::string::npos);
      }
    });
  }
}

// A filter may come later. What the kernel holds is left to it, and the destructor does not throw.
TEST(Refused, ToEnterTheRingLaterComesOutOfRunAndNotOfTheDestructor) {
  test::in_a_child([] {
    test::Pipe pipe;
    int reports = 0;
    {
      Loop loop;
      loop.on_exception([&](const ExceptionReport&) { ++reports; });
      char byte = 0;
      auto reader = loop.spawn([](int fd, char* into) -> Task<> {
        co_await test::read(fd, into, 1);
      }(pipe.out.get(), &byte));
      loop.turn();
      loop.turn();
      test::refuse(__NR_io_uring_enter, EPERM);
      EXPECT_THROW(loop.run([]() -> Task<> { co_await test::nop(); }()), Error);
      EXPECT_THROW(loop.close(), Error);
    }
    EXPECT_EQ(reports, 1);
  });
}

// A request that is answered more than once: how often, and with what in the end.
struct Poll : CompletionHandler {
  explicit Poll(int fd) noexcept : CompletionHandler(&on_event), fd(fd) {}
  void begin(Loop& loop) {
    Request request;
    request.opcode = IORING_OP_POLL_ADD;
    request.fd = fd;
    request.op_flags = 1;  // POLLIN
    request.length = IORING_POLL_ADD_MULTI;
    loop.submit(request, *this);
  }
  static void on_event(CompletionHandler& completion, int result, std::uint32_t flags) noexcept {
    auto& poll = static_cast<Poll&>(completion);
    poll.last = result;
    (flags & IORING_CQE_F_MORE ? poll.events : poll.ended) += 1;
  }
  int fd;
  int events = 0;
  int ended = 0;
  int last = 0;
};

// They queue where the ring is full: both calls are made where nothing may be thrown.
TEST(DoneQueue, AreSubmittedAndCancelledWhereTheRingIsFull) {
  static_assert(
      noexcept(std::declval<Loop&>().submit(Request(), std::declval<CompletionHandler&>())));
  static_assert(noexcept(std::declval<Loop&>().cancel(std::declval<CompletionHandler&>())));
  Loop loop({.submission_entries = 1, .completion_entries = 256});
  std::deque<Poll> polls;
  std::vector<UniqueFd> files;
  for (int i = 0; i < 40; ++i) {
    files.emplace_back(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    polls.emplace_back(files.back().get()).begin(loop);
  }
  for (std::size_t i = 0; i < 20; ++i) loop.cancel(polls[i]);  // most were not sent yet
  EXPECT_EQ(polls[19].ended, 0) << "not within the call";
  const auto all = [&](auto&& holds) { return std::ranges::all_of(polls, holds); };
  for (int i = 0; i < 1000 && !all([](Poll& poll) { return poll.events + poll.ended > 0; }); ++i) {
    loop.turn(1ms);
  }
  for (std::size_t i = 20; i < 40; ++i) EXPECT_GT(polls[i].events, 0) << i;
  for (std::size_t i = 20; i < 40; ++i) loop.cancel(polls[i]);
  for (int i = 0; i < 1000 && !all([](Poll& poll) { return poll.ended > 0; }); ++i) loop.turn(1ms);
  for (const Poll& poll : polls) {
    EXPECT_EQ(poll.ended, 1);
    EXPECT_EQ(poll.last, -ECANCELED);
  }
}

TEST(DoneQueue, ThatWaitToBeSentEndWhenTheLoopCloses) {
  std::deque<Poll> polls;
  const UniqueFd file(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Loop loop({.submission_entries = 1, .completion_entries = 256});
  for (int i = 0; i < 10; ++i) polls.emplace_back(file.get()).begin(loop);
  for (Poll& poll : polls) loop.cancel(poll);
  loop.close();
  for (const Poll& poll : polls) EXPECT_EQ(poll.ended, 1);
}

}  // namespace
