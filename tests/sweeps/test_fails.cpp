// Every call that composes others, over one that fails at once or later: the failure comes out as
// it is, as an exception and as a value.
#include "sweeps/play.hpp"

#include <eddy/flow/context_generator.hpp>
#include <eddy/flow/exit_stack.hpp>
#include <eddy/flow/gather.hpp>
#include <eddy/flow/generators.hpp>
#include <eddy/flow/race.hpp>
#include <eddy/flow/shield.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/flow/try_finally.hpp>
#include <eddy/flow/with.hpp>

#include <algorithm>
#include <stdexcept>

namespace {

using namespace test;

Task<> fails(bool later) {
  if (later) co_await sleep(1ms);
  throw std::runtime_error("mine");
}
Generator<int> failing_numbers(bool later) {
  co_yield 1;
  co_await fails(later);
}
// Goes on when its time is over.
Task<> fails_too_late(bool later) {
  static_cast<void>(co_await as_outcome(sleep(1h)));
  co_await fails(later);
}
struct Resource {
  explicit Resource(bool later) noexcept : later(later) {}
  Task<> close() { return fails(later); }
  bool later;
};
Task<Resource> open_and_fail(bool later) {
  co_await fails(later);
  co_return Resource(later);
}
constexpr auto cleanup = [] { return yield(); };
constexpr auto nothing = []() -> Task<> { co_return; };

struct Failing {
  const char* name;
  Task<> (*thrown)(bool later);
  Task<> (*as_value)(bool later);
};
template <class F>
constexpr Failing failing(const char* name, F) {
  return {name,
          [](bool later) -> Task<> { static_cast<void>(co_await F()(later)); },
          [](bool later) -> Task<> {
            auto outcome = co_await as_outcome(F()(later));
            if (!outcome) co_await fail(std::move(outcome.error()));
          }};
}

constexpr Failing calls[] = {
    failing("Task", [](bool later) { return fails(later); }),
    failing("Task of_a_Task", [](bool later) { return only(fails(later)); }),
    failing("JoinHandle", [](bool later) { return spawn(fails(later)); }),
    failing("JoinHandle of_an_eager_one",
            [](bool later) { return spawn(fails(later), {.eager = true}); }),
    failing("as_result", [](bool later) { return as_result(fails(later)); }),
    failing("shield of_a_handle", [](bool later) { return shield(spawn(fails(later))); }),
    failing("shield", [](bool later) { return shield(fails(later)); }),
    failing("timeout", [](bool later) { return timeout(1h, fails(later)); }),
    failing("timeout of_a_handle", [](bool later) { return timeout(1h, spawn(fails(later))); }),
    failing("timeout of_a_body",
            [](bool later) {
              return timeout(1h, [later](Timeout&) { return fails(later); });
            }),
    failing("timeout that_is_over",
            [](bool later) { return timeout(1ms, fails_too_late(later)); }),
    failing("wait_for", [](bool later) { return wait_for(fails(later), 1h); }),
    failing("try_finally", [](bool later) { return try_finally(fails(later), cleanup); }),
    failing("try_finally in_its_cleanup",
            [](bool later) {
              return try_finally(yield(), [later] { return fails(later); });
            }),
    failing("gather", [](bool later) { return gather(sleep(2ms), fails(later)); }),
    failing("gather of_a_range",
            [](bool later) {
              std::vector<Task<>> tasks;
              tasks.push_back(only(sleep(2ms)));  // it goes on
              tasks.push_back(fails(later));
              return gather(std::move(tasks));
            }),
    failing("race", [](bool later) { return race(only(sleep(1h)), fails(later)); }),
    failing("with in_its_body",
            [](bool later) {
              return with(ExitStack(), [later] { return fails(later); });
            }),
    failing("with of_what_a_task_opens",
            [](bool later) { return with(open_and_fail(later), nothing); }),
    failing("with in_its_exit", [](bool later) { return with(Resource(later), nothing); }),
    failing("collect", [](bool later) { return collect(failing_numbers(later)); }),
    failing("collect of_a_pipeline",
            [](bool later) {
              return collect(failing_numbers(later) | filter([](int) { return true; }) | take(7));
            }),
    failing("for_each",
            [](bool later) {
              return for_each(failing_numbers(later), [](int) { return yield(); });
            }),
};

class Failures : public testing::TestWithParam<Failing> {
 protected:
  // The text of what comes out of it.
  static std::string text_out_of(Task<> (*call)(bool), bool later) {
    LoopOptions options;
    options.virtual_time = true;
    Loop loop(options);
    fail_on_reports(loop);
    std::string text = "nothing";
    try {
      loop.run(call(later));
    } catch (const std::runtime_error& error) {
      text = error.what();
    }
    turn_until(loop, "something goes on", [&] { return loop.stats().tasks == 0; });
    EXPECT_EQ(loop.stats().timers, 0u) << combination();
    return text;
  }
};

TEST_P(Failures, ComeOutAsExceptionsAndAsValues) {
  for (const bool later : {false, true}) {
    const std::string when = later ? "fails later" : "fails at once";
    begin_combination(GetParam().name, when);
    EXPECT_EQ(text_out_of(GetParam().thrown, later), "mine") << combination();
    begin_combination(GetParam().name, when + ", as a value");
    EXPECT_EQ(text_out_of(GetParam().as_value, later), "mine") << combination();
  }
}

std::string name_of_call(const testing::TestParamInfo<Failing>& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, ' ', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Each, Failures, testing::ValuesIn(calls), name_of_call);

}  // namespace
