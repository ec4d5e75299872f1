// Each template of the library made once, for the warnings that a compiler gives only then. It is
// compiled, and never run.
#include <eddy/eddy.hpp>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

Task<> nothing() { co_return; }
Task<int> number() { co_return 1; }
bool yes() { return true; }

Task<> core() {
  static ContextVar<int> variable("variable", 1);
  const auto guard = variable.set(2);
  auto handle = spawn(number(), {.name = "number", .eager = true});
  handle.on_done([](const TaskHandle&) {}).remove();
  const auto result = co_await as_result(handle);
  if (!result) co_return;
  co_await spawn(&nothing);
  EDDY_TRY(auto one, number());
  EDDY_DO(sleep(std::chrono::milliseconds(one)));
  run_from_thread(Loop::current(), number()).cancel();
}

Task<> threads() {
  ThreadPool pool = cpu_pool();
  co_await to_thread([] {});
  const bool seen = co_await pool.submit(yes);
  co_await pool.submit(abandon_on_cancel, [](bool) {}, seen);
  co_await run_in_executor(pool, yes);
  co_await run_in_executor(nullptr, yes);
}

Task<> primitives() {
  Lock lock;
  Condition changed(lock);
  RwLock shared;
  Semaphore places(2);
  Barrier barrier(2);
  Event event;
  co_await lock.acquire();
  co_await changed.wait(&yes);
  co_await event.wait();
  co_await barrier.wait();
  co_await places.acquire();
  const auto reading = co_await shared.read();
  Queue<std::string> first_in(2);
  PriorityQueue<int> lowest;
  LifoQueue<int> latest;
  co_await first_in.put("a");
  co_await lowest.put(co_await latest.get());
  first_in.try_put("b");
  first_in.shutdown(true);
  co_await first_in.join();
}

Task<> channels() {
  FutureSetter<std::string> setter;
  setter.set_value("a");
  setter.set_exception(std::runtime_error("no"));
  FutureSetter<>().set_value();
  const std::string given = co_await setter.future();
  auto [sender, receiver] = Channel<std::string>(1);
  std::string item = given;
  co_await sender.send("a");
  co_await sender.send_from(item);
  sender.try_send("b");
  const auto received = co_await receiver.receive();
  BroadcastSender<std::string> all(1);
  all.send("a");
  const auto heard = co_await all.subscribe().receive();
  WatchSender<int> value(1);
  value.send(2);
  value.modify([](int& number) { ++number; });
  co_await value.subscribe().changed();
  TimerHandle call = call_later(1ms, [] {});
  call.cancel();
  Ticker ticker(1ms, MissedTicks::skip);
  co_await ticker.tick();
  co_await readable(0);
}

Generator<int> numbers() { co_yield 1; }

Task<> generators() {
  const auto all = co_await collect(numbers() | transform([](int n) { return n; }) | take(2) |
                                    filter([](int n) { return n > 0; }));
  co_await for_each(numbers(), [](int) {});
}

Task<> flow() {
  co_await task_group([](TaskGroup& group) -> Task<> {
    group.spawn(number());
    group.spawn(&nothing);
    co_return;
  });
  co_await timeout(1s, number());
  co_await timeout(1s, [](Timeout&) -> Task<> { co_return; });
  co_await timeout_at(Loop::current().now(), yield());
  co_await wait_for(number(), 1s);
  co_await gather(number(), nothing(), yield());
  co_await gather_settled(number(), nothing());
  std::vector<JoinHandle<int>> handles(1, spawn(number()));
  co_await gather(handles);
  co_await wait(handles);
  co_await shield(handles[0]);
  co_await race(number(), number());
  auto chosen = co_await select(named<"number">(number()), yield(), std::suspend_never());
  if (chosen.has<"number">()) co_await sleep(std::chrono::seconds(chosen.get<"number">()));
  co_await foreign(std::suspend_never());
  co_await first_ok(&number, &number);
  const std::vector<Task<int> (*)()> factories(2, &number);
  co_await staggered_race(factories, 1s);
  co_await try_finally(&number, &nothing);
  co_await with(ExitStack(), [](ExitStack& stack) -> Task<> {
    stack.callback(&nothing);
    stack.push_exit([](std::exception_ptr) -> Task<bool> { co_return false; });
    co_await stack.enter(open("a"));
  });
  co_await closing(co_await open("a"), &nothing);
}

Task<> files() {
  auto file = co_await open("a", "w+b");
  co_await file.write(std::string("a"));
  co_await file.write_at(std::string("a"), 0);
  co_await file.writelines(std::vector<std::string>(1, "a"));
  co_await write_bytes("a", std::string("a"));
  co_await write_atomic("a", std::string("a"));
  Reader<File> reader(file);
  co_await reader.readline();
  co_await reader.read_all();
  Writer<File> writer(file);
  writer.write("a");
  co_await writer.close();
}

Task<> greet(Stream stream) { co_await stream.write_all(std::string("hello")); }

Task<> net() {
  auto listener = listen(Address::loopback(0));
  co_await serve(listener, &greet, {.limit = 1});
  auto stream = co_await connect(listener.local());
  co_await stream.write(std::vector<char>(1));
  co_await stream.send_zero_copy(std::vector<std::byte>(1));
  co_await stream.write_vectored(std::vector<Bytes>(1));
  const auto read = co_await as_result(timeout(1s, stream.read_until("\n")));
  Writer<Stream> writer(stream);
  co_await writer.drain();
  auto [a, b] = UnixDatagram::pair();
  co_await a.send(std::string("a"));
  co_await b.send_with(std::string("b"), {});
}

Task<> resilience() {
  const auto any = [](int) { return true; };
  const auto limited = [] { return timeout(1s, number()); };
  co_await retry(&nothing);
  co_await retry(limited, RetryPolicy().retry_if<TimeoutError>().retry_if_not<Error>(), any);
  CircuitBreaker breaker({.failures = 1});
  co_await breaker.call(&nothing);
  co_await breaker.count_if<Error>().call(limited, any);
  RateLimiter limiter(1);
  co_await limiter.acquire();
  co_await with(limiter, &nothing);
}

}  // namespace

int main() {
  run(&core);
  run(&threads);
  run(&primitives);
  run(&channels);
  run(&generators);
  run(&flow);
  run(&files);
  run(&net);
  run(&resilience);
}
