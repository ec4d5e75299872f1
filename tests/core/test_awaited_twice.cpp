// An awaitable is one wait: whoever awaits it again, while it waits or after that, is refused, and
// the first does not notice.
#include "kernel.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;

template <class A>
Task<> await_it(A& awaitable) {
  static_cast<void>(co_await awaitable);
}

// `end` ends the first wait.
template <class A, class End>
Task<> refuses_a_second(A awaitable, End end) {
  auto first = spawn(await_it(awaitable));
  co_await test::settle();
  EXPECT_THROW(co_await await_it(awaitable), UsageError);
  co_await test::settle();
  EXPECT_FALSE(first.done());
  end();
  co_await first;
}

TEST(AwaitedTwice, ASleepIsRefused) {
  test::run([]() -> Task<> {
    auto slept = sleep(1ms);
    co_await slept;
    EXPECT_THROW(co_await slept, UsageError);
    co_await refuses_a_second(sleep(1h), [] {});
  });
}

TEST(AwaitedTwice, AnOperationIsRefused) {
  test::run([]() -> Task<> {
    test::Pipe pipe;
    char byte;
    co_await refuses_a_second(test::read(pipe.out.get(), &byte, 1), [&] { pipe.put("x"); });
  });
}

TEST(AwaitedTwice, AJoinAndAShieldAreRefused) {
  test::run([]() -> Task<> {
    Event event;
    const auto waits = [&]() -> Task<> { co_await event.wait(); };
    auto task = spawn(waits());
    auto shielded = spawn(waits());
    const auto set = [&] {
      event.set();
      event.clear();
    };
    auto both = spawn(refuses_a_second(task.operator co_await(), [] {}));
    co_await refuses_a_second(shield(shielded), set);
    co_await both;
  });
}

}  // namespace
