#include <eddy/kit/inspect.hpp>

#include <eddy/core/poll_fd.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/generator.hpp>
#include <eddy/flow/race.hpp>
#include <eddy/flow/select.hpp>
#include <eddy/flow/task_group.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/kit/connect.hpp>
#include <eddy/net/listener.hpp>
#include <eddy/sync/channel.hpp>
#include <eddy/sync/condition.hpp>
#include <eddy/sync/event.hpp>
#include <eddy/sync/future.hpp>
#include <eddy/sync/lock.hpp>
#include <eddy/sync/queue.hpp>
#include <eddy/sync/rw_lock.hpp>
#include <eddy/sync/semaphore.hpp>

#include "support/foreign.hpp"
#include "support/inspected.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <string>
#include <vector>

namespace {
using namespace eddy;
using namespace std::chrono_literals;
using inspect::TaskStatus;
using test::end;
using test::named;
using test::settle;
using test::wait_of;

Task<> inner(Event& event) { co_await event.wait(); }
Task<> middle(Event& event) { co_await inner(event); }
Task<> outer(Event& event) { co_await middle(event); }

TEST(Inspect, TellsIdNamePlaceAndStatusOfEachTask) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto waits = spawn(outer(event), {.name = "waits"});
    auto later = spawn(settle(), {.name = "later"});
    auto tasks = inspect::tasks();
    EXPECT_EQ(tasks.size(), 3U);
    EXPECT_EQ(tasks[0].status, TaskStatus::running);
    EXPECT_EQ(named(tasks, "later").status, TaskStatus::unstarted);
    co_await yield();
    co_await yield();
    tasks = inspect::tasks();
    EXPECT_EQ(named(tasks, "later").status, TaskStatus::ready);
    EXPECT_EQ(named(tasks, "waits").status, TaskStatus::waiting);
    EXPECT_EQ(named(tasks, "waits").id, waits.id());
    EXPECT_NE(std::string(named(tasks, "waits").where.function_name()).find("outer"),
              std::string::npos);
    event.set();
    co_await gather(waits, later);
  });
}

TEST(Inspect, ShowsTheChainOfAwaitsDownToTheLeaf) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto waits = spawn(outer(event), {.name = "waits"});
    co_await settle();
    const auto tasks = inspect::tasks();
    const auto& task = named(tasks, "waits");
    EXPECT_EQ(task.frames.size(), 3U);
    if (task.frames.size() == 3) {
      EXPECT_NE(std::string(task.frames[0].function_name()).find("inner"), std::string::npos);
      EXPECT_NE(std::string(task.frames[1].function_name()).find("middle"), std::string::npos);
      EXPECT_NE(std::string(task.frames[2].function_name()).find("outer"), std::string::npos);
    }
    EXPECT_FALSE(task.foreign_frames);
    event.set();
    co_await waits;
  });
}

Generator<int> numbers(Event& event) {
  co_yield 1;
  co_await inner(event);
}
Task<> consume(Event& event) {
  auto generator = numbers(event);
  while (auto number = co_await generator.next()) static_cast<void>(number);
}

TEST(Inspect, FollowsTheChainThroughAGenerator) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto waits = spawn(consume(event), {.name = "waits"});
    co_await settle();
    const auto tasks = inspect::tasks();
    const auto& task = named(tasks, "waits");
    EXPECT_EQ(task.frames.size(), 3U);
    if (task.frames.size() == 3) {
      EXPECT_NE(std::string(task.frames[1].function_name()).find("numbers"), std::string::npos);
      EXPECT_NE(std::string(task.frames[2].function_name()).find("consume"), std::string::npos);
    }
    event.set();
    co_await waits;
  });
}

Task<> deep(int depth, Event& event) {
  if (depth > 0) {
    co_await deep(depth - 1, event);
  } else {
    co_await event.wait();
  }
}

TEST(Inspect, CountsTheFramesBeyondTheFirst32) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto waits = spawn(deep(1000, event), {.name = "waits"});
    co_await settle();
    const auto tasks = inspect::tasks();
    EXPECT_EQ(named(tasks, "waits").frames.size(), inspect::TaskInfo::most_frames);
    EXPECT_EQ(named(tasks, "waits").more_frames, 1001 - inspect::TaskInfo::most_frames);
    event.set();
    co_await waits;
  });
}

// What stands in the place of a link is anything.
struct Noise {
  void* noise[4] = {reinterpret_cast<void*>(0x10), reinterpret_cast<void*>(0xdeadbeef000),
                    reinterpret_cast<void*>(1), nullptr};
};
test::BasicLazy<Noise> foreign_wait(Event& event) {
  co_await event.wait();
  co_return 0;
}
Task<> awaits_foreign(Event& event) { co_await foreign_wait(event); }

TEST(Inspect, SaysWhereACoroutineOfAnotherLibraryBegins) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto waits = spawn(awaits_foreign(event), {.name = "waits"});
    co_await settle();
    const auto tasks = inspect::tasks();
    EXPECT_TRUE(named(tasks, "waits").foreign_frames);
    EXPECT_EQ(named(tasks, "waits").waits_for, "Event.wait");
    EXPECT_NE(inspect::dump().find("a coroutine of another library"), std::string::npos);
    event.set();
    co_await waits;
  });
}

TEST(Inspect, SaysWhatEachPrimitiveIsWaitedForAs) {
  Loop loop;
  loop.run([]() -> Task<> {
    Queue<int> queue(64);
    auto get = spawn(queue.get(), {.name = "get"});
    Queue<int> full(1);
    co_await full.put(1);
    auto put = spawn(full.put(2), {.name = "put"});
    auto join = spawn(full.join(), {.name = "join"});
    Semaphore semaphore(0);
    auto unit = spawn(semaphore.acquire(), {.name = "unit"});
    Lock guard;
    Condition condition(guard);
    co_await guard.acquire();
    guard.release();
    auto told = spawn([](Lock& lock, Condition& when) -> Task<> {
      auto held = co_await lock.scoped();
      co_await when.wait();
    }(guard, condition), {.name = "told"});
    FutureSetter<int> setter;
    auto future = spawn([](Future<int> of) -> Task<int> { co_return co_await of; }(setter.future()),
                        {.name = "future"});
    auto channel = Channel<int>(2);
    auto receive = spawn(channel.receiver.receive(), {.name = "receive"});
    RwLock shared;
    auto reads = co_await shared.read();
    auto write = spawn(shared.write(), {.name = "write"});
    co_await settle();
    EXPECT_EQ(wait_of("get"), "Queue.get of 0/64");
    EXPECT_EQ(wait_of("put"), "Queue.put of 1/1");
    EXPECT_EQ(wait_of("join"), "Queue.join, 1 unfinished");
    EXPECT_EQ(wait_of("unit"), "a Semaphore, all units taken");
    EXPECT_EQ(wait_of("told"), "Condition.wait");
    EXPECT_EQ(wait_of("future"), "a Future");
    EXPECT_EQ(wait_of("receive"), "Receiver.receive of 0");
    EXPECT_EQ(wait_of("write"), "RwLock.write, 1 read");
    reads.release();
    setter.set_value(1);
    co_await gather(future, write);
    co_await end(get);
    co_await end(put);
    co_await end(join);
    co_await end(unit);
    co_await end(told);
    co_await end(receive);
  });
}

TEST(Inspect, SaysHowLongASleepStillIs) {
  Loop loop({.virtual_time = true});
  loop.run([]() -> Task<> {
    auto sleeps = spawn(sleep(10s), {.name = "sleeps"});
    co_await sleep(4s);
    EXPECT_EQ(wait_of("sleeps"), "sleep, 6s left");
    co_await sleeps;
  });
}

TEST(Inspect, NamesThePeerOfASocketAndTheDescriptorOfAPoll) {
  Loop loop;
  loop.run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto [client, server] = co_await gather(connect(listener.local()), listener.accept());
    auto reads = spawn(server.readline(), {.name = "reads"});
    auto accepts = spawn(listener.accept(), {.name = "accepts"});
    auto polls = spawn(readable(client.socket().fileno()), {.name = "polls"});
    co_await settle();
    EXPECT_EQ(wait_of("reads"), "read " + client.local().format());
    EXPECT_EQ(wait_of("accepts"), "accept " + listener.local().format());
    EXPECT_EQ(wait_of("polls"),
              "poll of descriptor " + std::to_string(client.socket().fileno()));
    co_await end(accepts);
    co_await end(polls);
    co_await end(reads);
  });
}

TEST(Inspect, JoinsGathersRacesAndGroupsAreAboveWhatTheyWaitFor) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    const auto waiter = [&](std::string name) {
      return spawn(inner(event), {.name = name});
    };
    auto a = waiter("a");
    auto join = spawn([](JoinHandle<> of) -> Task<> { co_await of; }(a), {.name = "join"});
    auto b = waiter("b");
    auto c = waiter("c");
    auto both = spawn([](JoinHandle<> x, JoinHandle<> y) -> Task<> { co_await gather(x, y); }(b, c),
                      {.name = "gather"});
    auto group = spawn(task_group([&](TaskGroup& tasks) -> Task<> {
      tasks.spawn(inner(event), {.name = "child"});
      co_await event.wait();
    }), {.name = "group"});
    auto race_of_two = spawn(race(inner(event), inner(event)), {.name = "race"});
    const auto selects = [&]() -> Task<> {
      auto chosen = co_await select(event.wait(), inner(event));
      EXPECT_EQ(chosen.index(), 0U);
    };
    auto first_of_two = spawn(selects(), {.name = "select"});
    co_await settle();
    const auto tasks = inspect::tasks();
    using Ids = std::vector<std::uint64_t>;
    EXPECT_EQ(named(tasks, "join").children, Ids{a.id()});
    EXPECT_EQ(named(tasks, "join").waits_on, Ids{a.id()});
    EXPECT_EQ(named(tasks, "join").waits_for, "task " + std::to_string(a.id()) + " \"a\"");
    EXPECT_EQ(named(tasks, "gather").children, (Ids{b.id(), c.id()}));
    EXPECT_EQ(named(tasks, "gather").waits_for, "gather, 2 left");
    EXPECT_EQ(named(tasks, "race").waits_on.size(), 2U);
    EXPECT_EQ(named(tasks, "select").waits_on.size(), 2U);
    EXPECT_EQ(named(tasks, "select").waits_for, "select, 2 left");
    EXPECT_EQ(named(tasks, "group").children, Ids{named(tasks, "child").id});
    EXPECT_TRUE(named(tasks, "group").waits_on.empty());  // its body still runs
    EXPECT_TRUE(inspect::cycles(tasks).empty());
    event.set();
    co_await gather(join, both, group, race_of_two, first_of_two);
  });
}

TEST(Inspect, DumpsATreeWithTheChildrenMovedIn) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    auto a = spawn(inner(event), {.name = "a"});
    auto join = spawn([](JoinHandle<> of) -> Task<> { co_await of; }(a), {.name = "join"});
    co_await settle();
    const std::string text = inspect::dump();
    const std::string id = std::to_string(a.id());
    EXPECT_TRUE(text.starts_with("3 tasks, 1 running, 2 waiting\n")) << text;
    EXPECT_NE(text.find("\ntask " + std::to_string(join.id()) + " \"join\" in "), std::string::npos)
        << text;
    EXPECT_NE(text.find(": waits for task " + id + " \"a\"\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  task " + id + " \"a\" in "), std::string::npos) << text;
    event.set();
    co_await join;
  });
}

TEST(Inspect, AnAskedTaskIsSaidToBeAskedToStop) {
  Loop loop;
  loop.run([]() -> Task<> {
    Event event;
    Event done;
    auto waits = spawn([](Event& first, Event& second) -> Task<> {
      static_cast<void>(co_await as_outcome(first.wait()));
      co_await second.wait();
    }(event, done), {.name = "waits"});
    co_await settle();
    waits.cancel();
    co_await settle();
    EXPECT_EQ(named(inspect::tasks(), "waits").cancelling, 1U);
    EXPECT_NE(inspect::dump().find("Event.wait, asked to stop"), std::string::npos);
    done.set();
    co_await waits;
  });
}

TEST(Inspect, AHolderThatHasEndedIsToldAsThat) {
  Loop loop;
  loop.run([]() -> Task<> {
    Lock lock;
    co_await spawn([](Lock& taken) -> Task<> { co_await taken.acquire(); }(lock));
    auto waits = spawn(lock.acquire(), {.name = "waits"});
    co_await settle();
    const auto wait = wait_of("waits");
    EXPECT_TRUE(wait.starts_with("a Lock held by ")) << wait;
    lock.release();
    co_await waits;
    lock.release();
  });
}

TEST(Inspect, MayBeAskedBetweenTurnsAndOfAnotherLoop) {
  Loop loop;
  Event event;
  auto waits = loop.spawn(inner(event), {.name = "waits"});
  loop.turn();
  EXPECT_EQ(named(inspect::tasks(loop), "waits").status, TaskStatus::waiting);
  Loop other;
  other.run([&]() -> Task<> {
    EXPECT_EQ(named(inspect::tasks(loop), "waits").waits_for, "Event.wait");
    co_return;
  });
  event.set();
  while (!waits.done()) loop.turn();
}

TEST(Inspect, ASignalWritesADump) {
  Loop loop;
  loop.run([]() -> Task<> {
    std::string said;
    Event came;
    auto listens = spawn(inspect::dump_on_signal(SIGUSR1, [&](std::string_view text) {
      said += text;
      came.set();
    }), {.name = "listens"});
    co_await settle();
    ::kill(::getpid(), SIGUSR1);
    co_await came.wait();
    EXPECT_NE(said.find("\"listens\""), std::string::npos) << said;
    came.clear();
    ::kill(::getpid(), SIGUSR1);
    co_await came.wait();
    co_await end(listens);
  });
}

Task<std::string> ask(const Address& address, std::string_view question) {
  Stream stream = co_await connect(address);
  co_await stream.write_all(question);
  co_return co_await stream.read_all();
}

TEST(Inspect, AnswersOverAUnixSocketAndRemovesItsPath) {
  Loop loop;
  loop.run([]() -> Task<> {
    const std::string path = "/tmp/eddy-inspect-" + std::to_string(::getpid());
    const Address address = Address::unix_path(path);
    auto serves = spawn(inspect::serve(address), {.name = "serves"});
    co_await settle();
    const auto ps = co_await ask(address, "ps\n");
    EXPECT_TRUE(ps.starts_with("ID\tNAME\tCOROUTINE\tSTATE\n")) << ps;
    EXPECT_NE(ps.find("\tserves\t"), std::string::npos) << ps;
    const auto tree = co_await ask(address, "pstree\n");
    EXPECT_NE(tree.find("\"serves\" in "), std::string::npos) << tree;
    EXPECT_EQ(co_await ask(address, "what\n"), "ask for ps or pstree\n");
    co_await end(serves);
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
  });
}

TEST(Inspect, ServesOnAUnixAddressOnly) {
  Loop loop;
  EXPECT_THROW(loop.run(inspect::serve(Address::loopback(0))), UsageError);
}

}  // namespace
