#include "scenario.hpp"

using namespace scenario;

static Task<> say(Log& log, std::string text) {
  log(text);
  co_return;
}

SCENARIO(tasks_start_in_the_order_of_spawning) {
  auto a = spawn(say(log, "a"));
  auto b = spawn(say(log, "b"));
  auto c = spawn(say(log, "c"));
  log("spawned");
  co_await a;
  co_await b;
  co_await c;
}

static Task<int> body(Log& log) {
  log("body");
  co_return 1;
}

SCENARIO(a_coroutine_runs_when_awaited) {
  auto task = body(log);
  log("made");
  log(str(co_await std::move(task)));
}

SCENARIO(plain_await_takes_no_turn) {
  auto t = spawn(say(log, "other"));
  co_await say(log, "inner");
  log("main");
  co_await t;
}

SCENARIO(awaiting_a_done_task_does_not_suspend) {
  auto t = spawn([]() -> Task<int> { co_return 5; });
  co_await ms(1);
  auto o = spawn(say(log, "other"));
  log(str(co_await t));
  log("main");
  co_await o;
}

SCENARIO(a_failed_task_throws_each_time) {
  auto t = spawn(fail_after(1));
  for (int i = 0; i < 2; ++i) {
    try {
      co_await t;
    } catch (const Oops&) {
      log("oops");
    }
  }
  log(t.done() ? "done" : "pending");
}

SCENARIO(result_before_done_is_an_invalid_state) {
  auto t = spawn(value_after(1, 1));
  try {
    t.result();
  } catch (const InvalidState&) {
    log("invalid");
  }
  log(str(co_await t));
}

SCENARIO(sleeps_wake_in_order_of_deadline) {
  const auto work = [&](long n) -> Task<> {
    co_await ms(n);
    log(str(n));
  };
  std::vector<JoinHandle<>> all;
  for (long n : {30, 10, 20}) all.push_back(spawn(work(n)));
  for (auto& t : all) co_await t;
}

SCENARIO(yields_take_turns) {
  const auto work = [&](std::string name) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      log(name + str(i));
      co_await sleep(0ms);
    }
  };
  auto a = spawn(work("a"));
  auto b = spawn(work("b"));
  co_await a;
  co_await b;
}

SCENARIO(three_sleeps_take_the_longest) {
  const long start = now();
  co_await gather(ms(10), ms(30), ms(20));
  log(str(now() - start));
}

SCENARIO(done_callbacks_run_in_order) {
  auto t = spawn(value_after(1, 1));
  t.on_done([&](const TaskHandle&) { log("first"); });
  t.on_done([&](const TaskHandle&) { log("second"); });
  co_await ms(5);
  t.on_done([&](const TaskHandle&) { log("late"); });
  log("registered");
  co_await ms(1);
}
