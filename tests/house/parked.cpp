// Tasks that wait for one thing each, for gdb_script.py, which stops where all do.
#include <eddy/eddy.hpp>

#include <sys/socket.h>

#include <cerrno>

using namespace eddy;
using namespace std::chrono_literals;

namespace {

[[gnu::noinline]] void all_are_parked() { asm volatile(""); }
[[gnu::noinline]] void the_loop_closes() { asm volatile(""); }

struct AtTheEnd {
  ~AtTheEnd() { the_loop_closes(); }
};

Task<> takes_it_twice(Lock& lock) {
  co_await lock.acquire();
  co_await lock.acquire();
}
Task<> gets(Queue<int>& queue) { co_await queue.get(); }
Task<> reads(Stream& stream) {
  char buffer[16];
  co_await stream.read_some(buffer);
}
Task<int> third(Event& event) {
  co_await event.wait();
  co_return 3;
}
Task<int> second(Event& event) {
  int local = 42;
  co_return co_await third(event) + local;
}
Task<> first(Event& event) { co_await second(event); }
Task<> joins(JoinHandle<> other) { co_await other; }
Task<> sleeps() {
  const AtTheEnd stops_here;
  co_await sleep(1h);
}
Task<> in_time(Event& event) { co_await timeout(1h, event.wait()); }
Generator<int> numbers(Event& event) {
  co_await event.wait();
  co_yield 1;
}
Task<> counts(Event& event) {
  auto all = numbers(event);
  co_await all.next();
}

Task<> amain() {
  Lock lock;
  Queue<int> queue(64);
  Event event;
  auto ends = Socket::pair(AF_UNIX, SOCK_STREAM);
  Stream stream(std::move(ends.first));
  Text text("a text");
  Duration duration = 1500ms;
  Failure failure = Failure::error(ENOENT, "open", Text("data.txt"));
  Task<int> unrun = second(event);
  auto locks = spawn(takes_it_twice(lock), {.name = "locks"});
  auto getter = spawn(gets(queue), {.name = "getter"});
  auto reader = spawn(reads(stream), {.name = "reader"});
  auto deep = spawn(first(event), {.name = "deep"});
  auto joiner = spawn(joins(deep), {.name = "joiner"});
  auto sleeper = spawn(sleeps(), {.name = "sleeper"});
  auto limited = spawn(in_time(event), {.name = "limited"});
  auto consumer = spawn(counts(event), {.name = "consumer"});
  for (int turn = 0; turn < 4; ++turn) co_await yield();
  auto unstarted = spawn(sleeps(), {.name = "unstarted"});
  all_are_parked();
  unrun.discard();
  for (const TaskHandle& task : all_tasks()) {
    if (task.name() != "main") task.cancel();
  }
}

}  // namespace

int main() { run(amain()); }
