#include "scenario.hpp"

using namespace scenario;

SCENARIO(gather_keeps_the_order_of_arguments) {
  auto [a, b] =
      co_await gather(value_after(20, std::string("a")), value_after(10, std::string("b")));
  log(a + " " + b);
}

SCENARIO(gather_starts_its_tasks_in_order) {
  const auto start = [&](std::string name) -> Task<> {
    log(name);
    co_return;
  };
  co_await gather(start("a"), start("b"), start("c"));
}

SCENARIO(gather_first_failure_leaves_the_siblings) {
  auto a = spawn(fail_after(5));
  auto b = spawn(sleeper(log, "b", 20));
  try {
    co_await gather(a, b);
  } catch (const Oops&) {
    log("oops " + str(now()));
  }
  co_await b;
}

SCENARIO(gather_settled_keeps_failures) {
  auto [a, b] = co_await gather_settled(fail_after(5), value_after(10, std::string("v")));
  try {
    std::rethrow_exception(a.exception());
  } catch (const Oops&) {
    log("failed");
  }
  log(b.value());
}

SCENARIO(cancelling_gather_cancels_the_children) {
  auto t = spawn([&]() -> Task<> { co_await gather(sleeper(log, "a"), sleeper(log, "b")); });
  co_await ms(1);
  t.cancel();
  try {
    co_await t;
  } catch (const Cancelled&) {
    log("cancelled");
  }
}

SCENARIO(a_cancelled_child_ends_gather) {
  auto a = spawn([]() -> Task<> { co_await ms(1000); });
  auto b = spawn(sleeper(log, "b", 20));
  auto s = spawn([&]() -> Task<> {
    co_await ms(5);
    a.cancel();
  });
  try {
    co_await gather(a, b);
  } catch (const Cancelled&) {
    log("cancelled " + str(this_task().cancelling()));
  }
  co_await b;
  co_await s;
}

SCENARIO(empty_gather) {
  std::vector<Task<int>> none;
  auto values = co_await gather(std::move(none));
  log(str(values.size()));
}

static std::string sizes(std::size_t done, std::size_t pending) {
  return str(done) + " " + str(pending) + " " + str(now());
}

SCENARIO(wait_for_the_first) {
  auto a = spawn(value_after(10, 1));
  auto b = spawn(value_after(20, 2));
  std::vector<JoinHandle<int>> handles{a, b};
  auto result = co_await wait(handles, {.until = first_completed});
  log(sizes(result.done.size(), result.pending.size()));
  co_await b;
}

SCENARIO(wait_with_a_timeout) {
  auto a = spawn(value_after(10, 1));
  auto b = spawn(value_after(50, 2));
  std::vector<JoinHandle<int>> handles{a, b};
  auto result = co_await wait(handles, {.timeout = 20ms});
  log(sizes(result.done.size(), result.pending.size()));
  log(str(b.done()));
  co_await b;
}

SCENARIO(wait_for_the_first_exception) {
  auto a = spawn(value_after(5, 1));
  auto b = spawn(fail_after(10));
  auto c = spawn(value_after(30, 2));
  std::vector<JoinHandle<int>> handles{a, b, c};
  auto result = co_await wait(handles, {.until = first_exception});
  log(sizes(result.done.size(), result.pending.size()));
  log(b.exception() ? "oops" : "?");
  co_await c;
}

SCENARIO(as_completed_in_order_of_completion) {
  std::vector<JoinHandle<std::string>> handles;
  for (long n : {30, 10, 20}) handles.push_back(spawn(value_after(n, str(n))));
  auto completed = as_completed(handles);
  while (auto next = co_await completed.next()) log(co_await *next);
}

SCENARIO(a_group_waits_for_all) {
  co_await task_group([&](TaskGroup& g) -> Task<> {
    g.spawn(sleeper(log, "a", 20));
    g.spawn(sleeper(log, "b", 10));
    log("body");
    co_return;
  });
  log("after " + str(now()));
}

SCENARIO(a_failing_child_cancels_the_others) {
  try {
    co_await task_group([&](TaskGroup& g) -> Task<> {
      g.spawn(sleeper(log, "a"));
      g.spawn(fail_after(10));
      co_await sleeper(log, "body");
    });
  } catch (const ExceptionGroup& group) {
    log("group of " + str(group.exceptions().size()));
  }
  log(str(this_task().cancelling()));
}

static std::string kind(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Oops&) {
    return "Oops";
  } catch (const Other&) {
    return "Other";
  } catch (const ExceptionGroup&) {
    return "ExceptionGroup";
  }
}

static Task<> fails_when_cancelled() {
  try {
    co_await ms(1000);
  } catch (const Cancelled&) {
    throw Other();
  }
}

SCENARIO(two_failures_are_grouped) {
  try {
    co_await task_group([&](TaskGroup& g) -> Task<> {
      g.spawn(fails_when_cancelled());
      g.spawn(fail_after(10));
      co_return;
    });
  } catch (const ExceptionGroup& group) {
    log(kind(group.exceptions()[0]) + " " + kind(group.exceptions()[1]));
  }
}

SCENARIO(failures_of_one_turn_are_all_kept) {
  Event event;
  const auto child = [&](std::string name) -> Task<> {
    co_await event.wait();
    log(name);
    throw Oops();
  };
  const auto stop = [&]() -> Task<> {
    co_await event.wait();
    log("third");
  };
  try {
    co_await task_group([&](TaskGroup& g) -> Task<> {
      g.spawn(child("first"));
      g.spawn(child("second"));
      g.spawn(stop());
      co_await ms(1);
      event.set();
    });
  } catch (const ExceptionGroup& group) {
    log("group of " + str(group.exceptions().size()));
  }
}

SCENARIO(a_failing_body_cancels_the_children) {
  try {
    co_await task_group([&](TaskGroup& g) -> Task<> {
      g.spawn(sleeper(log, "a"));
      co_await ms(5);
      throw Oops();
    });
  } catch (const ExceptionGroup& group) {
    log("group of " + str(group.exceptions().size()));
  }
}

SCENARIO(an_outside_cancel_goes_through_the_group) {
  auto t = spawn([&]() -> Task<> {
    co_await task_group([&](TaskGroup& g) -> Task<> {
      g.spawn(sleeper(log, "a"));
      co_await sleeper(log, "body");
    });
  });
  co_await ms(5);
  t.cancel();
  try {
    co_await t;
  } catch (const Cancelled&) {
    log("cancelled");
  }
}

SCENARIO(nested_groups) {
  try {
    co_await task_group([&](TaskGroup& outer) -> Task<> {
      outer.spawn(sleeper(log, "outer"));
      co_await task_group([&](TaskGroup& inner) -> Task<> {
        inner.spawn(sleeper(log, "inner"));
        inner.spawn(fail_after(5));
        co_return;
      });
    });
  } catch (const ExceptionGroup& group) {
    log("group " + kind(group.exceptions()[0]));
  }
}

SCENARIO(children_may_spawn) {
  co_await task_group([&](TaskGroup& g) -> Task<> {
    g.spawn([&]() -> Task<> {
      log("child");
      g.spawn(sleeper(log, "grandchild", 5));
      co_return;
    });
    co_return;
  });
  log("after");
}

SCENARIO(a_child_cancelled_alone) {
  co_await task_group([&](TaskGroup& g) -> Task<> {
    auto t = g.spawn(sleeper(log, "a"));
    g.spawn(sleeper(log, "b", 10));
    co_await ms(1);
    t.cancel();
  });
  log("after " + str(this_task().cancelling()));
}

SCENARIO(a_timeout_around_a_group) {
  try {
    co_await timeout(10ms, task_group([&](TaskGroup& g) -> Task<> {
      g.spawn(sleeper(log, "a"));
      co_return;
    }));
  } catch (const TimeoutError&) {
    log("timeout " + str(this_task().cancelling()));
  }
}
