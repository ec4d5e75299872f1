// post() at every moment of the turn in which the loop takes what was posted, and the wake-up of
// each, one after the other.
#include "support/run.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>

namespace {

// Called once, when this thread is about to take a mutex, or has let go of one, for the `left`th
// time.
thread_local std::function<void()>* at_mutex = nullptr;
thread_local int left = 0;

void pass_mutex() {
  if (!at_mutex || left-- > 0) return;
  (*std::exchange(at_mutex, nullptr))();
}

using MutexCall = int (*)(pthread_mutex_t*);
MutexCall next_of(const char* name) {
  return reinterpret_cast<MutexCall>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const MutexCall lock = next_of("pthread_mutex_lock");
  pass_mutex();
  return lock(mutex);
}

extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static const MutexCall unlock = next_of("pthread_mutex_unlock");
  const int result = unlock(mutex);
  pass_mutex();
  return result;
}

namespace {

using namespace eddy;

// Another thread posts while the loop takes what was posted before: before it looks, and when it
// has looked.
TEST(Post, IsNotLostWhenItComesWhileTheLoopTakesTheOthers) {
  int moments = 0;
  for (bool more = true; more;) {
    Loop loop(test::options());
    bool ran = false;
    std::function<void()> post = [&] {
      std::thread([&] { loop.post([&] { ran = true; }); }).join();
    };
    loop.post([] {});
    left = moments;
    at_mutex = &post;
    loop.turn();
    loop.turn();
    more = std::exchange(at_mutex, nullptr) == nullptr;
    if (!more) break;
    ++moments;
    loop.turn();
    loop.turn();
    EXPECT_TRUE(ran) << "at moment " << moments;
  }
  EXPECT_GE(moments, 2) << "post() takes no mutex any more: this test needs another way in";
}

// Returns when `thread` sleeps in the kernel: a loop does so nowhere else than where it waits.
void wait_until_it_sleeps(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
  for (;;) {
    std::ifstream file(path);
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    if (stat.find(") S ") != stat.npos) return;
    std::this_thread::yield();
  }
}

// With a poll that reports every write, and with one that has to be made again after each.
class PostWakes : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Poll, PostWakes,
                         testing::Values(0u, std::uint32_t{feature_multishot_poll}));

TEST_P(PostWakes, ALoopEachTimeThatItSleeps) {
  Loop loop({.without = GetParam()});
  const pid_t sleeper = ::gettid();
  const auto body = [&]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      Event posted;
      std::thread poster([&] {
        wait_until_it_sleeps(sleeper);
        loop.post([&] { posted.set(); });
      });
      auto woken = co_await as_result(timeout(20s, posted.wait()));
      poster.join();
      EXPECT_TRUE(woken) << i;
    }
  };
  loop.run(body());
}

}  // namespace
