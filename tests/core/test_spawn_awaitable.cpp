// What needs no frame to be awaited runs in a task as well.
#include "support/directory.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;

TEST(SpawnAwaitable, RunsWhatIsNoTaskInATaskOfItsOwn) {
  test::run([&]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    auto waiting = spawn(lock.acquire(), {.name = "waits"});
    EXPECT_EQ(waiting.name(), "waits");
    co_await test::settle();
    EXPECT_FALSE(waiting.done());
    lock.release();
    co_await waiting;
    EXPECT_TRUE(lock.locked());
    lock.release();
  });
}

TEST(SpawnAwaitable, CancelsItWithTheTask) {
  test::run([&]() -> Task<> {
    Event event;
    auto waiting = spawn(event.wait());
    co_await test::settle();
    waiting.cancel();
    co_await test::wait_until_done(waiting);
    EXPECT_TRUE(waiting.cancelled());
  });
}

TEST(SpawnAwaitable, GivesItsValue) {
  test::Directory directory;
  directory.write("a", "0123456789");
  test::run([&]() -> Task<> {
    char into[4];
    File file = co_await open(directory.path("a"));
    EXPECT_EQ(co_await spawn(file.read_at(into, 3)), 4u);
    EXPECT_EQ(Bytes(into, 4).text(), "3456");
    EXPECT_EQ(co_await Loop::current().spawn(file.read_at(into, 6)), 4u);
    EXPECT_EQ(Bytes(into, 4).text(), "6789");
    co_await file.close();
  });
}

TEST(SpawnAwaitable, MakesAChildOfAGroupOfIt) {
  test::run([&]() -> Task<> {
    Event event;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      auto child = group.spawn(event.wait());
      event.set();
      co_await child;
    });
  });
  run(sleep(0s));
}

}  // namespace
