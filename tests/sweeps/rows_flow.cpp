// Rows of flow: what composes tasks, over a gate that wake() opens.
#include "sweeps/gated.hpp"

#include <eddy/flow/gather.hpp>
#include <eddy/flow/race.hpp>
#include <eddy/flow/shield.hpp>
#include <eddy/flow/move_on.hpp>
#include <eddy/flow/staggered_race.hpp>
#include <eddy/flow/task_group.hpp>
#include <eddy/flow/timeout.hpp>
#include <eddy/flow/try_finally.hpp>
#include <eddy/flow/wait.hpp>

namespace {

using namespace test;

constexpr auto cleanup = [] { return yield(); };

const Rows<Gated> timeouts = {
    {"timeout of_a_lock",
     [](Gated& w) -> Task<> { auto guard = co_await timeout(1h, w.gate.scoped()); },
     at_once()},
    {"timeout of_a_task", [](Gated& w) -> Task<> { co_await timeout(1h, pass(w)); }, at_once()},
    {"timeout of_a_handle", [](Gated& w) -> Task<> { co_await timeout(1h, w.inner); },
     at_once(together)},
    {"timeout of_a_shield", [](Gated& w) -> Task<> { co_await timeout(1h, shield(w.inner)); },
     at_once()},
    {"timeout of_a_body",
     [](Gated& w) -> Task<> { co_await timeout(1h, [&](Timeout&) { return pass(w); }); },
     at_once()},
    {"timeout in_a_timeout",
     [](Gated& w) -> Task<> { co_await timeout(2h, timeout(1h, pass(w))); },
     at_once()},
    {"timeout as_a_result",
     [](Gated& w) -> Task<> {
       const auto passed = co_await as_result(timeout(1h, pass(w)));
       EXPECT_TRUE(passed.has_value());
     },
     at_once()},
    {"timeout_at of_a_task",
     [](Gated& w) -> Task<> { co_await timeout_at(Loop::current().now() + 1h, pass(w)); },
     at_once()},
    {"timeout_at of_a_body",
     [](Gated& w) -> Task<> {
       co_await timeout_at(std::nullopt, [&](Timeout&) { return pass(w); });
     },
     at_once()},
    {"move_on_after of_a_task",
     [](Gated& w) -> Task<> { EXPECT_TRUE(co_await move_on_after(1h, pass(w))); },
     at_once()},
    {"move_on_at of_a_lock",
     [](Gated& w) -> Task<> {
       auto guard = co_await move_on_at(Loop::current().now() + 1h, w.gate.scoped());
       EXPECT_TRUE(guard);
     },
     at_once()},
    {"wait_for", [](Gated& w) -> Task<> { co_await wait_for(w.inner, 1h); }, at_once(together)},
    {"wait_for without_a_limit",
     [](Gated& w) -> Task<> { co_await wait_for(pass(w), std::nullopt); },
     at_once()},
    {"try_finally",
     [](Gated& w) -> Task<> { co_await try_finally(pass(w), cleanup); }},
    {"try_finally of_a_body",
     [](Gated& w) -> Task<> { co_await try_finally([&] { return pass(w); }, cleanup); }},
    {"shield of_a_handle", [](Gated& w) -> Task<> { co_await shield(w.inner); }, at_once()},
    {"shield of_a_task", [](Gated& w) -> Task<> { co_await shield(pass(w)); }},
};

const Rows<Gated> gathers = {
    {"gather", [](Gated& w) -> Task<> { co_await gather(pass(w), pass(w), w.inner); },
     together},
    {"gather of_a_range",
     [](Gated& w) -> Task<> { co_await gather(two_passing(w)); }},
    {"gather_settled",
     [](Gated& w) -> Task<> { co_await gather_settled(pass(w), w.gate.scoped()); }},
    {"gather_settled of_a_range",
     [](Gated& w) -> Task<> { co_await gather_settled(two_passing(w)); }},
    {"race", [](Gated& w) -> Task<> { co_await race(pass(w), pass(w)); }},
    {"first_ok",
     [](Gated& w) -> Task<> {
       const auto failing = [&]() -> Task<> {
         co_await pass(w);
         throw Error(EIO, "pass");
       };
       const auto passing = [&] { return pass(w); };
       co_await first_ok(failing, passing);
     }},
    {"staggered_race",
     [](Gated& w) -> Task<> {
       const auto passing = [&w] { return pass(w); };
       std::vector factories(2, passing);
       co_await staggered_race(std::move(factories), 1h);
     }},
    {"staggered_race with_no_head_start",
     [](Gated& w) -> Task<> {
       const auto passing = [&w] { return pass(w); };
       std::vector factories(2, passing);
       co_await staggered_race(std::move(factories), 0ms);
     }},
};

const Rows<Gated> groups = {
    {"task_group of_children",
     [](Gated& w) -> Task<> {
       co_await task_group([&](TaskGroup& group) -> Task<> {
         group.spawn(pass(w));
         group.spawn([&] { return pass(w); });
         co_return;
       });
     }},
    {"task_group of_a_body",
     [](Gated& w) -> Task<> {
       co_await task_group([&](TaskGroup& group) -> Task<> {
         group.spawn(pass(w));
         co_await pass(w);
       });
     }},
    {"TaskGroup::start",
     [](Gated& w) -> Task<> {
       co_await task_group([&](TaskGroup& group) -> Task<> {
         co_await group.start([&](FutureSetter<> ready) -> Task<> {
           co_await pass(w);
           ready.set_value();
         });
       });
     }},
    {"supervisor of_children",
     [](Gated& w) -> Task<> {
       co_await supervisor([&](TaskGroup& group) -> Task<> {
         group.spawn(pass(w));
         co_return;
       });
     }},
    {"supervisor that_is_told",
     [](Gated& w) -> Task<> {
       const auto children = [&](TaskGroup& group) -> Task<> {
         group.spawn(pass(w));
         co_return;
       };
       co_await supervisor(children, [](const TaskHandle&, std::exception_ptr) {});
     }},
    {"TaskGroup::spawn in_a_child",
     [](Gated& w) -> Task<> {
       co_await task_group([&](TaskGroup& group) -> Task<> {
         group.spawn([&]() -> Task<> {
           group.spawn(pass(w));
           co_await pass(w);
         });
         co_return;
       });
     }},
};

// Two waiters of one AsCompleted: each gets a task that has ended.
struct Ending {
  Task<> begin() {
    for (int i = 0; i < 2; ++i) tasks.push_back(spawn(only(told.wait())));
    ends.emplace(as_completed(tasks));
    co_await yield();
  }
  void wake() { told.set(); }
  Task<> check() {
    while (auto ended = co_await ends->next()) ++given;
    EXPECT_EQ(given, 2) << "a task was lost, or given twice";
  }
  Event told;
  std::vector<JoinHandle<>> tasks;
  std::optional<AsCompleted<void>> ends;
  int given = 0;
};

const Rows<Ending> waits = {
    {"wait", [](Ending& w) -> Task<> { co_await wait(w.tasks); }, at_once()},
    {"wait for_the_first",
     [](Ending& w) -> Task<> {
       WaitOptions options;
       options.until = first_completed;
       co_await wait(w.tasks, options);
     },
     at_once()},
    {"wait with_a_limit",
     [](Ending& w) -> Task<> {
       WaitOptions options;
       options.timeout = 1h;
       co_await wait(w.tasks, options);
     },
     at_once()},
    {"wait with_no_time_at_all",
     [](Ending& w) -> Task<> {
       WaitOptions options;
       options.timeout = 0ms;
       co_await wait(w.tasks, options);
     },
     by_itself},
    {"AsCompleted::next",
     [](Ending& w) -> Task<> {
       auto ended = co_await w.ends->next();
       if (ended) ++w.given;
     },
     at_once()},
};

}  // namespace
