#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;
using test::wait_until_done;

class Logged {
 public:
  Logged(Log& log, std::string name) : log_(&log), name_(std::move(name)) {}
  Task<std::string> enter() {
    co_await yield();
    (*log_)("+" + name_);
    co_return name_;
  }
  Task<bool> exit(std::exception_ptr exception) {
    co_await yield();
    (*log_)("-" + name_ + (exception ? "!" : ""));
    co_return false;
  }

 private:
  Log* log_;
  std::string name_;
  Tracker tracker_;
};

struct Handle {
  explicit Handle(Log& log) : log(&log) {}
  Task<> close() {
    (*log)("close");
    co_return;
  }
  Log* log;
};
Task<Handle> open_handle(Log& log) {
  co_await yield();
  co_return Handle(log);
}

// F72
TEST(ExitStack, LeavesInReverse) {
  const int alive = Tracker::alive;
  test::run([]() -> Task<> {
    Log log;
    const int value = co_await with(ExitStack(), [&](ExitStack& stack) -> Task<int> {
      std::string& a = co_await stack.enter(Logged(log, "a"));
      std::string& b = co_await stack.enter(Logged(log, "b"));
      EXPECT_EQ(a + b, "ab");
      Handle& handle = co_await stack.enter(open_handle(log));
      EXPECT_EQ(handle.log, &log);
      stack.callback([&] { log("callback"); });
      stack.callback([&]() -> Task<> {
        co_await sleep(1ms);
        log("slow callback");
      });
      log("body");
      co_return 2;
    });
    EXPECT_EQ(value, 2);
    EXPECT_EQ(log.text(), "+a +b body slow callback callback close -b -a");
  });
  EXPECT_EQ(Tracker::alive, alive);
}

// F72: each is told what is on its way; one suppresses it for those after it
TEST(ExitStack, LetsAnExitSuppressTheException) {
  test::run([]() -> Task<> {
    Log log;
    co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
      co_await stack.enter(Logged(log, "a"));
      stack.push_exit([](std::exception_ptr exception) -> Task<bool> {
        co_return exception != nullptr;
      });
      co_await stack.enter(Logged(log, "b"));
      throw std::runtime_error("body");
    });
    EXPECT_EQ(log.text(), "+a +b -b! -a");
  });
}

// F72: what an exit throws takes the place of what was on its way
TEST(ExitStack, PassesOnWhatAnExitThrows) {
  test::run([]() -> Task<> {
    Log log;
    const auto body = [&](ExitStack& stack) -> Task<> {
      co_await stack.enter(Logged(log, "a"));
      stack.callback([]() -> Task<> { throw std::runtime_error("exit"); });
      stack.callback([&] { log("first"); });
      throw std::runtime_error("body");
    };
    try {
      co_await with(ExitStack(), body);
      ADD_FAILURE() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "exit");
    }
    EXPECT_EQ(log.text(), "+a first -a!");
  });
}

// F73: what could not be entered is not left, what had been is
TEST(ExitStack, LeavesWhatWasEnteredWhenEnteringFails) {
  test::run([]() -> Task<> {
    Log log;
    const auto refuses = [&]() -> Task<Handle> {
      co_await yield();
      throw std::runtime_error("refused");
    };
    const auto body = [&](ExitStack& stack) -> Task<> {
      co_await stack.enter(Logged(log, "a"));
      co_await stack.enter(refuses());
    };
    EXPECT_THROW(co_await with(ExitStack(), body), std::runtime_error);
    EXPECT_EQ(log.text(), "+a -a!");
  });
}

// C5: a cancelled exit does not keep the others from running
TEST(ExitStack, LeavesAllWhenItIsCancelled) {
  test::run([]() -> Task<> {
    Log log;
    auto task = spawn([&]() -> Task<> {
      co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
        co_await stack.enter(Logged(log, "a"));
        stack.callback([] { return sleep(1h); });
        co_await stack.enter(Logged(log, "b"));
        co_await sleep(1h);
      });
    });
    co_await test::settle();
    task.cancel();
    co_await test::settle();
    EXPECT_EQ(log.text(), "+a +b -b!");
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(log.text(), "+a +b -b! -a!");
  });
}

TEST(ExitStack, MayBeEmptiedIntoAnother) {
  test::run([]() -> Task<> {
    Log log;
    ExitStack kept;
    EXPECT_TRUE(kept.empty());
    co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
      co_await stack.enter(Logged(log, "a"));
      ExitStack all = stack.pop_all();
      EXPECT_TRUE(stack.empty());
      stack.callback([&] { log("later"); });
      co_await all.aclose();
      log("body");
    });
    EXPECT_EQ(log.text(), "+a -a body later");
    co_await kept.aclose();
  });
}

TEST(ExitStack, HoldsALongList) {
  test::run([]() -> Task<> {
    int calls = 0;
    ExitStack stack;
    for (int i = 0; i < 100'000; ++i) stack.callback([&] { ++calls; });
    co_await stack.aclose();
    EXPECT_EQ(calls, 100'000);
    for (int i = 0; i < 100'000; ++i) stack.callback([&] { ++calls; });
  });
}

}  // namespace
