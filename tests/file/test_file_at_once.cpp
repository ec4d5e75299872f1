// What the buffer alone can do is done at once, without a frame; and what goes before it, or keeps
// it from being done, is not passed over.
#include "policies.hpp"

#include "support/allocations.hpp"
#include "support/without_memory.hpp"

#include <eddy/file/file.hpp>

namespace {

using namespace eddy;
using test::without_memory;

class AtOnceFiles : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policies, AtOnceFiles, test::every_policy(), test::name_of_policy);

constexpr std::string_view text =
    "first line\nsecond line\nthird line\nfourth line\n0123456789abcdef";

TEST_P(AtOnceFiles, ReadWhatIsReadAheadWithoutAFrame) {
  directory.write("a", std::string(text));
  run([&]() -> Task<> {
    File file = co_await open(path("a"));
    co_await file.peek(1);  // the buffer has all of it
    std::string line(20, ' ');
    const auto readline_into = [&] { return file.readline_into(line); };
    EXPECT_TRUE(co_await without_memory(readline_into));
    EXPECT_EQ(line, "first line\n");
    auto lines = file.lines();
    const auto next_into = [&] { return lines.next_into(line); };
    EXPECT_TRUE(co_await without_memory(next_into));
    EXPECT_EQ(line, "second line\n");
    const auto readline = [&] { return file.readline(); };  // short enough for a string alone
    EXPECT_EQ(co_await without_memory(readline), "third line\n");
    const auto next = [&] { return lines.next(); };
    EXPECT_EQ(co_await without_memory(next), "fourth line\n");
    char piece[6];
    const auto read_into = [&] { return file.read_into(piece); };
    EXPECT_EQ(co_await without_memory(read_into), 6u);
    EXPECT_EQ(Bytes(piece, 6).text(), "012345");
    const auto read_exactly = [&] { return file.read_exactly(piece); };
    co_await without_memory(read_exactly);
    EXPECT_EQ(Bytes(piece, 6).text(), "6789ab");
    const auto read_some = [&] { return file.read_some(piece); };
    EXPECT_EQ(co_await without_memory(read_some), 4u);
    EXPECT_EQ(Bytes(piece, 4).text(), "cdef");
    EXPECT_EQ(co_await file.read_into(piece), 0u);
    EXPECT_EQ(co_await lines.next(), std::nullopt);
    co_await file.close();
  });
}

TEST_P(AtOnceFiles, GiveEachLineWholeWhileTheirMemoryGrows) {
  std::vector<std::string> wanted;
  std::string all;
  for (std::size_t size = 1; size < 2000; size += 1 + size / 5) {
    wanted.push_back(std::string(size, static_cast<char>('a' + size % 26)) + '\n');
    all += wanted.back();
  }
  directory.write("a", all);
  run([&]() -> Task<> {
    File file = co_await open(path("a"));
    co_await file.peek(1);
    std::string line;
    for (const auto& each : wanted) {
      EXPECT_TRUE(co_await file.readline_into(line));
      EXPECT_EQ(line, each);
    }
    co_await file.close();
  });
}

TEST_P(AtOnceFiles, WriteIntoTheBufferWithoutAFrame) {
  directory.write("a", "old");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w+");
    co_await file.write("0");
    const auto write = [&] { return file.write("123"); };
    EXPECT_EQ(co_await without_memory(write), 3u);
    co_await file.flush();
    EXPECT_EQ(co_await without_memory(write), 3u) << "the buffer is there still";
    EXPECT_EQ(co_await file.tell(), 7u);
    co_await file.seek(0);
    EXPECT_EQ(co_await file.read(), "0123123");
    EXPECT_EQ(co_await without_memory(write), 3u) << "all that was read ahead has been read";
    co_await file.close();
    EXPECT_EQ(directory.read("a"), "0123123123");
  });
}

// Whatever the sizes are: what fits, what just fits, what is as large as the buffer, and larger.
TEST_P(AtOnceFiles, TakeBytesOfAnySizeAtTheEdgesOfTheBuffer) {
  for (std::size_t first = 0; first < 10; ++first) {
    for (std::size_t second = 0; second < 10; ++second) {
      const std::string all(text.substr(0, 30));
      const std::string_view view = all;
      run([&]() -> Task<> {
        File file = co_await open(path("a"), "w+", {.buffering = 8});
        EXPECT_EQ(co_await file.write(view.substr(0, first)), first);
        EXPECT_EQ(co_await file.write(view.substr(first, second)), second);
        EXPECT_EQ(co_await file.write(view.substr(first + second)), 30 - first - second);
        co_await file.seek(0);
        std::string got(30, ' ');
        EXPECT_EQ(co_await file.read_into(MutableBytes(got.data(), first)), first);
        EXPECT_EQ(co_await file.read_into(MutableBytes(got.data() + first, second)), second);
        EXPECT_EQ(co_await file.tell(), first + second);
        co_await file.read_exactly(MutableBytes(got.data() + first + second, 30 - first - second));
        EXPECT_EQ(got, all);
        co_await file.close();
        EXPECT_EQ(directory.read("a"), all);
      });
    }
  }
}

// sync() has the file while the kernel syncs: what comes after it is done after it.
TEST_P(AtOnceFiles, DoNotOvertakeACallThatHasTheFile) {
  directory.write("a", std::string(text));
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r+");
    test::Log log;
    const auto sync = [&]() -> Task<> {
      co_await file.sync();
      log("sync");
    };
    const auto read = [&]() -> Task<> {
      char piece[3];
      co_await file.read_exactly(piece);
      log(std::string(Bytes(piece, 3).text()));
    };
    co_await file.peek(1);
    auto one = spawn(sync());
    auto two = spawn(read());
    auto three = spawn(read());
    co_await gather(one, two, three);
    EXPECT_EQ(log.text(), "sync fir st ");
    co_await file.seek(0, Whence::end);
    co_await file.write("x");
    const auto write = [&]() -> Task<> {
      co_await file.write("y");
      log("write");
    };
    one = spawn(sync());
    two = spawn(write());
    co_await gather(one, two);
    EXPECT_EQ(log.text(), "sync fir st  sync write");
    co_await file.close();
    EXPECT_EQ(directory.read("a"), std::string(text) + "xy");
  });
}

TEST_P(AtOnceFiles, AreCancelledOnlyWhereTheyWait) {
  directory.write("a", std::string(text));
  run([&]() -> Task<> {
    File file = co_await open(path("a"));
    co_await file.peek(1);
    const auto reading = [&]() -> Task<> {
      std::string line;
      this_task().cancel();
      EXPECT_TRUE(co_await file.readline_into(line));
      EXPECT_EQ(line, "first line\n");
      co_await file.seek(0);
      auto outcome = co_await as_outcome(file.readline_into(line));  // reads
      EXPECT_TRUE(!outcome && outcome.error().is_cancelled());
    };
    co_await spawn(reading());
    EXPECT_EQ(co_await file.tell(), 0u) << "a cancelled call has taken nothing";
    co_await file.close();
  });
}

TEST_P(AtOnceFiles, GiveTheOthersATurnOnceInAWhile) {
  directory.write("a", std::string(3'000'000, 'x'));
  run([&]() -> Task<> {
    int turns = 0;
    auto other = spawn([&]() -> Task<> {
      for (;; ++turns) co_await yield();
    });
    File in = co_await open(path("a"));
    File out = co_await open(path("b"), "w");
    char piece[100];
    for (std::size_t got; (got = co_await in.read_into(piece)) > 0;) {
      co_await out.write(Bytes(piece, got));
    }
    EXPECT_GT(turns, 3);
    other.cancel();
    co_await in.close();
    co_await out.close();
  });
}

TEST_P(AtOnceFiles, RefuseWhatTheFileIsNotFor) {
  directory.write("a", std::string(text));
  run([&]() -> Task<> {
    File in = co_await open(path("a"));
    co_await in.read();
    EXPECT_EQ((co_await as_result(in.write("x"))).error(), std::errc::bad_file_descriptor);
    File out = co_await open(path("b"), "w");
    co_await out.write("there");
    char piece[3];
    EXPECT_EQ((co_await as_result(out.read_into(piece))).error(), std::errc::bad_file_descriptor);
    co_await out.flush();
    EXPECT_EQ((co_await as_result(out.readline())).error(), std::errc::bad_file_descriptor);
    auto late = in.read_into(piece);
    auto none = in.read_into(MutableBytes());
    co_await in.seek(0);
    co_await in.peek(1);
    co_await in.close();
    EXPECT_THROW(static_cast<void>(co_await late), UsageError);
    EXPECT_THROW(static_cast<void>(co_await none), UsageError);
    EXPECT_THROW(static_cast<void>(co_await in.write("x")), UsageError);
    EXPECT_THROW(static_cast<void>(co_await File().readline()), UsageError);
    co_await out.close();
  });
}

// read_at() keeps the descriptor open: the file is dropped all the same.
TEST_P(AtOnceFiles, GiveNothingOfAFileThatWasDropped) {
  directory.write("a", std::string(text));
  run([&]() -> Task<> {
    auto file = std::make_unique<File>(co_await open(path("a"), "r", {.policy = FilePolicy::ring}));
    co_await file->peek(1);
    char at[4];
    auto positional = spawn(file->read_at(at, 0));
    co_await yield();
    std::string line;
    auto call = file->readline_into(line);
    file.reset();
    EXPECT_EQ((co_await as_result(std::move(call))).error(), std::errc::operation_canceled);
    EXPECT_EQ(line, "");
    static_cast<void>(co_await as_outcome(positional));
  });
}

TEST_P(AtOnceFiles, MoveWithTheFileWhileACallWaitsToBeAwaited) {
  directory.write("a", std::string(text));
  run([&]() -> Task<> {
    File file = co_await open(path("a"));
    co_await file.peek(1);
    auto call = file.readline();
    File moved = std::move(file);
    EXPECT_EQ(co_await call, "first line\n");
    EXPECT_EQ(co_await moved.readline(), "second line\n");
    co_await moved.close();
  });
}

TEST_P(AtOnceFiles, AllocateNothingFromOneFillAndFlushToTheNext) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  std::string many;
  for (int i = 0; i < 400; ++i) many += text;
  directory.write("a", many);
  run([&]() -> Task<> {
    File in = co_await open(path("a"), "r", {.buffering = 256});
    File out = co_await open(path("b"), "w", {.buffering = 256});
    std::string line;
    char piece[7];
    const auto use = [&]() -> Task<> {
      auto lines = in.lines();
      for (int i = 0; i < 50; ++i) {
        co_await in.readline_into(line);
        co_await out.write(line);
        co_await lines.next_into(line);
        co_await out.write(line);
        const auto some = co_await in.read_some(piece);
        co_await out.write(Bytes(piece, some));
        co_await in.read_exactly(piece);
        co_await out.write(Bytes(piece, co_await in.read_into(piece)));
      }
    };
    co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
    co_await in.close();
    co_await out.close();
  });
}

}  // namespace
