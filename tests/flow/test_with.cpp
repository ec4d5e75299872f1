#include "support/run.hpp"
#include "support/tracker.hpp"

namespace {

using namespace eddy;
using test::Log;
using test::Tracker;
using test::wait_until_done;

// Logs how it is entered and left; leaving takes a while.
class Logged {
 public:
  explicit Logged(Log& log, bool suppresses = false) : log_(&log), suppresses_(suppresses) {}
  Task<> enter() {
    co_await yield();
    (*log_)("enter");
  }
  Task<bool> exit(std::exception_ptr exception) {
    co_await yield();
    (*log_)(exception ? "exit-" + what_of(exception) : "exit");
    co_return suppresses_;
  }

 private:
  static std::string what_of(const std::exception_ptr& exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& error) {
      return error.what();
    } catch (const Cancelled& cancelled) {
      return "cancelled:" + std::string(cancelled.message());
    }
  }
  Log* log_;
  bool suppresses_;
};

struct Handle {
  explicit Handle(Log& log) : log(log) {}
  Task<> close() {
    co_await yield();
    log("close");
  }
  Log& log;
  Tracker tracker{3};
};
Task<Handle> open_handle(Log& log) {
  co_await yield();
  log("open");
  co_return Handle(log);
}

Task<> nothing(Logged&) { co_return; }
Task<int> throws(Logged&) {
  throw std::runtime_error("body");
  co_return 0;
}

// F70
TEST(With, EntersAndLeavesOnceAndGivesTheValue) {
  test::run([]() -> Task<> {
    Log log;
    const int value = co_await with(Logged(log), [&](Logged&) -> Task<int> {
      log("body");
      co_return 4;
    });
    EXPECT_EQ(value, 4);
    EXPECT_EQ(log.text(), "enter body exit");
  });
}

// F70
TEST(With, TellsTheExitWhatTheBodyThrewAndThrowsIt) {
  test::run([]() -> Task<> {
    Log log;
    EXPECT_THROW(co_await with(Logged(log), &throws), std::runtime_error);
    EXPECT_EQ(log.text(), "enter exit-body");
    const auto no_coroutine = [](Logged&) -> Task<> { throw std::runtime_error("early"); };
    EXPECT_THROW(co_await with(Logged(log), no_coroutine), std::runtime_error);
    EXPECT_EQ(log.text(), "enter exit-body enter exit-early");
  });
}

// F70: true suppresses
TEST(With, LetsTheExitSuppressTheException) {
  test::run([]() -> Task<> {
    Log log;
    EXPECT_EQ(co_await with(Logged(log, true), &throws), 0) << "a value of no meaning";
    EXPECT_EQ(log.text(), "enter exit-body");
    struct NoDefault {
      explicit NoDefault(int) {}
    };
    const auto body = [](Logged&) -> Task<NoDefault> { throw std::runtime_error("body"); };
    EXPECT_THROW(co_await with(Logged(log, true), body), UsageError);
  });
}

// F70, C5: also when it is cancelled; the exit may wait, and a second cancel interrupts it
TEST(With, LeavesWhenItIsCancelled) {
  for (const bool twice : {false, true}) {
    test::run([&]() -> Task<> {
      Log log;
      auto task = spawn([&]() -> Task<> {
        co_await with(Logged(log), [](Logged&) -> Task<> { co_await sleep(1h); });
      });
      co_await test::settle();
      EXPECT_TRUE(task.cancel("enough"));
      co_await yield();
      if (twice) task.cancel("now");
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(log.text(), twice ? "enter" : "enter exit-cancelled:enough");
    });
  }
}

// F73
TEST(With, LeavesNothingThatItCouldNotEnter) {
  test::run([]() -> Task<> {
    struct Broken {
      Task<> enter() { throw std::runtime_error("enter"); }
      Task<bool> exit(std::exception_ptr) {
        ADD_FAILURE() << "it was not entered";
        co_return false;
      }
    };
    const auto body = [](Broken&) -> Task<> {
      ADD_FAILURE() << "it was not entered";
      co_return;
    };
    EXPECT_THROW(co_await with(Broken(), body), std::runtime_error);
    Log log;
    auto task = spawn([&]() -> Task<> { co_await with(Logged(log), &nothing); });
    co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_EQ(log.text(), "");
  });
}

// F70: what enter() gives may be another object
TEST(With, GivesTheBodyWhatEnterGives) {
  test::run([]() -> Task<> {
    struct Connects {
      Task<std::string> enter() { co_return "connection"; }
      Task<bool> exit(std::exception_ptr) { co_return false; }
    };
    struct Lends {
      Task<int&> enter() { co_return value; }
      Task<bool> exit(std::exception_ptr) { co_return false; }
      int value = 1;
    };
    co_await with(Connects(), [](std::string& text) -> Task<> {
      EXPECT_EQ(text, "connection");
      co_return;
    });
    Lends lends;
    co_await with(lends, [](int& value) -> Task<> {
      value = 2;
      co_return;
    });
    EXPECT_EQ(lends.value, 2);
    bool ran = false;
    co_await with(lends, [&]() -> Task<> {
      ran = true;
      co_return;
    });
    EXPECT_TRUE(ran) << "a body need not take it";
  });
}

// F72: the error of an exit replaces that of the body; the outer one is left last
TEST(With, NestsAndReplaces) {
  test::run([]() -> Task<> {
    Log log;
    struct FailsToLeave {
      Task<> enter() { co_return; }
      Task<bool> exit(std::exception_ptr) { throw std::runtime_error("exit"); }
    };
    const auto inner = [](FailsToLeave&) -> Task<> { throw std::runtime_error("body"); };
    const auto outer = [&](Logged&) -> Task<> { co_await with(FailsToLeave(), inner); };
    EXPECT_THROW(co_await with(Logged(log), outer), std::runtime_error);
    EXPECT_EQ(log.text(), "enter exit-exit");
  });
}

// F110, F64: something that is opened and has a close()
TEST(With, ClosesWhatATaskOpened) {
  const int alive = Tracker::alive;
  test::run([]() -> Task<> {
    Log log;
    const int number = co_await with(open_handle(log), [&](Handle& handle) -> Task<int> {
      log("body");
      co_return handle.tracker.number();
    });
    EXPECT_EQ(number, 3);
    EXPECT_EQ(log.text(), "open body close");
    const auto fails = [](Handle&) -> Task<> { throw std::runtime_error("body"); };
    EXPECT_THROW(co_await with(open_handle(log), fails), std::runtime_error);
    EXPECT_EQ(log.text(), "open body close open close");
  });
  EXPECT_EQ(Tracker::alive, alive);
}

TEST(With, EntersAResourceThatATaskGives) {
  test::run([]() -> Task<> {
    Log log;
    const auto make = [&]() -> Task<Logged> { co_return Logged(log); };
    co_await with(make(), &nothing);
    EXPECT_EQ(log.text(), "enter exit");
  });
}

// F74: however the body ends
TEST(With, MeasuresABodyThatThrows) {
  test::run([]() -> Task<> {
    struct Timed {
      Task<> enter() {
        start = Loop::current().now();
        co_return;
      }
      Task<bool> exit(std::exception_ptr) {
        took = Loop::current().now() - start;
        co_return false;
      }
      Instant start;
      Duration took{};
    };
    Timed timed;
    const auto body = [](Timed&) -> Task<> {
      co_await sleep(5ms);
      throw std::runtime_error("body");
    };
    EXPECT_THROW(co_await with(timed, body), std::runtime_error);
    EXPECT_EQ(timed.took, 5ms);
  });
}

// F75, F70: once, on every path
TEST(Closing, ClosesHoweverTheBodyEnds) {
  test::run([]() -> Task<> {
    Log log;
    Handle handle(log);
    EXPECT_EQ(co_await closing(handle, [](Handle&) -> Task<int> { co_return 1; }), 1);
    const auto fails = [](Handle&) -> Task<> { throw std::runtime_error("body"); };
    EXPECT_THROW(co_await closing(handle, fails), std::runtime_error);
    auto task = spawn([&]() -> Task<> {
      co_await closing(handle, [](Handle&) -> Task<> { co_await sleep(1h); });
    });
    co_await yield();
    task.cancel();
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(log.text(), "close close close");
  });
}

// F62
TEST(Closing, ClosesAGenerator) {
  test::run([]() -> Task<> {
    bool cleaned = false;
    const auto numbers = [&]() -> Generator<int> {
      try {
        for (int i = 0;; ++i) co_yield i;
      } catch (const GeneratorExit&) {
        cleaned = true;
      }
    };
    const int second = co_await closing(numbers(), [](Generator<int>& g) -> Task<int> {
      co_await g.next();
      auto value = co_await g.next();
      co_return *value;
    });
    EXPECT_EQ(second, 1);
    EXPECT_TRUE(cleaned);
  });
}

// F02: the loop closes while the body waits
TEST(With, LeavesWhenItsLoopCloses) {
  Log log;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> {
      co_await with(Logged(log), [](Logged&) -> Task<> { co_await sleep(1h); });
    });
    co_await test::settle();
  });
  EXPECT_EQ(log.text(), "enter exit-cancelled:the loop is closed");
}

}  // namespace
