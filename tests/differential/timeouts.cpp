#include "scenario.hpp"

using namespace scenario;

SCENARIO(timeout_expires) {
  try {
    co_await timeout(10ms, ms(1000));
  } catch (const TimeoutError&) {
    log("timeout " + str(now()));
  }
  log(str(this_task().cancelling()));
}

SCENARIO(timeout_does_not_expire) {
  bool expired = true;
  co_await timeout(10ms, [&](Timeout& t) -> Task<> {
    co_await ms(5);
    expired = t.expired();
  });
  log(str(expired) + " " + str(now()));
}

SCENARIO(inner_timeout_first) {
  try {
    co_await timeout(50ms, [&](Timeout&) -> Task<> {
      try {
        co_await timeout(10ms, ms(1000));
      } catch (const TimeoutError&) {
        log("inner " + str(now()));
      }
      co_await ms(1000);
    });
  } catch (const TimeoutError&) {
    log("outer " + str(now()));
  }
}

SCENARIO(outer_timeout_first) {
  try {
    co_await timeout(10ms, [&](Timeout&) -> Task<> {
      try {
        co_await timeout(50ms, ms(1000));
      } catch (const TimeoutError&) {
        log("never");
      }
    });
  } catch (const TimeoutError&) {
    log("outer " + str(now()));
  }
}

SCENARIO(timeout_with_a_swallowed_cancel) {
  Timeout* scope = nullptr;
  bool expired = false;
  co_await timeout(10ms, [&](Timeout& t) -> Task<> {
    scope = &t;
    try {
      co_await ms(1000);
    } catch (const Cancelled&) {
      log("swallowed");
    }
    expired = scope->expired();
  });
  log(str(expired));
}

SCENARIO(timeout_with_another_error) {
  try {
    co_await timeout(10ms, [&](Timeout&) -> Task<> {
      try {
        co_await ms(1000);
      } catch (const Cancelled&) {
        throw Oops();
      }
    });
  } catch (const Oops&) {
    log("oops");
  }
  log(str(this_task().cancelling()));
}

SCENARIO(foreign_cancel_beats_the_timeout) {
  auto t = spawn([&]() -> Task<> {
    try {
      co_await timeout(50ms, ms(1000));
    } catch (const TimeoutError&) {
      log("never");
    }
  });
  co_await ms(1);
  t.cancel();
  try {
    co_await t;
  } catch (const Cancelled&) {
    log("cancelled");
  }
}

SCENARIO(timeout_after_an_earlier_cancel) {
  auto t = spawn([&]() -> Task<> {
    try {
      co_await ms(1000);
    } catch (const Cancelled&) {
      log("first");
    }
    try {
      co_await timeout(10ms, ms(1000));
    } catch (const TimeoutError&) {
      log("timeout");
    }
    log(str(this_task().cancelling()));
  });
  co_await ms(1);
  t.cancel();
  co_await t;
}

SCENARIO(timeout_of_zero_lets_the_body_start) {
  try {
    co_await timeout(0ms, [&](Timeout&) -> Task<> {
      log("started");
      co_await ms(10);
      log("never");
    });
  } catch (const TimeoutError&) {
    log("timeout");
  }
}

SCENARIO(timeout_of_zero_without_a_wait) {
  co_await timeout(0ms, [&](Timeout&) -> Task<> {
    log("ran");
    co_return;
  });
  log("after");
}

SCENARIO(reschedule_moves_the_deadline) {
  try {
    co_await timeout(10ms, [&](Timeout& t) -> Task<> {
      t.reschedule(Loop::current().now() + 30ms);
      co_await ms(20);
      log("later");
      co_await ms(1000);
    });
  } catch (const TimeoutError&) {
    log("timeout " + str(now()));
  }
}

SCENARIO(wait_for_a_result) { log(co_await wait_for(value_after(5, std::string("v")), 50ms)); }

SCENARIO(wait_for_expires) {
  try {
    co_await wait_for(sleeper(log, "a"), 10ms);
  } catch (const TimeoutError&) {
    log("timeout");
  }
}

SCENARIO(wait_for_without_a_limit) {
  log(co_await wait_for(value_after(5, std::string("v")), std::nullopt));
}

SCENARIO(shield_keeps_the_inner_task) {
  auto inner = spawn(value_after(20, std::string("inner")));
  auto t = spawn([&]() -> Task<> {
    try {
      co_await shield(inner);
    } catch (const Cancelled&) {
      log("outer cancelled");
      throw;
    }
  });
  co_await ms(1);
  t.cancel();
  try {
    co_await t;
  } catch (const Cancelled&) {
  }
  log(co_await inner);
}

SCENARIO(shield_of_a_cancelled_task) {
  auto inner = spawn([]() -> Task<> { co_await ms(1000); });
  auto t = spawn([&]() -> Task<> {
    try {
      co_await shield(inner);
    } catch (const Cancelled&) {
      log("outer " + str(this_task().cancelling()));
    }
  });
  co_await ms(1);
  inner.cancel();
  co_await t;
}

SCENARIO(shield_under_a_timeout) {
  auto inner = spawn(value_after(20, std::string("inner")));
  try {
    co_await timeout(5ms, shield(inner));
  } catch (const TimeoutError&) {
    log("timeout");
  }
  log(co_await inner);
}
