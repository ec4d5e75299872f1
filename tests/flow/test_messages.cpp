// Names of functions are tested here: in no namespace but its own.
// What scopes and groups say of what failed in them: the texts.
#include "support/allocations.hpp"
#include "support/run.hpp"
#include "support/said_by.hpp"

#include <eddy/base/description.hpp>

namespace {

using namespace eddy;

std::exception_ptr failure(const std::string& what) {
  return std::make_exception_ptr(std::runtime_error(what));
}

// -- groups --

TEST(ExceptionGroupText, NamesEachOfItsExceptions) {
  const ExceptionGroup group("two", {failure("first"), failure("second")});
  EXPECT_STREQ(group.what(), "two (2 sub-exceptions) [first; second]");
  EXPECT_STREQ(ExceptionGroup("one", {failure("x")}).what(), "one (1 sub-exception) [x]");
}

TEST(ExceptionGroupText, PutsGroupsIntoBracketsOfTheirOwn) {
  const ExceptionGroup inner("inner", {failure("a"), failure("b")});
  const ExceptionGroup outer("outer", {std::make_exception_ptr(inner), failure("c")});
  EXPECT_STREQ(outer.what(),
               "outer (2 sub-exceptions) [inner (2 sub-exceptions) [a; b]; c]");
}

TEST(ExceptionGroupText, NamesWhatIsNoStdExceptionToo) {
  const ExceptionGroup group("odd", {std::make_exception_ptr(Cancelled(Text("enough"))),
                                     std::make_exception_ptr(3)});
  EXPECT_STREQ(group.what(),
               "odd (2 sub-exceptions) [cancelled: enough; an exception of type int]");
}

TEST(ExceptionGroupText, ShortensALongOneAndCutsNoCharacter) {
  std::string umlauts = "x";
  for (int i = 0; i < 200; ++i) umlauts += "\u00fc";
  EXPECT_EQ(ExceptionGroup("long", {failure(umlauts)}).what(),
            "long (1 sub-exception) [" + umlauts.substr(0, 299) + "...]");
}

TEST(ExceptionGroupText, TellsOfManyTheFirst) {
  const ExceptionGroup::List many(1000, failure(std::string(100, 'x')));
  const std::string text = ExceptionGroup("many", many).what();
  EXPECT_EQ(text.substr(0, 40), "many (1000 sub-exceptions) [xxxxxxxxxxxx");
  EXPECT_EQ(text.substr(text.size() - 18), "xxx; and 980 more]");
}

TEST(ExceptionGroupText, IsBoundedHoweverDeepItNests) {
  ExceptionGroup group("deep", ExceptionGroup::List(100, failure(std::string(100, 'x'))));
  for (int i = 0; i < 100; ++i) {
    group = ExceptionGroup("deep", ExceptionGroup::List(3, std::make_exception_ptr(group)));
  }
  EXPECT_LT(std::string_view(group.what()).size(), 2500u);
}

Task<> fails(const char* what) {
  co_await yield();
  throw std::runtime_error(what);
}

Task<> two_fail() {
  co_await task_group([](TaskGroup& group) -> Task<> {
    group.spawn(fails("one"));
    group.spawn(fails("two"));
    co_return;
  });
}

TEST(ExceptionGroupText, StandsInTheReportOfAFailureThatNobodyTook) {
  Loop loop(test::options());
  std::string line;
  loop.on_exception([&](const ExceptionReport& report) { line = to_text(report); });
  std::string where;
  loop.run([&]() -> Task<> {
    where = to_text(spawn(two_fail(), {.name = "dropped"}).where());
    co_await test::settle(20);
  }());
  EXPECT_EQ(line, "task exception was never retrieved [dropped] in " + where +
                      ": unhandled errors in a TaskGroup (2 sub-exceptions) [one; two]");
  EXPECT_EQ(where.substr(0, 11), "two_fail() ");
}

// -- timeouts --

Task<> waits_long() { co_await sleep(1h); }
Task<int> waits_for_a_number() {
  EDDY_DO(sleep(1h));
  co_return 1;
}

template <class A>
Task<std::string> said_by(A awaitable) {
  return test::said_by<TimeoutError>(std::move(awaitable));
}

TEST(TimeoutText, NamesTheCoroutineAndTheTime) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await said_by(timeout(5s, waits_long())), "waits_long(): timed out after 5s");
    EXPECT_EQ(co_await said_by(timeout(10ms, waits_for_a_number())),
              "waits_for_a_number(): timed out after 10ms");
    EXPECT_EQ(co_await said_by(wait_for(waits_long(), 1500ms)),
              "waits_long(): timed out after 1.5s");
  });
}

TEST(TimeoutText, NamesATaskThatNeverStarted) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await said_by(wait_for(waits_long(), 0s)), "waits_long(): timed out after 0s");
    EXPECT_EQ((co_await as_result(wait_for(waits_long(), 0s))).error(), std::errc::timed_out);
  });
}

TEST(TimeoutText, NamesTheTaskThatWasJoined) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await said_by(timeout(5s, spawn(waits_long(), {.name = "worker"}))),
              "waits_long() 'worker': timed out after 5s");
    EXPECT_EQ(co_await said_by(wait_for(spawn(waits_long()), 5s)),
              "waits_long(): timed out after 5s");
  });
}

TEST(TimeoutText, NamesWhatElseWasAwaitedByItsType) {
  test::run([]() -> Task<> {
    Lock lock;
    co_await lock.acquire();
    EXPECT_EQ(co_await said_by(timeout(5s, lock.acquire())),
              "Lock::Acquire: timed out after 5s");
  });
}

TEST(TimeoutText, NamesTheBodyThatWasGivenTheScope) {
  test::run([]() -> Task<> {
    const auto body = [](Timeout&) -> Task<> { co_await sleep(1h); };
    EXPECT_EQ(co_await said_by(timeout(5s, body)),
              "TimeoutText_NamesTheBodyThatWasGivenTheScope_Test::TestBody()::<lambda>()::"
              "<lambda>(): timed out after 5s");
  });
}

TEST(TimeoutText, KnowsNoLengthOfADeadlineOrOfOneThatWasMoved) {
  test::run([]() -> Task<> {
    const Instant soon = Loop::current().now() + 1s;
    EXPECT_EQ(co_await said_by(timeout_at(soon, waits_long())),
              "waits_long(): timed out at its deadline");
    const auto body = [&](Timeout& scope) -> Task<> {
      scope.reschedule(Loop::current().now() + 1s);
      co_await sleep(1h);
    };
    const std::string said = co_await said_by(timeout(5s, body));
    EXPECT_EQ(said.substr(said.rfind(": ")), ": timed out at its deadline");
  });
}

TEST(TimeoutText, NamesTheInnermostOfNestedScopes) {
  test::run([]() -> Task<> {
    EXPECT_EQ(co_await said_by(timeout(5s, timeout(10s, waits_long()))),
              "waits_long(): timed out after 5s");
  });
}

TEST(TimeoutText, NamesAsCompleted) {
  test::run([]() -> Task<> {
    std::vector<JoinHandle<>> tasks = {spawn(waits_long())};
    auto completed = as_completed(tasks, {.timeout = 5s});
    EXPECT_EQ(co_await said_by(completed.next()), "as_completed: timed out after 5s");
    tasks[0].cancel();
    co_await test::wait_until_done(tasks[0]);
  });
}

// -- misuse --

template <class F>
Task<std::string> mistake_of(F make) {
  std::string said = "nothing";
  try {
    auto awaitable = make();
    static_cast<void>(co_await awaitable);
  } catch (const UsageError& error) {
    said = error.what();
  }
  co_return said.substr(0, said.find(" ("));
}

Generator<int> counts() { co_yield 1; }

TEST(FlowMisuseText, NamesWhoDoesIt) {
  test::run([]() -> Task<> {
    auto numbers = counts();
    auto moved = std::move(numbers);
    EXPECT_EQ(co_await mistake_of([&] { return numbers.next(); }),
              "next() of a generator that was moved from, by main in "
              "FlowMisuseText_NamesWhoDoesIt_Test::TestBody()::<lambda>()");
    std::vector<JoinHandle<>> tasks = {spawn(waits_long())};
    auto completed = as_completed(tasks);
    auto taken = std::move(completed);
    EXPECT_EQ(co_await mistake_of([&] { return completed.next(); }),
              "next() of an as_completed() that was moved from, by main in "
              "FlowMisuseText_NamesWhoDoesIt_Test::TestBody()::<lambda>()");
    auto once = timeout(5s, sleep(1ms));
    co_await once;
    std::string said;
    try {
      co_await once;
    } catch (const UsageError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "a timeout was entered twice, by main in " + to_text(this_task().where()));
    tasks[0].cancel();
    co_await test::wait_until_done(tasks[0]);
  });
}

// ∅
TEST(TimeoutText, CostsNothingUntilSomebodyReadsIt) {
  test::run([]() -> Task<> {
    Event event;
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(co_await as_result(timeout(1ms, event.wait())));
      static_cast<void>(co_await as_result(timeout(1ms, waits_for_a_number())));
    }
    const std::size_t before = test::allocations();
    const auto waited = co_await as_result(timeout(1ms, event.wait()));
    const auto ran = co_await as_result(timeout(1ms, waits_for_a_number()));
    EXPECT_EQ(test::allocations() - before, 0u);
    EXPECT_EQ(waited.error(), std::errc::timed_out);
    EXPECT_EQ(waited.error().message(), "timed out");
    EXPECT_EQ(ran.error(), std::errc::timed_out);
  });
}

}  // namespace
