// What wakes somebody else's loop: each post, one after the other, and what the host itself did.
#include "kernel.hpp"
#include "support/run.hpp"

#include <poll.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

class PostWakesAHost : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Poll, PostWakesAHost,
                         testing::Values(0u, std::uint32_t{feature_multishot_poll}));

// The kernel puts off what one eventfd's wake-up signals to another, and does so once (6.18).
TEST_P(PostWakesAHost, EachTimeThatItSleeps) {
  constexpr int posts = 50;
  Loop loop({.without = GetParam()});
  std::atomic<int> asleep = 0;
  int ran = 0;
  std::thread thread([&] {
    for (int i = 1; i <= posts; ++i) {
      while (asleep < i) std::this_thread::yield();
      loop.post([&] { ++ran; });
    }
  });
  pollfd readable{.fd = loop.fd(), .events = POLLIN, .revents = 0};
  bool woken = true;
  while (ran < posts && woken) {
    loop.turn();
    if (loop.deadline()) continue;
    asleep = ran + 1;
    woken = ::poll(&readable, 1, 20'000) == 1;
  }
  asleep = posts;
  thread.join();
  EXPECT_EQ(ran, posts);
}

// The host has the loop's thread: it asks again in place of being woken.
class Host {
 public:
  Host() : fd_(loop_.fd()) { sleep(); }

  Loop& loop() noexcept { return loop_; }
  // Turns until it may sleep.
  void sleep() {
    while (readable() || is_due()) loop_.turn();
  }
  bool readable() const {
    pollfd polled{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&polled, 1, 0) == 1;
  }
  bool is_due() {
    const auto deadline = loop_.deadline();
    return deadline && *deadline <= std::chrono::steady_clock::now();
  }
  // In a callback of the host, between two turns: due at once, and fd() says nothing.
  template <class F>
  void calls_back(const char* what, F callback) {
    EXPECT_FALSE(is_due()) << what;
    callback();
    EXPECT_TRUE(is_due()) << what;
    EXPECT_FALSE(readable()) << what;
    sleep();
  }

 private:
  Loop loop_;
  int fd_;
};

TEST(Embed, IsDueAtOnceAfterWhatTheHostDidOutsideOfATurn) {
  Host host;
  Event event;
  JoinHandle<> waits;
  host.calls_back("spawn()", [&] {
    waits = host.loop().spawn([](Event& set) -> Task<> { co_await set.wait(); }(event));
  });
  EXPECT_FALSE(waits.done());
  host.calls_back("set()", [&] { event.set(); });
  EXPECT_TRUE(waits.done());

  auto sleeps = host.loop().spawn([]() -> Task<> { co_await sleep(1h); }());
  host.sleep();
  host.calls_back("cancel()", [&] { sleeps.cancel(); });
  EXPECT_TRUE(sleeps.cancelled());
}

TEST(Embed, IsDueAtOnceAfterTheHostGaveSomethingToATask) {
  Host host;
  Queue<int> queue(1);
  Lock lock;
  FutureSetter<int> setter;
  int got = 0;
  const auto takes = [&]() -> Task<> {
    for (int i = 0; i < 3; ++i) got += co_await queue.get();
  };
  const auto locks = [&]() -> Task<> { const auto guard = co_await lock.scoped(); };
  const auto waits = [&]() -> Task<> { got += co_await setter.future(); };
  const auto holds = [&]() -> Task<> { co_await lock.acquire(); };
  host.loop().run(holds());
  const std::vector tasks{host.loop().spawn(takes()), host.loop().spawn(locks()),
                          host.loop().spawn(waits())};
  host.sleep();
  host.calls_back("put_nowait()", [&] { queue.put_nowait(1); });
  host.calls_back("try_put()", [&] { queue.try_put(2); });
  host.calls_back("release()", [&] { lock.release(); });
  host.calls_back("set_value()", [&] { setter.set_value(4); });
  host.calls_back("shutdown()", [&] { queue.shutdown(); });
  EXPECT_EQ(got, 7);
  EXPECT_TRUE(tasks[1].done());
  EXPECT_TRUE(tasks[2].done());
  EXPECT_THROW(tasks[0].result(), QueueShutDown);
}

// The kernel has to hear of it, or has it already.
TEST(Embed, IsDueAtOnceAfterTheHostAskedTheKernelForSomething) {
  Host host;
  test::Pipe pipe;
  char byte = 0;
  const auto reads = [&]() -> Task<> { co_await test::read(pipe.out.get(), &byte, 1); };
  auto reading = host.loop().spawn(reads());
  host.sleep();
  host.calls_back("cancel() of a read", [&] { reading.cancel(); });
  while (!reading.done()) {
    host.loop().turn(10s);
    host.sleep();
  }
  EXPECT_TRUE(reading.cancelled());

  std::optional<Listener> listener;
  const auto accepts = [&]() -> Task<> {
    listener = listen(Address::loopback(0));
    co_await listener->accept();
  };
  auto accepting = host.loop().spawn(accepts());
  host.sleep();
  listener.reset();
  EXPECT_TRUE(host.is_due() || host.readable());
  while (!accepting.done()) {
    host.loop().turn(10s);
    host.sleep();
  }
  EXPECT_THROW(accepting.result(), Error);
}

TEST(Embed, HasAnEarlierDeadlineAfterTheHostMovedATimeout) {
  Host host;
  Timeout* scope = nullptr;
  const auto body = [&](Timeout& timeout) -> Task<> {
    scope = &timeout;
    co_await sleep(10h);
  };
  const auto waits = [&]() -> Task<> { co_await timeout(10h, body); };
  auto waiting = host.loop().spawn(waits());
  host.sleep();
  EXPECT_GT(*host.loop().deadline(), std::chrono::steady_clock::now() + 9h);
  scope->reschedule(host.loop().clock() + 1h);
  EXPECT_LT(*host.loop().deadline(), std::chrono::steady_clock::now() + 2h);
  host.calls_back("reschedule()", [&] { scope->reschedule(host.loop().clock()); });
  EXPECT_THROW(waiting.result(), TimeoutError);
}

// What is called in the name of the running loop: by way of post(), which also makes fd() readable.
TEST(Embed, IsWokenAndDueAfterTheHostPosted) {
  Host host;
  bool called = false;
  EXPECT_THROW(call_later(0ms, [] {}), UsageError);
  host.loop().post([&] { call_later(0ms, [&] { called = true; }); });
  EXPECT_TRUE(host.readable());
  EXPECT_TRUE(host.is_due());
  host.sleep();
  EXPECT_TRUE(called);

  // From one of its own callbacks, and from another thread.
  host.loop().post([&] { host.loop().post([&] { called = false; }); });
  host.sleep();
  EXPECT_FALSE(called);
  std::thread([&] { host.loop().post([&] { called = true; }); }).join();
  EXPECT_TRUE(host.readable());
  EXPECT_TRUE(host.is_due());
  host.sleep();
  EXPECT_TRUE(called);
}

}  // namespace
