// What wakes somebody else's loop: each post, one after the other, and what the host itself did.
#include "support/run.hpp"

#include <poll.h>

#include <atomic>
#include <thread>

namespace {

using namespace eddy;

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
TEST(Embed, IsDueAtOnceAfterWhatTheHostDidOutsideOfATurn) {
  Loop loop;
  Event event;
  const auto turns_idle = [&] {
    for (int i = 0; i < 5; ++i) loop.turn();
    return !loop.deadline();
  };
  const auto is_due = [&] {
    const auto deadline = loop.deadline();
    return deadline && *deadline <= std::chrono::steady_clock::now();
  };
  auto waits = loop.spawn([](Event& set) -> Task<> { co_await set.wait(); }(event));
  EXPECT_TRUE(is_due()) << "spawn()";
  EXPECT_TRUE(turns_idle());
  event.set();
  EXPECT_TRUE(is_due()) << "set()";
  EXPECT_TRUE(turns_idle());
  EXPECT_TRUE(waits.done());

  auto sleeps = loop.spawn([]() -> Task<> { co_await sleep(1h); }());
  for (int i = 0; i < 5; ++i) loop.turn();
  EXPECT_FALSE(is_due());
  sleeps.cancel();
  EXPECT_TRUE(is_due()) << "cancel()";
  EXPECT_TRUE(turns_idle());
  EXPECT_TRUE(sleeps.cancelled());
}

}  // namespace
