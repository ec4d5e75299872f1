// Everything that takes a body or another callable, with each kind of callable there is.
#include "support/run.hpp"

#include <concepts>
#include <memory>

namespace {

using namespace eddy;

int calls = 0;

// What a callable answers.
template <class R>
struct Answer {
  static R give() {
    ++calls;
    return R(1);
  }
};
template <>
struct Answer<void> {
  static void give() { ++calls; }
};
template <>
struct Answer<Task<>> {
  static Task<> give() {
    ++calls;
    co_await yield();
  }
};
template <class T>
struct Answer<Task<T>> {
  static Task<T> give() {
    ++calls;
    co_await yield();
    co_return T();
  }
};

template <class R, class... Args>
R function(Args...) {
  return Answer<R>::give();
}
struct PlainFunction {
  template <class R, class... Args>
  static auto& make() {
    return function<R, Args...>;
  }
};
struct Pointer {
  template <class R, class... Args>
  static auto make() {
    return &function<R, Args...>;
  }
};

// Knows when it is called after it was moved from or destroyed.
template <class R, class Owned, class... Args>
class Object {
 public:
  R operator()(Args...) const {
    EXPECT_TRUE(alive_ && *alive_ == 7);
    return Answer<R>::give();
  }

 private:
  Owned alive_{new int(7)};
};
struct Copyable {
  template <class R, class... Args>
  static auto make() {
    return Object<R, std::shared_ptr<int>, Args...>();
  }
};
struct Named {
  template <class R, class... Args>
  static const auto& make() {
    static const Object<R, std::shared_ptr<int>, Args...> object;
    return object;
  }
};
struct MoveOnly {
  template <class R, class... Args>
  static auto make() {
    return Object<R, std::unique_ptr<int>, Args...>();
  }
};
struct MovedClosure {
  template <class R, class... Args>
  static auto make() {
    auto closure = [alive = std::make_unique<int>(7)](Args...) -> R {
      EXPECT_EQ(*alive, 7);
      return Answer<R>::give();
    };
    return moved(closure);
  }
};

struct Door {
  Task<> enter() { co_return; }
  Task<bool> exit(std::exception_ptr) { co_return false; }
  Task<> pass() {
    ++calls;
    co_return;
  }
};
Task<Door> open_door() { co_return Door(); }
struct Closed {
  void close() {}
};
struct Item {
  bool wanted() const {
    ++calls;
    return true;
  }
};
Generator<Item> one_item() { co_yield Item(); }
Generator<int> one() { co_yield 1; }

// The callable is called once, however it is kept.
template <class Kind>
struct Uses {
  template <class R, class... Args>
  static decltype(auto) make() {
    return Kind::template make<R, Args...>();
  }

  static Task<> spawned() { co_await spawn(make<Task<>>()); }
  static Task<> spawned_on() { co_await Loop::current().spawn(make<Task<>>()); }
  static Task<> in_group() {
    co_await task_group([](TaskGroup& group) -> Task<> {
      group.spawn(make<Task<>>());
      co_return;
    });
  }
  static Task<> group() { co_await task_group(make<Task<>, TaskGroup&>()); }
  static Task<> limited() { co_await timeout(1s, make<Task<>, Timeout&>()); }
  static Task<> limited_as_result() {
    const auto result = co_await as_result(timeout(1s, make<Task<>, Timeout&>()));
    EXPECT_TRUE(result);
  }
  static Task<> limited_until() {
    co_await timeout_at(Loop::current().now() + 1s, make<Task<>, Timeout&>());
  }
  static Task<> with_door() {
    Door door;
    co_await with(door, make<Task<>, Door&>());
  }
  static Task<> with_opened() { co_await with(open_door(), make<Task<>, Door&>()); }
  static Task<> with_nothing() { co_await with(Door(), make<Task<>>()); }
  static Task<> closed() { co_await closing(Closed(), make<Task<>>()); }
  static Task<> body_then_cleanup() {
    const auto nothing = []() -> Task<> { co_return; };
    co_await try_finally(make<Task<>>(), nothing);
  }
  static Task<> cleanup() { co_await try_finally(yield(), make<Task<>>()); }
  static Task<> pushed_exit() {
    ExitStack stack;
    stack.push_exit(make<Task<bool>, std::exception_ptr>());
    co_await stack.aclose();
  }
  static Task<> called_back() {
    ExitStack stack;
    stack.callback(make<void>());
    co_await stack.aclose();
  }
  static Task<> first() { co_await first_ok(make<Task<>>(), make<Task<>>()); }
  static Task<> staggered() {
    std::vector<std::decay_t<decltype(make<Task<>>())>> factories;
    factories.push_back(make<Task<>>());
    co_await staggered_race(std::move(factories), 1s);
  }
  static Task<> transformed() {
    const auto all = co_await collect(one() | transform(make<int, int>()));
    EXPECT_EQ(all, std::vector{1});
  }
  static Task<> filtered() {
    const auto all = co_await collect(one() | filter(make<bool, int>()));
    EXPECT_EQ(all, std::vector{1});
  }
  static Task<> each() { co_await for_each(one(), make<Task<>, int>()); }
  static Task<> condition() {
    Lock lock;
    Condition changed(lock);
    co_await lock.acquire();
    co_await changed.wait(make<bool>());
    lock.release();
  }
  static Task<> done() {
    auto task = spawn(yield_once());
    task.on_done(make<void, TaskHandle>());
    co_await task;
    co_await yield();
  }
  static Task<> posted() {
    Loop::current().post(make<void>());
    while (calls == 0) co_await yield();
  }
  static Task<> serving() {
    auto listener = listen(Address::loopback(0));
    auto client = co_await connect(listener.local());
    auto server = spawn(serve(listener, make<Task<>, Stream>()));
    char byte;
    EXPECT_EQ(co_await client.read_some(MutableBytes(&byte, 1)), 0u);
    listener.close();
    co_await server;
  }
  static Task<> yield_once() { co_await yield(); }

  struct Row {
    const char* name;
    Task<> (*use)();
  };
  static constexpr Row rows[] = {
      {"spawn", &spawned},
      {"Loop::spawn", &spawned_on},
      {"TaskGroup::spawn", &in_group},
      {"task_group", &group},
      {"timeout", &limited},
      {"timeout in as_result", &limited_as_result},
      {"timeout_at", &limited_until},
      {"with", &with_door},
      {"with what a task opens", &with_opened},
      {"with a body that takes nothing", &with_nothing},
      {"closing", &closed},
      {"try_finally", &body_then_cleanup},
      {"try_finally's cleanup", &cleanup},
      {"ExitStack::push_exit", &pushed_exit},
      {"ExitStack::callback", &called_back},
      {"first_ok", &first},
      {"staggered_race", &staggered},
      {"transform", &transformed},
      {"filter", &filtered},
      {"for_each", &each},
      {"Condition::wait", &condition},
      {"on_done", &done},
      {"post", &posted},
      {"serve", &serving},
  };
};

template <class Kind>
class Bodies : public testing::Test {};
using Kinds = testing::Types<PlainFunction, Pointer, Copyable, Named, MoveOnly, MovedClosure>;
TYPED_TEST_SUITE(Bodies, Kinds);

TYPED_TEST(Bodies, AreCalledOnceByWhateverTakesThem) {
  for (const auto& row : Uses<TypeParam>::rows) {
    SCOPED_TRACE(row.name);
    calls = 0;
    test::run(row.use);
    EXPECT_EQ(calls, 1);
  }
}
TYPED_TEST(Bodies, AreWhatALoopRuns) {
  calls = 0;
  run(TypeParam::template make<Task<>>());
  EXPECT_EQ(calls, 1);
  Loop loop;
  loop.run(TypeParam::template make<Task<>>());
  EXPECT_EQ(calls, 2);
}

TEST(BodiesOfRun, ThatCannotBeCopiedAreRunWhereTheyAre) {
  const auto main = [answer = std::make_unique<int>(42)]() -> Task<int> { co_return *answer; };
  EXPECT_EQ(run(main), 42);
}

TEST(MemberFunctions, AreBodiesOfWhatTheyBelongTo) {
  test::run([]() -> Task<> {
    calls = 0;
    co_await with(Door(), &Door::pass);
    co_await with(open_door(), &Door::pass);
    co_await collect(one_item() | filter(&Item::wanted));
    const auto all = co_await collect(one_item() | transform(&Item::wanted));
    EXPECT_EQ(all, std::vector{true});
    co_await for_each(one_item(), &Item::wanted);
    EXPECT_EQ(calls, 5);
  });
}

}  // namespace
