// A File that is moved, replaced or dropped while calls on it run: they are its owners as well.
#include "core/kernel.hpp"
#include "net/ends.hpp"
#include "policies.hpp"

#include <fcntl.h>

namespace {

using namespace eddy;
using test::Ends;
using test::Pipe;
using test::settle;
using test::wait_until_done;

struct Verb {
  const char* name;
  Task<> (*run)(File& file);
};

// Not a coroutine: nothing of a verb looks at the File after the call.
template <Awaitable A>
Task<> drop_value(A call) {
  auto outcome = co_await as_outcome(std::move(call));
  if (!outcome) co_await fail(std::move(outcome.error()));
}

char into[100];
std::string kept_line;

const Verb verbs[] = {
    {"read", [](File& file) { return drop_value(file.read()); }},
    {"read_into", [](File& file) { return drop_value(file.read_into(into)); }},
    {"read_some", [](File& file) { return drop_value(file.read_some(into)); }},
    {"read_exactly",
     [](File& file) { return drop_value(file.read_exactly(MutableBytes(into, 4))); }},
    {"readline", [](File& file) { return drop_value(file.readline()); }},
    {"readline_into", [](File& file) { return drop_value(file.readline_into(kept_line)); }},
    {"readlines", [](File& file) { return drop_value(file.readlines()); }},
    {"peek", [](File& file) { return drop_value(file.peek(5)); }},
    {"write", [](File& file) { return drop_value(file.write("bytes")); }},
    {"flush", [](File& file) { return file.flush(); }},
    {"sync", [](File& file) { return file.sync(); }},
    {"datasync", [](File& file) { return file.datasync(); }},
    {"seek", [](File& file) { return drop_value(file.seek(3)); }},
    {"tell", [](File& file) { return drop_value(file.tell()); }},
    {"truncate", [](File& file) { return drop_value(file.truncate(5)); }},
    {"allocate", [](File& file) { return file.allocate(0, 4096); }},
    {"stat", [](File& file) { return drop_value(file.stat()); }},
    {"lines", [](File& file) { return drop_value(file.lines().next()); }},
    {"read_at",
     [](File& file) -> Task<> {
       auto call = file.read_at(into, 0);
       return [](ReadAt reading) -> Task<> { co_await reading; }(std::move(call));
     }},
    {"write_at",
     [](File& file) -> Task<> {
       auto call = file.write_at("at", 0);
       return [](WriteAt writing) -> Task<> { co_await writing; }(std::move(call));
     }},
    {"close", [](File& file) { return file.close(); }},
};

class FileEnd : public test::EveryPolicy {
 public:
  // Has each verb take `turns` turns beside another call, and does `end` to the File.
  template <class F>
  void at_every_turn(F end, bool ends) {
    for (const Verb& verb : verbs) {
      for (int turns = 0; turns < 8; ++turns) {
        directory.write("a", "one\ntwo\n");
        run([&]() -> Task<> {
          auto file = std::make_unique<File>(co_await open(path("a"), "r+"));
          co_await file->write("ONE");
          auto first = spawn(file->flush());
          auto task = spawn(verb.run(*file));
          for (int i = 0; i < turns; ++i) co_await yield();
          co_await end(file);
          auto outcome = co_await as_result(task);
          if (!outcome) {
            EXPECT_TRUE(ends) << verb.name << ' ' << turns << ": " << outcome.error().message();
            EXPECT_EQ(outcome.error(), std::errc::operation_canceled) << verb.name << ' ' << turns;
          }
          co_await wait_until_done(first);
        });
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, FileEnd, test::every_policy(), test::name_of_policy);

TEST_P(FileEnd, DoesNotComeWithAMove) {
  at_every_turn(
      [](std::unique_ptr<File>& file) -> Task<> {
        auto moved = std::make_unique<File>(std::move(*file));
        file = std::move(moved);
        co_await yield();
      },
      false);
}

TEST_P(FileEnd, ComesWithDropping) {
  at_every_turn(
      [](std::unique_ptr<File>& file) -> Task<> {
        file.reset();
        co_return;
      },
      true);
}

TEST_P(FileEnd, ComesWithReplacing) {
  at_every_turn(
      [this](std::unique_ptr<File>& file) -> Task<> {
        *file = co_await open(path("b"), "w+");
        EXPECT_EQ(co_await file->write("new"), 3u);
        co_await file->close();
        EXPECT_EQ(directory.read("b"), "new");
      },
      true);
}

// What waits for the other end of a pipe ends, and so do those behind it.
TEST(FileEnds, EndAWaitingReadAndWhoComesAfterIt) {
  test::run([]() -> Task<> {
    Pipe pipe;
    File file = File::adopt(pipe.out.release(), "rb");
    const auto open_before = test::open_descriptors();
    auto reading = spawn(file.read(10));
    auto behind = spawn(file.readline());
    co_await settle();
    file = File();
    EXPECT_EQ((co_await as_result(reading)).error(), std::errc::operation_canceled);
    EXPECT_EQ((co_await as_result(behind)).error(), std::errc::operation_canceled);
    EXPECT_EQ(test::open_descriptors(), open_before - 1);
  });
}

TEST(FileEnds, EndAWaitingWrite) {
  test::run([]() -> Task<> {
    Pipe pipe;
    auto file = std::make_unique<File>(File::adopt(pipe.in.release(), "wb"));
    const std::string much = test::pattern(300'000);
    auto writing = spawn(file->write(much));
    co_await settle();
    file.reset();
    EXPECT_EQ((co_await as_result(writing)).error(), std::errc::operation_canceled);
  });
}

// A poll for one that was opened with O_NONBLOCK.
TEST(FileEnds, EndAWaitForReadiness) {
  test::run([]() -> Task<> {
    Pipe pipe;
    ::fcntl(pipe.out.get(), F_SETFL, O_NONBLOCK);
    auto file = std::make_unique<File>(File::adopt(pipe.out.release(), "rb"));
    auto reading = spawn(file->read(10));
    co_await settle();
    file.reset();
    EXPECT_EQ((co_await as_result(reading)).error(), std::errc::operation_canceled);
  });
}

// The handle is gone before the task begins.
TEST(FileEnds, CallsOnATemporaryFileAreItsOwners) {
  test::Directory directory;
  directory.write("a", "text");
  test::run([&]() -> Task<> {
    auto reading = (co_await open(directory.path("a"))).read();
    EXPECT_EQ((co_await as_result(std::move(reading))).error(), std::errc::operation_canceled);
  });
}

TEST(FileEnds, LinesGoOnWhenTheFileMoves) {
  test::Directory directory;
  directory.write("a", "1\n2\n3\n");
  test::run([&]() -> Task<> {
    auto file = std::make_unique<File>(co_await open(directory.path("a")));
    auto lines = file->lines();
    EXPECT_EQ(co_await lines.next(), "1\n");
    File moved = std::move(*file);
    file.reset();
    EXPECT_EQ(co_await lines.next(), "2\n");
    const auto open_before = test::open_descriptors();
    moved = File();
    EXPECT_EQ(test::open_descriptors(), open_before - 1);
    EXPECT_EQ((co_await as_result(lines.next())).error(), std::errc::operation_canceled);
  });
}

// The Writer dies first, and its task still has the file.
TEST(FileEnds, AnExceptionLeavesAWriterOverAFile) {
  for (int turns = 0; turns < 6; ++turns) {
    for (const std::size_t size : {3u, 300'000u}) {
      test::run([&]() -> Task<> {
        Pipe pipe;
        const std::string bytes = test::pattern(size);
        auto body = [&]() -> Task<> {
          File file = File::adopt(pipe.in.release(), "wb");
          Writer writer(file);
          writer.write(bytes);
          for (int i = 0; i < turns; ++i) co_await yield();
          throw std::runtime_error("left");
        };
        EXPECT_THROW(co_await body(), std::runtime_error);
        co_await settle();
      });
    }
  }
}

TEST(FileEnds, AnExceptionLeavesAWriterOverAFileOnADisk) {
  test::Directory directory;
  for (const FilePolicy policy : {FilePolicy::automatic, FilePolicy::ring}) {
    for (int turns = 0; turns < 8; ++turns) {
      test::run([&]() -> Task<> {
        const std::string bytes = test::pattern(300'000);
        auto body = [&]() -> Task<> {
          File file = co_await open(directory.path("a"), "wb");
          Writer writer(file);
          writer.write(bytes);
          for (int i = 0; i < turns; ++i) co_await yield();
          throw std::runtime_error("left");
        };
        EXPECT_THROW(co_await body(), std::runtime_error);
        co_await settle(20);
      }, {.file_policy = policy});
    }
  }
}

TEST(FileEnds, SendFileEndsWhenTheFileIsDropped) {
  test::Directory directory;
  const std::string much = test::pattern(3'000'000);
  directory.write("a", much);
  test::run([&]() -> Task<> {
    Ends ends;
    auto file = std::make_unique<File>(co_await open(directory.path("a"), "rb"));
    auto sending = spawn(ends.a.send_file(*file));
    co_await settle();
    file.reset();
    auto reading = spawn(ends.b.read_all());
    EXPECT_EQ((co_await as_result(sending)).error(), std::errc::operation_canceled);
    co_await ends.a.close();
    const std::string got = co_await reading;
    EXPECT_TRUE(much.starts_with(got) && got.size() < much.size());
  });
}

}  // namespace
