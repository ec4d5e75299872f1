// Rows of flow: generators and what is entered and left.
#include "sweeps/gated.hpp"

#include <eddy/flow/context_generator.hpp>
#include <eddy/flow/exit_stack.hpp>
#include <eddy/flow/generators.hpp>
#include <eddy/flow/with.hpp>

namespace {

using namespace test;

Generator<int> numbers(Gated& w) {
  auto passed = co_await w.gate.scoped();
  co_yield 1;
  co_yield 2;
}
// Yields at once, and passes the gate at its end, however that comes.
Generator<int> late(Gated& w) {
  std::exception_ptr ended;
  try {
    co_yield 1;
  } catch (...) {
    ended = std::current_exception();
  }
  co_await pass(w);
  if (ended) std::rethrow_exception(ended);
}

// A generator that was begun, and waits when it goes on.
struct Begun : Gated {
  Task<> begin() {
    co_await Gated::begin();
    generator.emplace(late(*this));
    co_await generator->next();
  }
  Task<> check() {
    generator.reset();
    return Gated::check();
  }
  std::optional<Generator<int>> generator;
};

const Rows<Begun> begun = {
    {"Generator::next", [](Begun& w) { return only(w.generator->next()); }, at_once(refused)},
    {"Generator::aclose", [](Begun& w) { return only(w.generator->aclose()); }, at_once(refused)},
    {"Generator::resume_with",
     [](Begun& w) -> Task<> {
       const auto thrown = std::make_exception_ptr(std::runtime_error("thrown in"));
       auto ended = co_await as_outcome(w.generator->resume_with(thrown));
       if (!ended && ended.error().is_cancelled()) co_await fail(std::move(ended.error()));
       if (!ended && ended.error().exception() != thrown) co_await fail(std::move(ended.error()));
     },
     at_once(refused)},
};

const Rows<Gated> generators = {
    {"Generator::next of_one_that_dies_with_its_consumer",
     [](Gated& w) -> Task<> {
       auto generator = numbers(w);
       EXPECT_EQ(co_await generator.next(), 1);
     },
     at_once()},
    {"collect",
     [](Gated& w) -> Task<> {
       const auto all = co_await collect(numbers(w));
       EXPECT_EQ(all.size(), 2u);
     },
     at_once()},
    {"for_each",
     [](Gated& w) -> Task<> { co_await for_each(numbers(w), [](int) { return yield(); }); }},
    {"collect of_a_pipeline",
     [](Gated& w) -> Task<> {
       auto pipeline = numbers(w) | transform([](int n) { return 2 * n; }) |
                       filter([](int) { return true; }) | take(1);
       const auto all = co_await collect(std::move(pipeline));
       EXPECT_EQ(all, std::vector{2});
     },
     at_once()},
};

// Waits at the gate when it is entered, and for a turn when it is left; as often as it was entered.
struct Entering {
  explicit Entering(Gated& w) noexcept : w(&w) {}
  Task<> enter() { return pass(*w); }
  Task<bool> exit(std::exception_ptr) {
    co_await yield();
    co_return false;
  }
  Gated* w;
};
struct Closing {
  explicit Closing(Gated& w) noexcept : w(&w) {}
  Task<> close() { return pass(*w); }
  Gated* w;
};
Task<Closing> opened(Gated& w) {
  co_await pass(w);
  co_return Closing(w);
}
ContextGenerator<int> context(Gated& w) { return context_generator(late(w)); }

// Bodies that do not wait: what is cancelled is the way in or out.
constexpr auto nothing = []() -> Task<> { co_return; };

const Rows<Gated> resources = {
    {"with in_its_enter", [](Gated& w) -> Task<> { co_await with(Entering(w), nothing); }},
    {"with in_its_exit", [](Gated& w) -> Task<> { co_await with(Closing(w), nothing); }, at_once()},
    {"with in_its_body",
     [](Gated& w) -> Task<> {
       co_await with(Entering(w), [&] { return pass(w); });
     }},
    {"with of_what_a_task_opens",
     [](Gated& w) -> Task<> { co_await with(opened(w), nothing); },
     at_once()},
    {"with of_a_ContextGenerator",
     [](Gated& w) -> Task<> { co_await with(context(w), nothing); },
     at_once()},
    {"closing",
     [](Gated& w) -> Task<> {
       Closing resource(w);
       co_await closing(resource, nothing);
     },
     at_once()},
    {"ExitStack::enter",
     [](Gated& w) -> Task<> {
       co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
         co_await stack.enter(Entering(w));
       });
     }},
    {"ExitStack::enter of_what_a_task_opens",
     [](Gated& w) -> Task<> {
       co_await with(ExitStack(), [&](ExitStack& stack) -> Task<> {
         co_await stack.enter(opened(w));
       });
     }},
    {"ExitStack::aclose",
     [](Gated& w) -> Task<> {
       ExitStack stack;
       stack.push_exit([](std::exception_ptr) -> Task<bool> {
         co_await yield();
         co_return false;
       });
       stack.callback([&] { return pass(w); });  // the first to be left
       co_await stack.aclose();
     }},
    {"ContextGenerator::enter",
     [](Gated& w) -> Task<> {
       auto entering = context_generator(numbers(w));
       EXPECT_EQ(co_await entering.enter(), 1);
     },
     at_once()},
    {"ContextGenerator::exit",
     [](Gated& w) -> Task<> {
       auto entered = context(w);
       co_await entered.enter();
       co_await entered.exit(nullptr);
     },
     at_once()},
};

}  // namespace
