#include "file/path_calls.hpp"
#include "file/policies.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace {

using namespace eddy;
using test::wait_until_done;

// A call that is cancelled at any turn ends as cancelled, or with its result and the request left
// for the next wait; the request is never lost.
class CancelledCalls : public test::EveryPolicy {
 protected:
  // Cancels `call` after `turns` turns, before it begins if that is -1. True: it had ended before.
  template <class Call>
  Task<bool> cancel_after(int turns, const Call& call, std::string_view name) {
    bool ended = false;
    Event never;
    auto task = spawn([&]() -> Task<> {
      if (turns < 0) this_task().cancel();
      auto done = co_await as_result(call());
      EXPECT_TRUE(done) << name << ": " << done.error().message();
      ended = true;
      co_await never.wait();
    });
    co_await test::settle(std::max(turns, 1));
    const bool late = ended;
    if (turns >= 0) task.cancel();
    for (int since = 0; !task.done() && since < 100; since += ended) co_await yield();
    EXPECT_TRUE(task.done()) << name << ": the request after " << turns << " turns was lost";
    if (!task.done()) task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled()) << name;
    co_return late;
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, CancelledCalls, test::every_policy(), test::name_of_policy);

TEST_P(CancelledCalls, OnPathsLoseNoRequest) {
  run([&]() -> Task<> {
    for (const auto& call : test::path_calls()) {
      bool late = false;
      for (int turns = -1; !late && turns < 40; ++turns) {
        test::prepare_for(directory, call.name);
        const auto make = [&]() -> Task<> {
          auto task = call.make(path("it"), path("other"));
          co_await task;
        };
        late = co_await cancel_after(turns, make, call.name);
      }
    }
  });
}

// The reader opens a FIFO whose writer comes and goes meanwhile, each in any turn.
TEST_P(CancelledCalls, ThatOpenAFifoLoseNoRequest) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  run([&]() -> Task<> {
    for (int written = 0; written < 12; ++written) {
      for (int turns = -1; turns < 14; ++turns) {
        const auto reading = [&]() -> Task<> { co_await open(path("fifo"), "r"); };
        auto writer = spawn([&]() -> Task<> {
          int end = -1;
          for (int i = 0; end < 0 && i < 100; ++i) {
            co_await test::settle(std::max(written, 1));
            end = ::open(path("fifo").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
          }
          if (end >= 0) ::close(end);
        });
        co_await cancel_after(turns, reading, "open a FIFO to read");
        co_await writer;
      }
    }
    for (int turns = -1; turns < 60; ++turns) {
      UniqueFd reader;
      const auto writing = [&]() -> Task<> { co_await open(path("fifo"), "w"); };
      auto other = spawn([&]() -> Task<> {
        co_await test::settle(std::max(turns, 1));
        reader.reset(::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      });
      co_await cancel_after(turns, writing, "open a FIFO to write");
      co_await other;
    }
  });
}

// A flush that failed lost bytes; a request that comes then is no reason not to tell.
TEST_P(CancelledCalls, TellWhatWasLostWhenAFileIsClosed) {
  run([&]() -> Task<> {
    for (int turns = 0; turns < 8; ++turns) {
      File file = co_await open("/dev/full", "w");
      co_await file.write("lost");
      bool told = false;
      auto task = spawn([&]() -> Task<> {
        auto closed = co_await as_result(file.close());
        told = closed.error() == std::errc::no_space_on_device;
        co_await yield();
      });
      co_await test::settle(turns);
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(told || turns == 0 || !file.closed()) << turns;
      if (!file.closed()) {
        EXPECT_EQ((co_await as_result(file.close())).error(), std::errc::no_space_on_device);
      }
    }
  });
}

}  // namespace
