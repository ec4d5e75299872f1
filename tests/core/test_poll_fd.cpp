// Waiting for descriptors that are somebody else's.
#include "support/allocations.hpp"
#include "support/run.hpp"

#include <limits>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace eddy;
using test::wait_until_done;

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    a.reset(ends[0]);
    b.reset(ends[1]);
  }
  UniqueFd a, b;
};

TEST(PollFd, ResumesWhenThereIsSomethingToRead) {
  test::run([]() -> Task<> {
    Pair pair;
    short events = 0;
    auto poller = spawn([&]() -> Task<> { events = co_await readable(pair.a.get()); });
    co_await test::settle();
    EXPECT_FALSE(poller.done());
    EXPECT_EQ(::write(pair.b.get(), "x", 1), 1);
    co_await poller;
    EXPECT_EQ(events, POLLIN);
  });
}

// What libcurl and libpq leave unread is told again
TEST(PollFd, TellsAgainOfWhatWasNotRead) {
  test::run([]() -> Task<> {
    Pair pair;
    EXPECT_EQ(::write(pair.b.get(), "xy", 2), 2);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await readable(pair.a.get()), POLLIN);
    char all[2];
    EXPECT_EQ(::read(pair.a.get(), all, 2), 2);
    EXPECT_THROW(co_await timeout(1ms, readable(pair.a.get())), TimeoutError);
  });
}

TEST(PollFd, GivesOfWhatWasAskedForWhatIsThere) {
  test::run([]() -> Task<> {
    Pair pair;
    EXPECT_EQ(co_await poll_fd(pair.a.get(), POLLIN | POLLOUT), POLLOUT);
    EXPECT_EQ(::write(pair.b.get(), "x", 1), 1);
    EXPECT_EQ(co_await poll_fd(pair.a.get(), POLLIN | POLLOUT), POLLIN | POLLOUT);
    EXPECT_EQ(co_await writable(pair.a.get()), POLLOUT);
  });
}

TEST(PollFd, TellsOfAHangUpWithoutBeingAskedTo) {
  test::run([]() -> Task<> {
    Pair pair;
    auto poller = spawn(poll_fd(pair.a.get(), 0));
    co_await test::settle();
    EXPECT_FALSE(poller.done());
    pair.b.reset();
    EXPECT_EQ(co_await poller & POLLHUP, POLLHUP);
  });
}

// The ring's polls tell of it in any case, where poll(2) does not
TEST(PollFd, TellsOfAnEndThatThePeerHasSent) {
  test::run([]() -> Task<> {
    Pair pair;
    auto unasked = spawn(poll_fd(pair.a.get(), 0));
    co_await test::settle();
    EXPECT_EQ(::shutdown(pair.b.get(), SHUT_WR), 0);
    EXPECT_EQ(co_await unasked, POLLRDHUP);
    EXPECT_EQ(co_await poll_fd(pair.a.get(), POLLRDHUP), POLLRDHUP);
    EXPECT_EQ(co_await readable(pair.a.get()) & POLLIN, POLLIN);
  });
}

TEST(PollFd, IsForAsManyTasksAsWant) {
  test::run([]() -> Task<> {
    Pair pair;
    auto first = spawn(readable(pair.a.get()));
    auto second = spawn(readable(pair.a.get()));
    auto writer = spawn(writable(pair.a.get()));
    EXPECT_EQ(co_await writer, POLLOUT) << "the two directions do not hold each other";
    EXPECT_EQ(::write(pair.b.get(), "x", 1), 1);
    EXPECT_EQ(co_await first, POLLIN);
    EXPECT_EQ(co_await second, POLLIN);
  });
}

TEST(PollFd, TakesNothingWhenItIsCancelled) {
  test::run([]() -> Task<> {
    Pair pair;
    auto poller = spawn(readable(pair.a.get()));
    co_await test::settle();
    poller.cancel();
    co_await wait_until_done(poller);
    EXPECT_TRUE(poller.cancelled());
    EXPECT_EQ(::write(pair.b.get(), "x", 1), 1);
    EXPECT_EQ(co_await readable(pair.a.get()), POLLIN);
  });
}

TEST(PollFd, DoesNotStartWhenItIsCancelledBefore) {
  test::run([]() -> Task<> {
    Pair pair;
    auto poller = spawn(readable(pair.a.get()));
    const auto submitted = Loop::current().stats().submitted;
    poller.cancel();
    co_await wait_until_done(poller);
    EXPECT_TRUE(poller.cancelled());
    EXPECT_EQ(Loop::current().stats().submitted, submitted);
  });
}

TEST(PollFd, NamesTheDescriptorThatIsNotOpen) {
  test::run([]() -> Task<> {
    for (const int fd : {-1, 987'654, std::numeric_limits<int>::min()}) {
      try {
        co_await readable(fd);
        ADD_FAILURE() << fd;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::bad_file_descriptor);
        EXPECT_EQ(error.what(), "poll '" + std::to_string(fd) + "': Bad file descriptor");
      }
    }
    EXPECT_EQ((co_await as_result(readable(-1))).error(), std::errc::bad_file_descriptor);
  });
}

TEST(PollFd, FindsAFileAlwaysReady) {
  test::run([]() -> Task<> {
    const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const UniqueFd directory(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(co_await readable(file.get()), POLLIN);
    EXPECT_EQ(co_await readable(directory.get()), POLLIN);
  });
}

// All bits of a short are events of poll(2), and none is a flag of epoll.
TEST(PollFd, TakesAnyEvents) {
  test::run([]() -> Task<> {
    Pair pair;
    EXPECT_EQ(co_await poll_fd(pair.a.get(), -1) & POLLOUT, POLLOUT);
  });
}

// A poll keeps the file, not the number.
TEST(PollFd, GoesOnWithTheFileWhenItsNumberIsClosedAndUsedAnew) {
  test::run([]() -> Task<> {
    Pair old, other;
    const int number = old.a.get();
    auto poller = spawn(readable(number));
    co_await test::settle();
    EXPECT_EQ(::dup3(other.a.get(), number, O_CLOEXEC), number);
    EXPECT_EQ(::write(other.b.get(), "x", 1), 1);
    co_await test::settle();
    EXPECT_FALSE(poller.done()) << "it polls what the number was";
    EXPECT_EQ(co_await readable(number), POLLIN);
    EXPECT_EQ(::write(old.b.get(), "x", 1), 1);
    EXPECT_EQ(co_await poller, POLLIN);
  });
}

TEST(PollFd, HoldsBackTheEndOfASocketThatIsClosedUntilItHasEnded) {
  test::run([]() -> Task<> {
    Pair pair;
    auto poller = spawn(readable(pair.a.get()));
    co_await test::settle();
    pair.a.reset();
    char byte;
    EXPECT_EQ(::recv(pair.b.get(), &byte, 1, MSG_DONTWAIT), -1) << "no end yet";
    poller.cancel();
    co_await wait_until_done(poller);
    EXPECT_TRUE(poller.cancelled());
    co_await readable(pair.b.get());
    EXPECT_EQ(::recv(pair.b.get(), &byte, 1, MSG_DONTWAIT), 0) << "the end";
  });
}

TEST(PollFd, EndsWhenTheLoopCloses) {
  Pair pair;
  Loop loop(test::options());
  auto poller = loop.spawn(readable(pair.a.get()));
  loop.turn();
  loop.close();
  EXPECT_TRUE(poller.cancelled());
  EXPECT_EQ(loop.stats().in_flight, 0u);
}

TEST(PollFd, CanBeAwaitedOnce) {
  test::run([]() -> Task<> {
    Pair pair;
    auto poll = writable(pair.a.get());
    co_await poll;
    EXPECT_THROW(co_await poll, UsageError);
  });
}

TEST(PollFd, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "under a sanitizer";
  Pair pair;
  EXPECT_EQ(::write(pair.b.get(), "x", 1), 1);
  Loop loop(test::options());
  const auto main = [&]() -> Task<> {
    for (int i = 0; i < 100; ++i) co_await poll_fd(pair.a.get(), POLLIN);
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(main()); }), 0u);
}

}  // namespace
