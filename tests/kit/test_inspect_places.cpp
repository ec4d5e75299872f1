// inspect from every place: what is said of a task between two of its steps, and to whom.
#include <eddy/kit/inspect.hpp>

#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/select.hpp>
#include <eddy/kit/connect.hpp>
#include <eddy/net/listener.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/lock.hpp>

#include "support/foreign.hpp"
#include "support/inspected.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <source_location>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {
using namespace eddy;
using namespace std::chrono_literals;
using inspect::TaskStatus;
using test::end;
using test::named;
using test::settle;

Task<> inner(Event& event) { co_await event.wait(); }
Task<> awaits_inner(Event& event) { co_await inner(event); }

TEST(InspectPlaces, OfALoopOfAnotherThreadIsAUsageError) {
  Loop loop;
  auto waits = loop.spawn(sleep(1h), {.name = "waits"});
  std::thread([&] {
    EXPECT_THROW(static_cast<void>(inspect::tasks(loop)), UsageError);
    EXPECT_THROW(static_cast<void>(inspect::table(loop)), UsageError);
    EXPECT_THROW(static_cast<void>(inspect::dump(loop)), UsageError);
  }).join();
  EXPECT_EQ(inspect::tasks(loop).size(), 1U);
}

// Whose memory is given to the next task.
Task<> takes(Lock& lock) {
  char more_than_the_task_itself[1000];
  co_await lock.acquire();
  more_than_the_task_itself[0] = 0;
  static_cast<void>(more_than_the_task_itself);
}

TEST(InspectPlaces, AHolderThatHasEndedIsNobodyElse) {
  Loop loop;
  loop.run([]() -> Task<> {
    Lock lock;
    co_await spawn(takes(lock));
    std::vector<JoinHandle<>> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(spawn(takes(lock)));
    co_await settle();
    const auto tasks = inspect::tasks();
    for (const auto& task : tasks) EXPECT_TRUE(task.waits_on.empty()) << task.waits_for;
    EXPECT_TRUE(inspect::cycles(tasks).empty());
    for (auto& one : waiting) {
      lock.release();
      co_await one;
    }
    lock.release();
  });
}

Task<> looks(std::string& text) {
  text = inspect::dump();
  co_return;
}
Task<> starts_eagerly(std::string& text) {
  co_await settle();
  auto child = spawn(looks(text), {.name = "child", .eager = true});
  co_await child;
}

TEST(InspectPlaces, WhoStartsATaskEagerlyRunsMeanwhile) {
  Loop loop;
  std::string text;
  loop.run([&]() -> Task<> { co_await spawn(starts_eagerly(text), {.name = "starts"}); });
  EXPECT_TRUE(text.starts_with("3 tasks, 2 running, 1 waiting\n")) << text;
  EXPECT_EQ(text.find("another library"), std::string::npos) << text;
}

Task<> looks_and_waits(std::string& text, Event& event) {
  text = inspect::dump();
  co_await event.wait();
}

TEST(InspectPlaces, FromABranchThatASelectStarts) {
  Loop loop;
  std::string text;
  loop.run([&]() -> Task<> {
    Event first;
    Event second;
    auto selects = spawn([](std::string& to, Event& one, Event& other) -> Task<> {
      static_cast<void>(co_await select(looks_and_waits(to, one), other.wait()));
    }(text, first, second), {.name = "selects"});
    co_await settle();
    second.set();
    co_await selects;
  });
  EXPECT_EQ(text.find("another library"), std::string::npos) << text;
  EXPECT_NE(text.find("\"selects\""), std::string::npos) << text;
}

TEST(InspectPlaces, ANameIsOnOneLine) {
  Loop loop;
  loop.run([]() -> Task<> {
    auto waits = spawn(sleep(1h), {.name = "two\nlines\tand \x1b[31ma tab"});
    co_await settle();
    const auto table = inspect::table();
    EXPECT_NE(table.find("\ttwo?lines?and ?[31ma tab\t"), std::string::npos) << table;
    EXPECT_NE(inspect::dump().find("\"two?lines?and ?[31ma tab\""), std::string::npos);
    EXPECT_EQ(inspect::tasks().back().name, "two\nlines\tand \x1b[31ma tab");
    co_await end(waits);
  });
}

TEST(InspectPlaces, ASleepThatIsDueHasNothingLeft) {
  Loop loop;
  loop.run([]() -> Task<> {
    auto sleeps = spawn(sleep(1us), {.name = "sleeps"});
    co_await yield();
    const auto began = Loop::current().clock();
    while (Loop::current().clock() < began + 2ms) continue;
    const auto text = named(inspect::tasks(), "sleeps").waits_for;
    EXPECT_EQ(text, "sleep, 0s left") << text;
    co_await sleeps;
  });
}

// What another library's promise begins with may look like eddy's, and lead to itself.
struct Circle {
  void* told = reinterpret_cast<void**>(this) - 2;  // its frame
  std::source_location where = std::source_location::current();
};
test::BasicLazy<Circle> goes_round(Event& event) {
  co_await event.wait();
  co_return 0;
}
Task<> awaits_circle(Event& event) { co_await goes_round(event); }

TEST(InspectPlaces, FramesThatLeadInACircleAreLeftAtSomeTime) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto waits = spawn(awaits_circle(event), {.name = "waits"});
    co_await settle();
    const auto tasks = inspect::tasks();
    EXPECT_EQ(named(tasks, "waits").frames.size(), 1U);
    EXPECT_TRUE(named(tasks, "waits").foreign_frames);
    event.set();
    co_await waits;
  });
}

TEST(InspectPlaces, FramesAreReadWhereAskingForMemoryIsForbidden) {
  for (const int error : {EPERM, ENOSYS}) {
    test::in_a_child([error] {
      test::refuse(SYS_process_vm_readv, error);
      Loop loop;
      loop.run([]() -> Task<> {
        Event event;
        auto waits = spawn(awaits_inner(event), {.name = "waits"});
        auto circle = spawn(awaits_circle(event), {.name = "circle"});
        co_await settle();
        const auto tasks = inspect::tasks();
        EXPECT_EQ(named(tasks, "waits").frames.size(), 2U);
        EXPECT_FALSE(named(tasks, "waits").foreign_frames);
        EXPECT_TRUE(named(tasks, "circle").foreign_frames);
        event.set();
        co_await gather(waits, circle);
      });
    });
  }
}

TEST(InspectPlaces, NothingIsSaidOfFramesWhereMemoryMayNotBeRead) {
  test::in_a_child([] {
    Loop loop;
    loop.run([]() -> Task<> {
      test::refuse(SYS_process_vm_readv, EPERM);
      test::refuse(SYS_openat, EACCES);
      Event event;
      auto waits = spawn(awaits_inner(event), {.name = "waits"});
      co_await settle();
      const auto tasks = inspect::tasks();
      EXPECT_TRUE(named(tasks, "waits").frames.empty());
      EXPECT_FALSE(named(tasks, "waits").foreign_frames);
      event.set();
      co_await waits;
    });
  });
}

// Somebody who looks in does the program no harm, and leaves nothing in its log.
Task<> with_server(int& reports, auto body) {
  Loop::current().on_exception([&](const auto&) { ++reports; });
  const auto address = Address::abstract("eddy-inspect-" + std::to_string(::getpid()));
  auto serves = spawn(inspect::serve(address), {.name = "serves"});
  co_await settle();
  co_await body(address);
  EXPECT_FALSE(serves.done());
  co_await end(serves);
}

TEST(InspectPlaces, WhoLeavesBeforeTheAnswerIsNotReported) {
  Loop loop;
  int reports = 0;
  loop.run([&]() -> Task<> {
    std::vector<JoinHandle<>> many;
    for (int i = 0; i < 10000; ++i) many.push_back(spawn(sleep(1h)));
    co_await with_server(reports, [](const Address& address) -> Task<> {
      {
        Stream stream = co_await connect(address);
        co_await stream.write_all("pstree\n");
        char some[100];
        static_cast<void>(co_await stream.read_some(std::as_writable_bytes(std::span(some))));
      }
      while (inspect::tasks().size() > 10002) co_await yield();
    });
    for (auto& one : many) one.cancel();
    for (auto& one : many) static_cast<void>(co_await as_outcome(one));
  });
  EXPECT_EQ(reports, 0);
}

TEST(InspectPlaces, AQuestionOfJunkIsNotReported) {
  Loop loop;
  int reports = 0;
  loop.run([&]() -> Task<> {
    co_await with_server(reports, [](const Address& address) -> Task<> {
      {
        Stream stream = co_await connect(address);
        const std::string junk(1 << 20, '\xff');
        static_cast<void>(co_await as_outcome(stream.write_all(junk)));
        static_cast<void>(co_await as_outcome(stream.read_all()));
      }
      while (inspect::tasks().size() > 2) co_await yield();
    });
  });
  EXPECT_EQ(reports, 0);
}

TEST(InspectPlaces, AQuestionEndsWithTheLineOrWithTheStream) {
  Loop loop;
  int reports = 0;
  loop.run([&]() -> Task<> {
    co_await with_server(reports, [](const Address& address) -> Task<> {
      for (const std::string_view question : {"ps", "ps\r\n", "ps\n"}) {
        Stream stream = co_await connect(address);
        co_await stream.write_all(question);
        stream.shutdown_write();
        const auto answer = co_await stream.read_all();
        EXPECT_TRUE(std::string(answer).starts_with("ID\t")) << question;
      }
    });
  });
  EXPECT_EQ(reports, 0);
}

TEST(InspectPlaces, WhoAsksNothingIsLetGoAfterTenSecondsUnreported) {
  Loop loop({.virtual_time = true});
  int reports = 0;
  loop.run([&]() -> Task<> {
    co_await with_server(reports, [](const Address& address) -> Task<> {
      Stream stream = co_await connect(address);
      EXPECT_EQ((co_await stream.read_all()).size(), 0U);
    });
  });
  EXPECT_EQ(reports, 0);
}

}  // namespace
