#include "support/run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace {

using namespace eddy;
using test::Log;
using test::wait_until_done;

Task<> log_after(Log& log, Duration length, std::string name) {
  try {
    co_await sleep(length);
    log(name);
  } catch (const Cancelled&) {
    log(name + "-cancelled");
    throw;
  }
}
Task<> nap(Duration length) { co_await sleep(length); }
Task<> fail_after(Duration length, std::string what) {
  co_await sleep(length);
  throw std::runtime_error(what);
}
// The texts of the leaves, in their order.
std::string leaves(const ExceptionGroup& group) {
  std::string all;
  for (const auto& exception : group.exceptions()) {
    try {
      std::rethrow_exception(exception);
    } catch (const ExceptionGroup& nested) {
      all += "(" + leaves(nested) + ")";
    } catch (const std::exception& error) {
      all += std::string(all.empty() ? "" : " ") + error.what();
    }
  }
  return all;
}
std::string leaves_of(const Failure& failure) {
  try {
    failure.raise();
  } catch (const ExceptionGroup& group) {
    return leaves(group);
  } catch (const Cancelled&) {
    return "Cancelled";
  } catch (const std::exception& error) {
    return std::string("not a group: ") + error.what();
  }
}

// F30, G2, F35
TEST(TaskGroup, WaitsForAllItsChildrenAndGivesTheValue) {
  test::run([]() -> Task<> {
    Log log;
    const int value = co_await task_group([&](TaskGroup& group) -> Task<int> {
      group.spawn(log_after(log, 2ms, "slow"));
      group.spawn(log_after(log, 1ms, "quick"));
      log("body");
      co_return 7;
    });
    EXPECT_EQ(value, 7);
    EXPECT_EQ(log.text(), "body quick slow");
  });
}

// F30: a result can be read when the group is over
TEST(TaskGroup, LeavesTheResultsInTheHandles) {
  test::run([]() -> Task<> {
    std::optional<JoinHandle<int>> handle;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      handle = group.spawn([]() -> Task<int> { co_return 3; });
      co_return;
    });
    EXPECT_TRUE(handle->done());
    EXPECT_EQ(co_await *handle, 3);
  });
}

// G2: also those that children spawn, and after the body has ended
TEST(TaskGroup, WaitsForWhatItsChildrenSpawn) {
  test::run([]() -> Task<> {
    Log log;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      group.spawn([&]() -> Task<> {
        co_await sleep(1ms);
        group.spawn([&]() -> Task<> {
          group.spawn(log_after(log, 5ms, "grandchild"));
          co_await sleep(1ms);
          log("child");
        });
        log("first");
      });
      log("body");
      co_return;
    });
    EXPECT_EQ(log.text(), "body first child grandchild");
  });
}

// L5: an empty group takes no turn
TEST(TaskGroup, TakesNoTurnWhenItIsEmpty) {
  test::run([]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    this_task().cancel();  // pending: nothing here may deliver it
    co_await task_group([](TaskGroup&) -> Task<> { co_return; });
    EXPECT_EQ(Loop::current().stats().turns, turns);
    this_task().uncancel();
  });
}

// F31, G3, G8: in the order in which they failed
TEST(TaskGroup, CancelsTheOthersWhenAChildFails) {
  test::run([]() -> Task<> {
    Log log;
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      group.spawn(log_after(log, 1h, "child"));
      group.spawn(fail_after(1ms, "first"));
      co_await log_after(log, 1h, "body");
    }));
    EXPECT_EQ(leaves_of(outcome.error()), "first");
    EXPECT_EQ(log.lines().size(), 2u);
    EXPECT_EQ(this_task().cancelling(), 0u);
    try {
      outcome.error().raise();
    } catch (const ExceptionGroup& group) {
      EXPECT_STREQ(group.what(), "unhandled errors in a TaskGroup (1 sub-exception) [first]");
    }
  });
}

// G8: a leaf is the very object that was thrown
TEST(TaskGroup, KeepsTheIdentityOfWhatWasThrown) {
  test::run([]() -> Task<> {
    const auto mine = std::make_exception_ptr(std::runtime_error("mine"));
    const auto child = [&]() -> Task<> {
      std::rethrow_exception(mine);
      co_return;
    };
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(child);
      co_return;
    };
    try {
      co_await task_group(body);
      ADD_FAILURE() << "no exception";
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.exceptions().front(), mine);
    }
  });
}

// G4: what fails while the group is being cancelled is collected, the body's error comes last
TEST(TaskGroup, CollectsWhatFailsMeanwhile) {
  test::run([]() -> Task<> {
    const auto fails_when_cancelled = []() -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        throw std::runtime_error("second");
      }
    };
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      group.spawn(fails_when_cancelled);
      group.spawn(fail_after(1ms, "first"));
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        throw std::logic_error("body");
      }
    }));
    EXPECT_EQ(leaves_of(outcome.error()), "first second body");
  });
}

// G4, F31: siblings that were woken in the same turn are not cancelled before they can fail
TEST(TaskGroup, CollectsAllThatFailInOneTurn) {
  test::run([]() -> Task<> {
    auto outcome = co_await as_outcome(task_group([](TaskGroup& group) -> Task<> {
      group.spawn(fail_after(1ms, "a"));
      group.spawn(fail_after(1ms, "b"));
      co_await sleep(1h);
    }));
    EXPECT_EQ(leaves_of(outcome.error()), "a b");
    EXPECT_EQ(this_task().cancelling(), 0u);
    co_await yield();
  });
}

// G4: the body fails alone
TEST(TaskGroup, CancelsItsChildrenWhenTheBodyFails) {
  test::run([]() -> Task<> {
    Log log;
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      group.spawn(log_after(log, 1h, "child"));
      co_await yield();
      throw std::logic_error("body");
    }));
    EXPECT_EQ(leaves_of(outcome.error()), "body");
    EXPECT_EQ(log.text(), "child-cancelled");
  });
}

// G7, C3: from outside, before, while and after the body runs
TEST(TaskGroup, IsCancelledFromOutside) {
  for (const int turns : {0, 1, 2, 3}) {
    test::run([&]() -> Task<> {
      Log log;
      auto task = spawn([&]() -> Task<> {
        co_await task_group([&](TaskGroup& group) -> Task<> {
          group.spawn(log_after(log, 1h, "child"));
          if (turns == 2) co_await log_after(log, 1h, "body");
        });
        ADD_FAILURE() << "the cancellation was lost";
      });
      for (int i = 0; i < turns; ++i) co_await yield();
      EXPECT_TRUE(task.cancel("enough"));
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      EXPECT_EQ(task.cancelling(), 1u);
      EXPECT_EQ(log.lines().size(),
                (std::array{0u, 1u, 2u, 1u}.at(static_cast<std::size_t>(turns))))
          << log.text();
    });
  }
}

// G7, gh-155433: repeated ones are absorbed while children end, and none is lost
TEST(TaskGroup, AbsorbsRepeatedCancelsWhileItsChildrenEnd) {
  test::run([]() -> Task<> {
    int ended = 0;
    auto task = spawn([&]() -> Task<> {
      co_await task_group([&](TaskGroup& group) -> Task<> {
        group.spawn([&]() -> Task<> {
          co_await try_finally(sleep(1h), [&] { return shield(spawn(nap(10ms))); });
        });
        const auto stubborn = [&]() -> Task<> {
          auto cleanup = spawn(nap(10ms));
          static_cast<void>(co_await as_outcome(sleep(1h)));
          while (!cleanup.done()) static_cast<void>(co_await as_outcome(shield(cleanup)));
          ++ended;
        };
        group.spawn(stubborn);
        co_return;
      });
    });
    co_await test::settle();
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(task.cancel());
      co_await yield();
      co_await yield();
      EXPECT_FALSE(task.done());
    }
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 4u);
    EXPECT_EQ(ended, 1);
  });
}

// G5, gh-95289: the request that the group made of its own task is taken back
TEST(TaskGroup, LeavesTheCountOfRequestsAsItWas) {
  test::run([]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(fail_after(1ms, "x"));
        co_await sleep(1h);
      })));
      EXPECT_EQ(this_task().cancelling(), 0u);
      co_await sleep(1ms);  // nothing is pending
    }
  });
}

// G6, gh-116720: a cancellation in the turn in which a child fails is delivered at the next wait
TEST(TaskGroup, DeliversAnOuterCancelAfterTheErrorsOfItsChildren) {
  test::run([]() -> Task<> {
    Log log;
    auto task = spawn([&]() -> Task<> {
      auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(fail_after(1ms, "child"));
        co_await sleep(1h);
      }));
      log(leaves_of(outcome.error()));
      EXPECT_EQ(this_task().cancelling(), 1u);
      co_await yield();
      ADD_FAILURE() << "the cancellation was lost";
    });
    co_await yield();
    const auto canceller = [&]() -> Task<> {
      co_await sleep(1ms);
      task.cancel();
    };
    auto other = spawn(canceller);
    co_await wait_until_done(task);
    co_await other;
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 1u);
    EXPECT_EQ(log.text(), "child");
  });
}

// G6, gh-116720: the inner group does not swallow what was meant for the outer
TEST(TaskGroup, NestsWithoutSwallowingTheCancelOfTheOuterOne) {
  test::run([]() -> Task<> {
    Log log;
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& outer) -> Task<> {
      outer.spawn(fail_after(1ms, "outer"));
      auto inner = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(fail_after(1ms, "inner"));
        co_await sleep(1h);
      }));
      log(leaves_of(inner.error()));
      co_await sleep(1h);
      ADD_FAILURE() << "the outer group did not stop its body";
    }));
    EXPECT_EQ(log.text(), "inner");
    EXPECT_EQ(leaves_of(outcome.error()), "outer");
    EXPECT_EQ(this_task().cancelling(), 0u);
  });
}

// G8: a group that fails in a child stays a group
TEST(TaskGroup, NestsItsErrors) {
  test::run([]() -> Task<> {
    const auto fails_late = []() -> Task<> {
      static_cast<void>(co_await as_outcome(sleep(1h)));
      throw std::runtime_error("b");
    };
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& outer) -> Task<> {
      outer.spawn([&]() -> Task<> {
        co_await task_group([&](TaskGroup& inner) -> Task<> {
          inner.spawn(fail_after(1ms, "a"));
          inner.spawn(fails_late);
          co_return;
        });
      });
      co_return;
    }));
    EXPECT_EQ(leaves_of(outcome.error()), "(a b)");
  });
}

// G9, F25: a child that is cancelled alone is nobody else's business
TEST(TaskGroup, IsNotTouchedByAChildThatIsCancelledAlone) {
  test::run([]() -> Task<> {
    Log log;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      auto child = group.spawn(log_after(log, 1h, "child"));
      group.spawn(log_after(log, 2ms, "other"));
      co_await yield();
      child.cancel();
    });
    EXPECT_EQ(log.text(), "child-cancelled other");
  });
}

// G9: who awaits that child in the body ends as cancelled, with no request counted
TEST(TaskGroup, EndsAsCancelledWhenItsBodyAwaitsACancelledChild) {
  test::run([]() -> Task<> {
    Log log;
    auto outcome = co_await as_outcome(task_group([&](TaskGroup& group) -> Task<> {
      auto child = group.spawn(log_after(log, 1h, "child"));
      group.spawn(log_after(log, 1h, "other"));
      co_await yield();
      child.cancel();
      co_await child;
    }));
    EXPECT_TRUE(outcome.error().is_cancelled());
    EXPECT_EQ(this_task().cancelling(), 0u);
    EXPECT_EQ(log.text(), "child-cancelled other-cancelled");
  });
}

// C13: the cancel reaches an operation that a child has in flight, and waits for its end
TEST(TaskGroup, EndsOperationsInFlightBeforeItIsOver) {
  test::run([]() -> Task<> {
    auto outcome = co_await as_outcome(task_group([](TaskGroup& group) -> Task<> {
      int ends[2];
      EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
      const UniqueFd in(ends[1]);
      group.spawn([fd = ends[0]]() -> Task<> {
        File file = File::adopt(fd, "r");
        co_await file.read(10);
      });
      co_await test::settle();
      throw std::runtime_error("body");
    }));
    EXPECT_EQ(leaves_of(outcome.error()), "body");
    EXPECT_EQ(Loop::current().stats().tasks, 1u);
  });
}

// F02
TEST(TaskGroup, EndsWithItsLoop) {
  Log log;
  test::run([&]() -> Task<> {
    spawn([&]() -> Task<> {
      co_await task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(log_after(log, 1h, "child"));
        co_await log_after(log, 1h, "body");
      });
    });
    co_await test::settle();
  });
  EXPECT_EQ(log.lines().size(), 2u) << log.text();
}

}  // namespace
