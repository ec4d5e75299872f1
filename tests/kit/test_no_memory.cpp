// An allocation fails in the middle of serve() or of a call on a thread: a server loses one
// connection by it, and nobody waits for ever.
#include "support/failing_memory.hpp"
#include "support/run.hpp"

#include <eddy/work/internal/blocking_calls.hpp>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::FailingMemory;
using test::fail_each_allocation;
using test::wait_until_done;

Task<> echo(Stream stream) {
  char buffer[64];
  for (;;) {
    const std::size_t got = co_await stream.read_some(buffer);
    if (got == 0) break;
    co_await stream.write_all(Bytes(buffer, got));
  }
}

Task<std::string> ask(Stream& stream) {
  auto sent = co_await as_outcome(stream.write_all("question"));
  std::string answer(8, '\0');
  auto got = co_await as_outcome(stream.read_exactly(answer));
  co_return sent && got ? answer : "";
}

// Several allocations in a row, so that what is done about the first meets the next.
TEST(NoMemory, CostsAServerOneConnection) {
  for (const std::size_t times : {1u, 3u}) {
    const std::size_t failed = fail_each_allocation(
        [&](FailingMemory& memory) {
          Loop loop(test::options());
          loop.on_exception([](const ExceptionReport&) {});
          loop.run([&]() -> Task<> {
            Listener listener = listen(Address::loopback(0));
            const Address address = listener.local();
            auto server = spawn(serve(listener, &echo));
            Stream before = co_await connect(address);
            EXPECT_EQ(co_await ask(before), "question");
            const Socket unlucky(AF_INET, SOCK_STREAM);
            memory.arm();
            EXPECT_EQ(::connect(unlucky.fileno(), address.data(), address.size()), 0);
            for (int i = 0; i < 10; ++i) co_await yield();
            memory.disarm();
            EXPECT_FALSE(server.done());
            EXPECT_EQ(co_await ask(before), "question") << "it has nothing to do with it";
            Stream after = co_await connect(address);
            EXPECT_EQ(co_await ask(after), "question");
            server.cancel();
            co_await wait_until_done(server);
            EXPECT_TRUE(server.cancelled());
          }());
          loop.close();
          EXPECT_EQ(loop.stats().tasks, 0u);
        },
        times);
    EXPECT_GT(failed, 0u);
  }
}

// A connection that comes, and a handler that fails, while there is none.
TEST(NoMemory, DoesNotKeepAHandlersFailureFromBeingReported) {
  const auto failing = [](Stream stream) -> Task<> {
    char byte[1];
    co_await stream.read_some(byte);
    throw std::runtime_error("a message that is longer than a short string is");
  };
  const std::size_t failed = fail_each_allocation([&](FailingMemory& memory) {
    Loop loop(test::options());
    int reports = 0;
    loop.on_exception([&](const ExceptionReport&) { ++reports; });
    loop.run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      auto server = spawn(serve(listener, failing));
      Stream client = co_await connect(listener.local());
      for (int i = 0; i < 5; ++i) co_await yield();
      memory.arm();
      co_await client.write_all("x");
      char byte[1];
      EXPECT_EQ(co_await client.read_some(byte), 0u);
      memory.disarm();
      EXPECT_FALSE(server.done());
      EXPECT_EQ(reports, 1);
      server.cancel();
      co_await wait_until_done(server);
    }());
  });
  EXPECT_GT(failed, 0u);
}

class Counting : public BlockingCall {
 public:
  void run() noexcept override { ++runs; }
  int runs = 0;
};

TEST(NoMemory, ForACallOnAThread) {
  const std::size_t failed = fail_each_allocation([&](FailingMemory& memory) {
    test::run([&]() -> Task<> {
      const auto call = std::make_shared<Counting>();
      bool refused = false;
      memory.arm();
      try {
        co_await WaitForCall(call);
      } catch (const std::bad_alloc&) {
        refused = true;
      }
      memory.disarm();
      EXPECT_EQ(call->runs, refused ? 0 : 1);
      const auto again = std::make_shared<Counting>();
      co_await WaitForCall(again);
      EXPECT_EQ(again->runs, 1);
    });
  });
  EXPECT_GT(failed, 0u);
}

// On the thread itself. More answers than the queue of posted callbacks has places for.
class MemorylessThread : public BlockingCall {
 public:
  explicit MemorylessThread(Loop& loop) : loop_(loop) {}
  void run() noexcept override {
    for (std::size_t i = 0; i < PostQueue::reserved; ++i) loop_.post([] {});
    static thread_local std::optional<FailingMemory> none;
    none.emplace(1, 3);
    none->arm();
  }

 private:
  Loop& loop_;
};

TEST(NoMemory, OnAThreadDelaysItsAnswer) {
  test::run([]() -> Task<> {
    const auto call = std::make_shared<MemorylessThread>(Loop::current());
    auto waiting = spawn([&]() -> Task<> { co_await WaitForCall(call); });
    co_await yield();
    co_await waiting;
  });
}

}  // namespace
