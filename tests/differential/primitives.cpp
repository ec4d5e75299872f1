#include "scenario.hpp"

using namespace scenario;

static std::vector<JoinHandle<>> spawn_abc(auto&& work) {
  std::vector<JoinHandle<>> all;
  for (const char* name : {"a", "b", "c"}) all.push_back(spawn(work(std::string(name))));
  return all;
}

static Task<> join(std::vector<JoinHandle<>> all) {
  for (auto& task : all) co_await task;
}

SCENARIO(a_lock_is_fifo) {
  Lock lock;
  const auto work = [&](std::string name) -> Task<> {
    auto guard = co_await lock.scoped();
    log(name + "-in");
    co_await ms(5);
    log(name + "-out");
  };
  co_await join(spawn_abc(work));
}

SCENARIO(a_cancelled_lock_waiter_is_skipped) {
  Lock lock;
  co_await lock.acquire();
  const auto work = [&](std::string name) -> Task<> {
    auto guard = co_await lock.scoped();
    log(name);
  };
  auto a = spawn(work("a"));
  auto b = spawn(work("b"));
  co_await ms(1);
  a.cancel();
  lock.release();
  co_await b;
  log(str(a.cancelled()) + " " + str(lock.locked()));
}

SCENARIO(a_woken_lock_waiter_that_is_cancelled_passes_on) {
  Lock lock;
  co_await lock.acquire();
  const auto work = [&](std::string name) -> Task<> {
    auto guard = co_await lock.scoped();
    log(name);
  };
  auto a = spawn(work("a"));
  auto b = spawn(work("b"));
  co_await ms(1);
  lock.release();
  a.cancel();
  co_await b;
  log(str(a.cancelled()));
}

SCENARIO(a_semaphore_limits) {
  Semaphore semaphore(2);
  int running = 0;
  int peak = 0;
  const auto work = [&]() -> Task<> {
    auto guard = co_await semaphore.scoped();
    peak = std::max(peak, ++running);
    co_await ms(5);
    --running;
  };
  std::vector<Task<>> jobs;
  for (int i = 0; i < 6; ++i) jobs.push_back(work());
  co_await gather(std::move(jobs));
  log(str(peak) + " " + str(now()));
}

SCENARIO(an_event_wakes_all_in_order) {
  Event event;
  const auto work = [&](std::string name) -> Task<> {
    co_await event.wait();
    log(name);
  };
  auto all = spawn_abc(work);
  co_await ms(1);
  event.set();
  event.clear();
  co_await join(std::move(all));
  log(str(event.is_set()));
}

SCENARIO(a_condition_notifies_in_order) {
  Lock lock;
  Condition condition(lock);
  const auto work = [&](std::string name) -> Task<> {
    auto guard = co_await lock.scoped();
    co_await condition.wait();
    log(name);
  };
  auto all = spawn_abc(work);
  co_await ms(1);
  {
    auto guard = co_await lock.scoped();
    condition.notify(2);
  }
  co_await ms(1);
  log("two");
  {
    auto guard = co_await lock.scoped();
    condition.notify_all();
  }
  co_await join(std::move(all));
}

SCENARIO(a_bounded_queue_holds_the_producer) {
  Queue<int> queue(2);
  auto t = spawn([&]() -> Task<> {
    for (int i = 0; i < 4; ++i) {
      co_await queue.put(i);
      log("put" + str(i));
    }
  });
  co_await ms(1);
  for (int i = 0; i < 4; ++i) {
    log("got" + str(co_await queue.get()));
    co_await ms(1);
  }
  co_await t;
}

SCENARIO(a_cancelled_getter_loses_nothing) {
  Queue<int> queue;
  const auto getter = [&](std::string name) -> Task<> { log(name + str(co_await queue.get())); };
  auto a = spawn(getter("a"));
  auto b = spawn(getter("b"));
  co_await ms(1);
  queue.put_nowait(1);
  a.cancel();
  co_await b;
  log(str(a.cancelled()) + " " + str(queue.empty()));
}

SCENARIO(join_counts_tasks_done) {
  Queue<int> queue;
  for (int i = 0; i < 3; ++i) queue.put_nowait(i);
  auto t = spawn([&]() -> Task<> {
    for (;;) {
      const int item = co_await queue.get();
      co_await ms(5);
      log(str(item));
      queue.task_done();
    }
  });
  co_await queue.join();
  log("joined " + str(now()));
  t.cancel();
  std::vector<JoinHandle<>> last(1, t);
  co_await wait(last);
}

SCENARIO(a_priority_queue_gives_the_lowest) {
  PriorityQueue<int> queue;
  for (int i : {3, 1, 2}) queue.put_nowait(i);
  while (!queue.empty()) log(str(co_await queue.get()));
}

SCENARIO(a_barrier_releases_all) {
  Barrier barrier(3);
  const auto work = [&](std::string) -> Task<> {
    co_await barrier.wait();
    log("through");
  };
  co_await join(spawn_abc(work));
  log(str(barrier.n_waiting()));
}

static Generator<int> numbers(Log& log) {
  for (int i = 0; i < 3; ++i) {
    log("make" + str(i));
    co_yield i;
  }
}

SCENARIO(a_generator_is_lazy) {
  auto generator = numbers(log);
  while (auto i = co_await generator.next()) log("use" + str(*i));
}


SCENARIO(closing_a_generator_runs_its_cleanup) {
  const auto guarded = [&]() -> Generator<int> {
    std::exception_ptr closing;
    try {
      for (int i = 0; i < 9; ++i) co_yield i;
    } catch (...) {
      closing = std::current_exception();
    }
    co_await ms(5);
    log("cleanup " + str(now()));
    if (closing) std::rethrow_exception(closing);
  };
  auto generator = guarded();
  log(str((co_await generator.next()).value()));
  co_await generator.aclose();
  log("closed");
}

SCENARIO(context_variables_are_copied) {
  static ContextVar<std::string> var("var", "none");
  const auto child = [&]() -> Task<> {
    log(var.get());
    auto guard = var.set("child");
    co_await ms(1);
    log(var.get());
  };
  auto first = var.set("parent");
  auto t = spawn(child());
  auto second = var.set("later");
  co_await t;
  log(var.get());
}
