// The spellings with co_await that eddy and its users rely on, each tried four ways: everything
// ready at once; waiting at each await; failing at each; cancelled at each. GCC 12 miscompiles
// others, which the library refuses (core/callable.hpp, tests/house/compile_fail). A value that was
// copied bit by bit, destroyed twice or never, fails; so does an await that is made once too often.
//
// GCC 12 evaluates both sides of &&, || and ?: when the second one has a co_await, unless they are
// an initialiser of a variable or the condition of an if or switch: not in while (a && co_await b),
// not in co_return a ? co_await b : co_await c, not as an argument. Such a loop needs an if inside.
#include "support/run.hpp"
#include "support/tracker.hpp"

#include <array>
#include <optional>
#include <tuple>
#include <utility>

namespace {

using namespace eddy;
using test::Tracker;
using test::wait_until_done;

struct Oops : std::exception {};

// Makes values, one await each; says how the n-th await ends.
class Source {
 public:
  bool waits = false;
  int fails_at = 0;
  int awaits = 0;

  Task<Tracker> make(int number) {
    co_await step();
    co_return Tracker(number);
  }
  Task<int> number(int number) {
    co_await step();
    co_return number;
  }
  Task<std::string> text(std::string text) {
    co_await step();
    co_return text;
  }
  Task<std::pair<Tracker, int>> pair(int number) {
    co_await step();
    co_return std::pair(Tracker(number), number);
  }
  Task<int> by_value(Tracker a, const Tracker& b, Tracker c = Tracker(100)) {
    co_await step();
    co_return a.number() + b.number() + c.number();
  }
  Task<int> of_task(Task<Tracker> inner) { co_return (co_await std::move(inner)).number(); }
  template <class... Tasks>
  Task<int> of_pack(Tasks... tasks) {
    int total = 0;
    ((total += number_of(co_await std::move(tasks))), ...);
    co_return total;
  }

 private:
  static int number_of(const Tracker& tracker) { return tracker.number(); }
  Task<> step() {
    if (++awaits == fails_at) throw Oops();
    if (waits) co_await yield();
  }
};

int sum(const Tracker& a, const Tracker& b) { return a.number() + b.number(); }
Tracker next(Tracker tracker) { return Tracker(tracker.number() + 1); }

struct Spelling {
  const char* name;
  int expected;
  int awaits;
  Task<int> (*run)(Source&);
};

// -- arguments and temporaries --

Task<int> arguments(Source& s) {
  const Tracker named(2);
  const int first = co_await s.by_value(Tracker(1), named);
  co_return first + co_await s.by_value(Tracker(1), Tracker(2), Tracker(3));
}
Task<int> values_as_arguments(Source& s) {
  co_return sum(co_await s.make(1), co_await s.make(2)) +
      co_await s.by_value(co_await s.make(3), Tracker(4));
}
Task<int> strings(Source& s) {
  const std::string long_text(40, 'x');
  const auto joined = co_await s.text(long_text + "y") + co_await s.text("literal");
  co_return static_cast<int>(joined.size());
}
Task<int> containers(Source& s) {
  const auto take = [](Source& source, std::vector<Tracker> all,
                       std::optional<Tracker> one) -> Task<int> {
    co_return all[0].number() + one->number() + co_await source.number(1);
  };
  co_return co_await take(s, std::vector<Tracker>(1, Tracker(1)),
                          std::optional<Tracker>(Tracker(2)));
}
Task<int> tasks_as_arguments(Source& s) {
  co_return co_await s.of_task(s.make(1)) + co_await s.of_pack(s.make(2), s.make(3), s.make(4));
}
Task<int> pairs_and_tuples(Source& s) {
  const auto pair = std::pair(co_await s.make(1), co_await s.make(2));
  const auto tuple = std::tuple(co_await s.make(3), 4, co_await s.make(5));
  co_return pair.first.number() + pair.second.number() + std::get<0>(tuple).number() +
      std::get<2>(tuple).number();
}
Task<int> structured_bindings(Source& s) {
  auto [tracker, number] = co_await s.pair(3);
  const auto& [same, again] = co_await s.pair(4);
  co_return tracker.number() + number + same.number() + again;
}
Task<int> chained_calls(Source& s) {
  co_return next(next(co_await s.make(1))).number() + (co_await s.make(5)).number();
}
Task<int> references(Source& s) {
  const Tracker& kept = co_await s.make(7);
  Tracker&& moved = co_await s.make(8);
  co_await s.number(0);
  co_return kept.number() + moved.number();
}

// -- control flow --

Task<int> conditions(Source& s) {
  int total = 0;
  if (const auto made = co_await s.make(1); made.number() == co_await s.number(1)) total += 1;
  if (co_await s.number(1) == 1 && co_await s.number(0) == 0) total += 2;
  if (co_await s.number(1) == 1 || co_await s.number(5) == 5) total += 4;
  const int chosen = co_await s.number(1) ? co_await s.number(8) : co_await s.number(9);
  const bool short_cut = co_await s.number(0) && co_await s.number(1);
  total += chosen + (short_cut ? 100 : 0);
  switch (co_await s.number(3)) {
    case 3:
      total += 16;
      break;
    default:
      total += 1000;
  }
  co_return total;
}
Task<int> loops(Source& s) {
  const auto three = [](Source& source) -> Task<std::vector<Tracker>> {
    co_await source.number(0);
    co_return std::vector<Tracker>(3, Tracker(2));
  };
  int total = 0;
  for (const auto& tracker : co_await three(s)) total += tracker.number() + co_await s.number(1);
  while (co_await s.number(total) < 11) total += 1;
  for (int i = co_await s.number(0); i < co_await s.number(2); ++i)
    total += (co_await s.make(1)).number();
  co_return total;
}
Task<int> caught(Source& s) {
  const Tracker outside(1);
  int total = 0;
  for (int i = 0; i < 3; ++i) {
    try {
      const auto inside = co_await s.make(i);
      if (i == 1) throw inside;
      total += inside.number();
    } catch (const Tracker& tracker) {
      total += 10 * tracker.number();
    }
    total += co_await s.number(outside.number());
  }
  co_return total;
}

// -- awaiters of awaiters, scopes, guards and closures --

Task<int> nested_awaiters(Source& s) {
  const auto inner = co_await timeout(1h, timeout(2h, s.make(1)));
  const auto result = co_await as_result(timeout(1h, s.make(2)));
  co_return inner.number() + result->number() +
      (co_await try_finally(s.make(3), [] { return yield(); })).number();
}
Task<int> guards(Source& s) {
  Lock lock;
  int total = 0;
  {
    auto guard = co_await lock.scoped();
    total += co_await s.number(1) + (lock.locked() ? 1 : 0);
  }
  for (auto guard = co_await lock.scoped(); total < 3;) total += co_await s.number(1);
  co_return lock.locked() ? -1 : total;
}
Task<int> named_closures(Source& s) {
  const Tracker tracker(1);
  auto body = [tracker, &s](Timeout&) -> Task<int> {
    co_return tracker.number() + co_await s.number(1);
  };
  const int copied = co_await timeout(1h, body);
  auto task_of_body = timeout(1h, body);
  const int named = co_await std::move(task_of_body);
  const auto callable = [tracker, &s]() -> Task<int> {
    co_return tracker.number() + co_await s.number(2);
  };
  auto task = spawn(callable);
  const int spawned = co_await task;
  co_return copied + named + spawned + co_await try_finally(callable, [] { return yield(); });
}
Task<int> reference_closures(Source& s) {
  const Tracker tracker(1);
  const int body = co_await timeout(1h, [&](Timeout&) -> Task<int> {
    const Tracker inside(co_await s.number(tracker.number()));
    co_return inside.number();
  });
  co_return body + co_await
      [&]() -> Task<int> { co_return tracker.number() + co_await s.number(1); }();
}
Task<int> parameters_of_a_closure(Source& s) {
  co_return co_await [](Tracker tracker, Source& source) -> Task<int> {
    co_return tracker.number() + co_await source.number(1);
  }(Tracker(4), s);
}
Task<int> unawaited(Source& s) {
  auto dropped = s.of_task(s.make(1));
  auto made = s.make(2);
  co_return (co_await std::move(made)).number();
}

constexpr Spelling spellings[] = {
    {"arguments", 109, 2, &arguments},
    {"values_as_arguments", 110, 4, &values_as_arguments},
    {"strings", 48, 2, &strings},
    {"containers", 4, 1, &containers},
    {"tasks_as_arguments", 10, 4, &tasks_as_arguments},
    {"pairs_and_tuples", 11, 4, &pairs_and_tuples},
    {"structured_bindings", 14, 2, &structured_bindings},
    {"chained_calls", 8, 2, &chained_calls},
    {"references", 15, 3, &references},
    {"conditions", 31, 9, &conditions},
    {"loops", 13, 13, &loops},
    {"caught", 15, 6, &caught},
    {"nested_awaiters", 6, 3, &nested_awaiters},
    {"guards", 3, 2, &guards},
    {"named_closures", 10, 4, &named_closures},
    {"reference_closures", 3, 2, &reference_closures},
    {"parameters_of_a_closure", 5, 1, &parameters_of_a_closure},
    {"unawaited", 2, 1, &unawaited},
};

class Compiler : public testing::TestWithParam<Spelling> {
 protected:
  // Returns how many awaits the spelling made.
  static Task<int> check_value(bool waits) {
    Source source{.waits = waits};
    EXPECT_EQ(co_await GetParam().run(source), GetParam().expected);
    EXPECT_EQ(source.awaits, GetParam().awaits);
    EXPECT_EQ(Tracker::alive, 0);
    co_return source.awaits;
  }
};

TEST_P(Compiler, KeepsEveryValueWhetherItIsReadyOrNot) {
  test::run([&]() -> Task<> {
    co_await check_value(false);
    co_await check_value(true);
  });
}

TEST_P(Compiler, DropsEveryValueWhicheverAwaitFails) {
  test::run([&]() -> Task<> {
    for (const bool waits : {false, true}) {
      const int awaits = co_await check_value(waits);
      for (int failing = 1; failing <= awaits; ++failing) {
        Source source{.waits = waits, .fails_at = failing};
        EXPECT_THROW(co_await GetParam().run(source), Oops) << failing;
        EXPECT_EQ(Tracker::alive, 0) << failing;
      }
    }
  });
}

TEST_P(Compiler, DropsEveryValueWhicheverAwaitIsCancelled) {
  test::run([&]() -> Task<> {
    for (int turns = 0;; ++turns) {
      Source source{.waits = true};
      auto task = spawn(GetParam().run(source));
      co_await test::settle(turns);
      const bool ended = !task.cancel();
      co_await wait_until_done(task);
      EXPECT_EQ(task.cancelled(), !ended) << turns;
      EXPECT_EQ(Tracker::alive, 0) << turns;
      if (ended) break;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Spelling, Compiler, testing::ValuesIn(spellings),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
