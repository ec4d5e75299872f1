// Every count, with numbers that are none: it is refused by a UsageError, or means as many as there
// are; and what was refused has done nothing.
#include "sweeps/play.hpp"
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/bytes/reader.hpp>
#include <eddy/file/file.hpp>
#include <eddy/flow/generators.hpp>
#include <eddy/kit/serve.hpp>
#include <eddy/sync/barrier.hpp>
#include <eddy/sync/condition.hpp>
#include <eddy/sync/lock.hpp>
#include <eddy/sync/queue.hpp>
#include <eddy/sync/semaphore.hpp>

#include <algorithm>
#include <cstdint>

namespace {

using namespace test;
using test::Directory;  // there is an eddy::Directory, too

using Number = std::uint64_t;

constexpr Number most = (Number{1} << 63) - 1;

Generator<int> two_numbers() {
  co_yield 1;
  co_yield 2;
}
constexpr std::string_view two_lines = "ab\ncdef\n";

// Wakes `n` of two who wait; how many that were.
Task<Number> notify(Number n) {
  Lock lock;
  Condition condition(lock);
  Number woken = 0;
  const auto waiting = [&]() -> Task<> {
    auto guard = co_await lock.scoped();
    co_await condition.wait();
    ++woken;
  };
  auto first = spawn(waiting());
  auto second = spawn(waiting());
  co_await yield();
  co_await lock.acquire();
  std::exception_ptr refused;
  try {
    condition.notify(n);
  } catch (...) {
    refused = std::current_exception();
  }
  lock.release();
  for (int turn = 0; turn < 5; ++turn) co_await yield();
  const Number by_it = woken;
  co_await lock.acquire();
  condition.notify_all();
  lock.release();
  co_await first;
  co_await second;
  if (refused) {
    EXPECT_EQ(by_it, 0u) << combination();
    std::rethrow_exception(refused);
  }
  co_return by_it;
}

Task<Number> serve_two_clients(Number n) {
  const Address where = fresh_name();
  Listener listener = listen(where);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(connect_plainly(where));
  Number served = 0;
  const auto serving = [&](Stream) -> Task<> {
    if (++served == 2) listener.close();
    co_return;
  };
  ServeOptions options;
  options.limit = n;
  co_await serve(listener, serving, options);
  co_return served;
}

Task<Number> put_into_queue(Number n) {
  Queue<int> queue(static_cast<long>(n));
  Number put = 0;
  while (put < 2 && queue.try_put(1)) ++put;
  co_return put;
}

struct WithLines {
  WithLines() {
    put(pair.peer.get(), two_lines);
    pair.peer.reset();
  }
  Pair pair;
  Stream stream{Socket(std::move(pair.ours))};
};
// How long the line was. With a limit that it is too long for nothing of it is taken.
template <class R>
Task<Number> read_line(R& reader, Number n) {
  auto line = co_await as_outcome(reader.readline(n));
  if (line) co_return line->size();
  EXPECT_THROW(line.error().raise(), LimitExceeded) << combination();
  const std::string again = co_await reader.readline();
  EXPECT_EQ(again, "ab\n") << combination();
  co_return 0;
}
Task<Number> of_a_stream(Number n) {
  WithLines world;
  co_return co_await read_line(world.stream, n);
}
Task<Number> of_a_reader(Number n) {
  WithLines world;
  Reader<Stream> reader(world.stream);
  co_return co_await read_line(reader, n);
}
Task<Number> read_until(Number n) {
  WithLines world;
  auto piece = co_await as_outcome(world.stream.read_until("\n", n));
  co_return piece ? piece->size() : 0;
}

template <class F>
Task<Number> with_file(F call) {
  Directory directory;
  directory.write("data", std::string(two_lines));
  File file = co_await open(Text(directory.path("data")));
  auto count = co_await as_outcome(call(file));
  co_await file.close();
  if (!count) co_await fail(std::move(count.error()));
  co_return *count;
}
Task<Number> read(Number n) {
  const auto call = [n](File& file) -> Task<Number> {
    const std::string text = co_await file.read(n);
    co_return text.size();
  };
  co_return co_await with_file(call);
}
Task<Number> peek(Number n) {
  const auto call = [n](File& file) -> Task<Number> {
    const std::string text = co_await file.peek(n);
    co_return text.size();
  };
  co_return co_await with_file(call);
}
Task<Number> send_file(Number n) {
  const auto call = [n](File& file) -> Task<Number> {
    Pair pair;
    Stream stream{Socket(std::move(pair.ours))};
    const Number sent = co_await stream.send_file(file, 0, n);
    EXPECT_EQ(drain(pair.peer.get()).size(), sent) << combination();
    co_return sent;
  };
  co_return co_await with_file(call);
}

enum class None { refused, nothing, any };  // what no number at all means, and so 0

struct Counting {
  const char* name;
  Task<Number> (*call)(Number);
  Number there;          // as many as there are: more is no more
  None zero;
  bool refuses_negative;  // otherwise it is more than there is
};

constexpr Counting countings[] = {
    {"Semaphore",
     [](Number n) -> Task<Number> {
       Semaphore semaphore(n);
       EXPECT_EQ(semaphore.value(), n);
       co_return std::min<Number>(semaphore.value(), 2);
     },
     2, None::nothing, true},
    {"BoundedSemaphore",
     [](Number n) -> Task<Number> {
       BoundedSemaphore semaphore(n);
       EXPECT_THROW(semaphore.release(), UsageError) << combination();
       co_return std::min<Number>(semaphore.value(), 2);
     },
     2, None::nothing, true},
    {"Barrier",
     [](Number n) -> Task<Number> {
       Barrier barrier(n);
       co_return std::min<Number>(barrier.parties(), 2);
     },
     2, None::refused, true},
    {"Queue", &put_into_queue, 2, None::any, false},
    {"notify", &notify, 2, None::nothing, true},
    {"take",
     [](Number n) -> Task<Number> {
       const auto all = co_await collect(two_numbers() | take(n));
       co_return all.size();
     },
     2, None::nothing, true},
    {"serve", &serve_two_clients, 2, None::any, false},
    {"readline_of_a_stream", &of_a_stream, 3, None::nothing, false},
    {"readline_of_a_reader", &of_a_reader, 3, None::nothing, false},
    {"read_until", &read_until, 3, None::nothing, false},
    {"read", &read, two_lines.size(), None::nothing, false},
    {"peek", &peek, two_lines.size(), None::nothing, false},
    {"send_file", &send_file, two_lines.size(), None::nothing, false},
};

constexpr Number numbers[] = {0, 100, Number{1} << 31, Number{1} << 32, most, most + 1, ~Number{0}};

class Counts : public testing::TestWithParam<Counting> {
 protected:
  static bool refuses(Number number) {
    if (number == 0) return GetParam().zero == None::refused;
    return number > most && GetParam().refuses_negative;
  }
  static Number expected(Number number) {
    return number == 0 && GetParam().zero == None::nothing ? 0 : GetParam().there;
  }
  static void expect_answer(Loop& loop, Number number) {
    if (refuses(number)) {
      EXPECT_THROW(loop.run(GetParam().call(number)), UsageError) << combination();
    } else {
      EXPECT_EQ(loop.run(GetParam().call(number)), expected(number)) << combination();
    }
  }
};

// edge 10
TEST_P(Counts, MeanAsManyAsThereAreOrAreRefused) {
  for (const auto policy : {FilePolicy::automatic, FilePolicy::inline_, FilePolicy::ring}) {
    for (const Number number : numbers) {
      begin_combination(GetParam().name, std::to_string(number));
      LoopOptions options;
      options.file_policy = policy;
      Loop loop(options);
      fail_on_reports(loop);
      expect_answer(loop, number);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Counts, testing::ValuesIn(countings),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
