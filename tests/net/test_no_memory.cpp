// An allocation fails in the middle of what streams do: whichever it is, the call ends with an
// error, the loop goes on, and nobody reads bytes with a hole in them.
#include "ends.hpp"

#include "support/directory.hpp"
#include "support/failing_memory.hpp"

namespace {

using namespace eddy;
using test::Ends;
using test::FailingMemory;
using test::fail_each_allocation;
using test::settle;

// How a call ended, whose allocations fail: of those of the test itself none does.
enum class End { well, no_memory, other };

template <class T>
Task<End> end_of(FailingMemory& memory, Task<T> call) {
  End end = End::well;
  memory.arm();
  try {
    co_await std::move(call);
  } catch (const std::bad_alloc&) {
    end = End::no_memory;
  } catch (const Error& error) {
    end = error.code() == std::errc::not_enough_memory ? End::no_memory : End::other;
  }
  memory.disarm();
  co_return end;
}

// The reader waits when the bytes come. Both ways of having memory: the loop's, and its own.
class NoMemory : public testing::TestWithParam<std::uint32_t> {
 public:
  // Returns how many allocations failed in turn.
  template <class F>
  std::size_t each(F body) {
    const auto before = test::open_descriptors();
    const std::size_t failed = fail_each_allocation([&](FailingMemory& memory) {
      test::run([&]() -> Task<> { return body(memory); }, {.without = GetParam()});
    });
    EXPECT_EQ(test::open_descriptors(), before);
    return failed;
  }
};
INSTANTIATE_TEST_SUITE_P(Memory, NoMemory,
                         testing::Values(0u, std::uint32_t{feature_buffer_rings}));

// Before the bytes come, and when they do.
TEST_P(NoMemory, ForFillLosesNoByteUnseen) {
  for (const std::size_t ahead : {0u, 5u}) {
    const std::size_t failed = each([&](FailingMemory& memory) -> Task<> {
      Ends warm;  // the loop's buffers are there
      co_await warm.a.write_all("x");
      co_await warm.b.fill();
      Ends ends;
      if (ahead > 0) {
        co_await ends.a.write_all(std::string(ahead, 'a'));
        co_await ends.b.fill();
      }
      const std::string bytes = test::pattern(3000);
      auto fill = [&]() -> Task<std::size_t> { co_return co_await ends.b.fill(); };
      auto filling = spawn(end_of(memory, fill()));
      for (int i = 0; i < 3; ++i) co_await yield();
      co_await ends.a.write_all(bytes);
      const End end = co_await filling;
      EXPECT_NE(end, End::other);
      if (!ends.b.closed()) {
        if (end != End::well) {
          EXPECT_GT(co_await ends.b.fill(), 0u) << "busy, or lost";
        }
        EXPECT_EQ(ends.b.buffered().text(), std::string(ahead, 'a') + bytes);
      } else {
        EXPECT_EQ(end, End::no_memory);
        EXPECT_THROW(co_await ends.b.fill(), Error) << "it says why";
      }
      co_await warm.a.write_all("the others go on");
      EXPECT_EQ(co_await warm.b.fill(), 16u);
    });
    EXPECT_GT(failed, 0u);
  }
}

TEST_P(NoMemory, ForTheVerbsOfReading) {
  using Verb = Task<std::size_t> (*)(Stream&);
  const Verb verbs[] = {
      [](Stream& stream) -> Task<std::size_t> {
        const std::string line = co_await stream.readline();
        EXPECT_EQ(line, "a line that is longer than a short string is\n");
        co_return line.size();
      },
      [](Stream& stream) -> Task<std::size_t> { co_return (co_await stream.read_all()).size(); },
      [](Stream& stream) -> Task<std::size_t> {
        char into[60];
        co_await stream.read_exactly(into);
        co_return sizeof into;
      },
      [](Stream& stream) -> Task<std::size_t> {
        co_return (co_await stream.read_until("nowhere")).size();
      },
  };
  for (const Verb verb : verbs) {
    const std::size_t failed = each([&](FailingMemory& memory) -> Task<> {
      Ends ends;
      co_await ends.a.write_all("a line that is longer than a short string is\nmore\n");
      ends.a.shutdown_write();
      static_cast<void>(co_await as_outcome(end_of(memory, verb(ends.b))));
      Ends other;
      co_await other.a.write_all("x");
      EXPECT_EQ(co_await other.b.fill(), 1u);
    });
    EXPECT_GT(failed, 0u);
  }
}

// Cancelled, it gives back what it has read.
TEST_P(NoMemory, ForReadExactlyThatIsCancelled) {
  each([&](FailingMemory& memory) -> Task<> {
    Ends ends;
    char into[8];
    auto reading = spawn([&]() -> Task<> { co_await ends.b.read_exactly(into); });
    co_await ends.a.write_all("half");
    co_await settle();
    reading.cancel();
    memory.arm();
    for (int i = 0; i < 5; ++i) co_await yield();
    memory.disarm();
    EXPECT_TRUE(reading.done());
    static_cast<void>(co_await as_outcome(reading));
    if (ends.b.closed()) co_return;
    char half[4];
    co_await ends.b.read_exactly(half);
    EXPECT_EQ(std::string_view(half, 4), "half");
  });
}

TEST_P(NoMemory, ForARelayLosesNoByteUnseen) {
  each([&](FailingMemory& memory) -> Task<> {
    Ends from, to;
    const std::string bytes = test::pattern(600'000);
    auto relaying = spawn(relay(from.b, to.a));
    auto writing = spawn([&]() -> Task<> { co_await from.a.write_all(bytes); });
    co_await settle(20);
    relaying.cancel();
    memory.arm();
    for (int i = 0; i < 5; ++i) co_await yield();
    memory.disarm();
    static_cast<void>(co_await as_outcome(relaying));
    co_await to.a.close();
    const std::string first = co_await to.b.read_all();
    if (from.b.closed()) {
      static_cast<void>(co_await as_outcome(writing));
      co_return;
    }
    auto closing = spawn([&]() -> Task<> {
      co_await writing;
      co_await from.a.close();
    });
    const std::string second = co_await from.b.read_all();
    co_await closing;
    EXPECT_TRUE(first + second == bytes);
  });
}

TEST_P(NoMemory, ForListenAcceptAndConnect) {
  const std::size_t failed = each([&](FailingMemory& memory) -> Task<> {
    Listener listener;
    auto all = [&]() -> Task<> {
      listener = listen(Address::loopback(0));
      Stream client = co_await connect(listener.local());
      Stream server = co_await listener.accept();
      co_await client.close();
      co_await server.close();
      listener.close();
    };
    EXPECT_NE(co_await end_of(memory, all()), End::other);
  });
  EXPECT_GT(failed, 0u);
}

}  // namespace
