// Rows of work: functions on threads.
#include "support/awaitables.hpp"

#include <eddy/sync/event.hpp>
#include <eddy/work/run_in_executor.hpp>
#include <eddy/work/thread_pool.hpp>
#include <eddy/work/to_thread.hpp>
#include <eddy/work/worker_processes.hpp>

#include <gtest/gtest.h>

#include <latch>
#include <memory>

namespace {

using namespace test;

int twice(int number) { return 2 * number; }

// Functions that return soon.
struct Quick {
  ThreadPool pool{1};
};

const Rows<Quick> quick = {
    {"to_thread", [](Quick&) -> Task<> { EXPECT_EQ(co_await to_thread(twice, 4), 8); }, by_itself},
    {"to_thread that_throws",
     [](Quick&) -> Task<> {
       const auto said = co_await as_result(to_thread([]() -> int { throw Error(EIO, "call"); }));
       EXPECT_EQ(said.error(), std::errc::io_error);
     },
     by_itself},
    {"ThreadPool::submit", [](Quick& w) { return only(w.pool.submit(twice, 4)); }, by_itself},
    {"ThreadPool::submit that_may_be_left",
     [](Quick& w) { return only(w.pool.submit(abandon_on_cancel, twice, 4)); }, by_itself},
    {"run_in_executor",
     [](Quick& w) -> Task<> { EXPECT_EQ(co_await run_in_executor(w.pool, twice, 4), 8); },
     by_itself},
};

// The only thread is in another call until wake(), so that what is called meanwhile queues. One
// that is cancelled while it runs is in tests/work: nothing but its end lets its loop close, so a
// task opens the gate when it is cancelled.
struct Busy {
  Task<> begin() {
    busy = run_in_executor(pool, [](std::shared_ptr<std::latch> held) { held->wait(); }, gate);
    opener = spawn(open_when_cancelled(gate), {.eager = true});
    co_return;
  }
  void wake() { open(*gate); }
  Task<> check() {
    co_await busy;
    opener.cancel();
    co_await opener;
  }

  static void open(std::latch& gate) { if (!gate.try_wait()) gate.count_down(); }
  static Task<> open_when_cancelled(std::shared_ptr<std::latch> gate) {
    Event never;
    static_cast<void>(co_await as_outcome(never.wait()));
    open(*gate);
  }

  ThreadPool pool{1};
  std::shared_ptr<std::latch> gate = std::make_shared<std::latch>(1);
  JoinHandle<> busy;
  JoinHandle<> opener;
};

const Rows<Busy> queued = {
    {"ThreadPool::submit in_the_queue", [](Busy& w) { return only(w.pool.submit(twice, 4)); },
     together},
    {"ThreadPool::submit in_the_queue_that_may_be_left",
     [](Busy& w) { return only(w.pool.submit(abandon_on_cancel, twice, 4)); }, together},
};

struct Processes {
  Processes() : workers(1, [](std::string request) { return request + "!"; }) {}
  WorkerProcesses workers;
};

const Rows<Processes> processes = {
    {"WorkerProcesses::call",
     [](Processes& w) -> Task<> { EXPECT_EQ(co_await w.workers.call("it"), "it!"); }, by_itself},
};

}  // namespace
