// Where a cancel meets a failure or a hand-over: CPython decides.
#include "scenario.hpp"

using namespace scenario;

// Ends n milliseconds after it was cancelled: with an error, a value, or the cancellation.
template <class How>
static Task<int> when_cancelled(long n, How how) {
  auto slept = co_await as_outcome(ms(1000));
  co_await ms(n);
  how();
  if (!slept) co_await fail(std::move(slept.error()));
  co_return 0;
}
static Task<int> raises(long n) {
  return when_cancelled(n, [] { throw Oops(); });
}
static Task<int> plain(long n) {
  return when_cancelled(n, [] {});
}
static Task<int> returns(long n) {
  co_await as_outcome(ms(1000));
  co_await ms(n);
  co_return 0;
}

template <class F>
static Task<> cancelled_gather(Log& log, F make) {
  auto t = spawn([&]() -> Task<> {
    try {
      co_await make();
      log("values");
    } catch (const Oops&) {
      log("oops " + str(now()));
    } catch (const Cancelled&) {
      log("cancelled " + str(now()));
    }
    log(str(this_task().cancelling()));
  });
  co_await ms(1);
  log(str(t.cancel()));
  co_await t;
  co_await ms(10);
}

SCENARIO(cancelled_gather_raise_then_plain) {
  co_await cancelled_gather(log, [] { return gather(raises(0), plain(2)); });
}
SCENARIO(cancelled_gather_plain_then_raise) {
  co_await cancelled_gather(log, [] { return gather(plain(0), raises(2)); });
}
SCENARIO(cancelled_gather_late_raise_first_argument) {
  co_await cancelled_gather(log, [] { return gather(raises(2), plain(0)); });
}
SCENARIO(cancelled_gather_value_then_raise) {
  co_await cancelled_gather(log, [] { return gather(returns(0), raises(2)); });
}
SCENARIO(cancelled_gather_only_values) {
  co_await cancelled_gather(log, [] { return gather(returns(0), returns(2)); });
}
SCENARIO(cancelled_gather_settled_raise) {
  co_await cancelled_gather(log, [] { return gather_settled(raises(0), returns(2)); });
}

SCENARIO(a_semaphore_is_not_overtaken_while_a_waiter_is_woken) {
  Semaphore semaphore(2);
  co_await semaphore.acquire();
  co_await semaphore.acquire();
  auto waiter = spawn([&]() -> Task<> {
    co_await semaphore.acquire();
    log("waiter");
  });
  co_await ms(1);
  semaphore.release();
  semaphore.release();
  log(str(semaphore.locked()));
  co_await semaphore.acquire();
  log("again");
  co_await waiter;
}

SCENARIO(a_woken_waiter_of_a_semaphore_is_cancelled_with_a_unit_beside) {
  Semaphore semaphore(0);
  const auto work = [&](std::string name) -> Task<> {
    co_await semaphore.acquire();
    log(name);
  };
  auto a = spawn(work("a"));
  co_await ms(1);
  semaphore.release();
  semaphore.release();
  a.cancel();
  auto b = spawn(work("b")), c = spawn(work("c"));
  co_await as_outcome(a);
  co_await b;
  co_await c;
  log(str(a.cancelled()) + " " + str(semaphore.locked()));
}

SCENARIO(a_condition_wait_is_cancelled_twice) {
  Lock lock;
  Condition condition(lock);
  auto t = spawn([&]() -> Task<> {
    auto guard = co_await lock.scoped();
    try {
      co_await condition.wait();
    } catch (const Cancelled&) {
      log(str(lock.locked()) + " " + str(now()));
    }
  });
  co_await ms(1);
  co_await lock.acquire();
  t.cancel("first");
  co_await ms(1);
  t.cancel("second");
  co_await ms(1);
  log(str(t.done()));
  lock.release();
  co_await t;
  log(str(lock.locked()));
}

static std::string milliseconds(std::optional<Instant> when) {
  if (!when) return "None";
  const auto left = *when - Loop::current().now();
  return str(now() + std::chrono::round<std::chrono::milliseconds>(left).count());
}

SCENARIO(a_timeout_tells_its_deadline_after_it_has_ended) {
  Timeout* scope = nullptr;
  const auto body = [&](Timeout& entered) -> Task<> {
    scope = &entered;
    co_await ms(1);
  };
  auto quick = timeout(5ms, body);
  co_await quick;
  log(milliseconds(scope->when()) + " " + str(scope->expired()));
  const auto expires = [&](Timeout& entered) -> Task<> {
    scope = &entered;
    co_await as_outcome(ms(100));
    log(milliseconds(entered.when()) + " " + str(entered.expired()));
  };
  auto expired = timeout(5ms, expires);
  co_await expired;
  log(milliseconds(scope->when()) + " " + str(scope->expired()));
}
