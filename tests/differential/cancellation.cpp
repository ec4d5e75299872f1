#include "scenario.hpp"

using namespace scenario;

// Joins a task that was cancelled; logs `text` if that is how it ended.
static Task<> join_cancelled(Log& log, TaskHandle task, std::string text) {
  try {
    co_await JoinHandle<>(task);
  } catch (const Cancelled&) {
    if (!text.empty()) log(text);
  }
}

SCENARIO(cancel_reaches_a_sleeper) {
  auto t = spawn(sleeper(log, "a"));
  co_await ms(1);
  log(str(t.cancel()));
  co_await join_cancelled(log, t, "joined");
  log(str(t.cancelled()));
}

SCENARIO(cancel_before_the_first_step) {
  auto t = spawn(sleeper(log, "a"));
  t.cancel();
  co_await join_cancelled(log, t, "cancelled");
}

SCENARIO(cancel_of_a_done_task_is_false) {
  auto t = spawn(value_after(1, 1));
  co_await t;
  log(str(t.cancel()));
  log(str(t.cancelled()));
}

static auto cleaning(Log& log, long n) {
  return [&log, n]() -> Task<> {
    log("cleanup");
    co_await ms(n);
    log(n < 10 ? "cleaned" : "never");
  };
}

SCENARIO(cleanup_may_wait) {
  auto t = spawn([&]() -> Task<> { co_await try_finally(ms(1000), cleaning(log, 5)); });
  co_await ms(1);
  t.cancel();
  co_await join_cancelled(log, t, "");
  log("cancelled " + str(now()));
}

SCENARIO(a_second_cancel_interrupts_the_cleanup) {
  auto t = spawn([&]() -> Task<> { co_await try_finally(ms(1000), cleaning(log, 50)); });
  co_await ms(1);
  t.cancel();
  co_await ms(1);
  t.cancel();
  co_await join_cancelled(log, t, "");
  log("cancelled " + str(t.cancelling()));
}

SCENARIO(swallowing_leaves_the_count) {
  auto t = spawn([&]() -> Task<int> {
    try {
      co_await ms(1000);
    } catch (const Cancelled&) {
      log("swallowed");
    }
    co_return 7;
  });
  co_await ms(1);
  t.cancel();
  log(str(co_await t));
  log(str(t.cancelled()) + " " + str(t.cancelling()));
}

SCENARIO(several_cancels_deliver_once) {
  auto t = spawn([&]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      try {
        co_await ms(100);
        log("slept");
      } catch (const Cancelled&) {
        log("cancel");
      }
    }
  });
  co_await ms(1);
  t.cancel();
  t.cancel();
  t.cancel();
  co_await t;
  log(str(t.cancelling()));
}

SCENARIO(cancel_goes_through_a_join) {
  auto inner = spawn(sleeper(log, "inner"));
  auto t = spawn([&]() -> Task<> {
    try {
      co_await inner;
    } catch (const Cancelled&) {
      log("outer");
      throw;
    }
  });
  co_await ms(1);
  t.cancel();
  co_await join_cancelled(log, t, "main");
  log(str(inner.cancelled()));
}

SCENARIO(an_error_during_cancellation_wins) {
  auto t = spawn([&]() -> Task<> {
    try {
      co_await ms(1000);
    } catch (const Cancelled&) {
      throw Oops();
    }
  });
  co_await ms(1);
  t.cancel();
  try {
    co_await t;
  } catch (const Oops&) {
    log("oops");
  }
  log(str(t.cancelled()));
}

SCENARIO(self_cancel_then_return_drops_the_value) {
  auto t = spawn([]() -> Task<int> {
    this_task().cancel();
    co_return 1;
  });
  try {
    co_await t;
    log("value");
  } catch (const Cancelled&) {
    log("cancelled");
  }
  log(str(t.cancelled()));
}

SCENARIO(self_cancel_is_delivered_at_the_next_wait) {
  co_await spawn([&]() -> Task<> {
    this_task().cancel();
    log("still running");
    try {
      co_await ms(10);
      log("never");
    } catch (const Cancelled&) {
      log("delivered " + str(now()));
    }
  });
}

SCENARIO(a_thrown_cancelled_marks_the_task) {
  auto t = spawn([]() -> Task<> {
    throw Cancelled();
    co_return;
  });
  try {
    co_await t;
  } catch (const Cancelled&) {
    log("cancelled " + str(this_task().cancelling()));
  }
  log(str(t.cancelled()) + " " + str(t.cancelling()));
}

SCENARIO(the_message_travels) {
  auto t = spawn([&]() -> Task<> {
    try {
      co_await ms(1000);
    } catch (const Cancelled& cancelled) {
      log(cancelled.message());
      throw;
    }
  });
  co_await ms(1);
  t.cancel("because");
  t.cancel("later");
  co_await join_cancelled(log, t, "done");
}

SCENARIO(a_cancel_in_the_turn_of_the_wake_up_wins) {
  Event event;
  auto t = spawn([&]() -> Task<> {
    try {
      co_await event.wait();
      log("got it");
    } catch (const Cancelled&) {
      log("cancelled");
      throw;
    }
  });
  co_await ms(1);
  event.set();
  t.cancel();
  co_await join_cancelled(log, t, "joined");
}
