// A Writer in front of files and pipes, ended at every turn.
#include "core/kernel.hpp"
#include "net/ends.hpp"
#include "file/policies.hpp"

#include <fcntl.h>

namespace {

using namespace eddy;
using test::Pipe;
using test::wait_until_done;

using FileWriter = Writer<File>;
struct Wait {
  const char* name;
  Task<> (*run)(FileWriter& writer);
};
const Wait waits[] = {
    {"drain", [](FileWriter& writer) -> Task<> { co_await writer.drain(); }},
    {"flush", [](FileWriter& writer) -> Task<> { co_await writer.flush(); }},
    {"close", [](FileWriter& writer) -> Task<> { co_await writer.close(); }},
};

// Several times what a pipe holds.
const std::string& much() {
  static const std::string text = test::pattern(300'000);
  return text;
}

// Once around for what a pipe has, without waiting.
void take(Pipe& pipe, std::string& got) {
  ::fcntl(pipe.out.get(), F_SETFL, O_NONBLOCK);
  char part[20'000];
  const auto size = ::read(pipe.out.get(), part, sizeof part);
  if (size > 0) got.append(part, static_cast<std::size_t>(size));
}

void take_all(Pipe& pipe, std::string& got) {
  for (std::size_t had = ~std::size_t{0}; had != got.size();) {
    had = got.size();
    take(pipe, got);
  }
}

class WriterEnd : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, WriterEnd, test::every_policy(), test::name_of_policy);

// C1, C3: whoever waits takes nothing back when it is cancelled, be it in the turn in which it was
// woken.
TEST_P(WriterEnd, WritesAllToAPipeWhenAWaitIsCancelled) {
  for (const Wait& wait : waits) {
    for (int turns = 0; turns < 40; turns += turns < 8 ? 1 : 5) {
      run([&]() -> Task<> {
        Pipe pipe;
        File file = File::adopt(pipe.in.get(), "wb", false);
        FileWriter writer(file);
        writer.write(much());
        auto task = spawn(wait.run(writer));
        std::string got;
        for (int i = 0; i < turns; ++i) {
          co_await yield();
          if (i > 4) take(pipe, got);
        }
        task.cancel();
        co_await wait_until_done(task);
        auto closing = spawn(writer.close());
        while (!closing.done()) {
          take(pipe, got);
          co_await yield();
        }
        co_await closing;
        take_all(pipe, got);
        EXPECT_TRUE(got == much()) << wait.name << ' ' << turns;
        co_await file.close();
      });
    }
  }
}

TEST_P(WriterEnd, WritesAllToAFileWhenAWaitIsCancelled) {
  for (const Wait& wait : waits) {
    for (int turns = 0; turns < 8; ++turns) {
      run([&]() -> Task<> {
        File file = co_await open(path("f"), "wb");
        FileWriter writer(file);
        writer.write(much());
        auto task = spawn(wait.run(writer));
        for (int i = 0; i < turns; ++i) co_await yield();
        task.cancel();
        co_await wait_until_done(task);
        co_await writer.close();
        EXPECT_TRUE(directory.read("f") == much()) << wait.name << ' ' << turns;
        co_await file.close();
      });
    }
  }
}

// What has gone is a first part of it.
TEST_P(WriterEnd, StopsWhenItIsDroppedInFrontOfAPipe) {
  for (int turns = 0; turns < 12; ++turns) {
    run([&]() -> Task<> {
      Pipe pipe;
      File file = File::adopt(pipe.in.get(), "wb", false);
      std::string got;
      {
        FileWriter writer(file);
        writer.write(much());
        for (int i = 0; i < turns; ++i) {
          co_await yield();
          if (i > 5) take(pipe, got);
        }
      }
      auto closing = spawn(file.close());
      while (!closing.done()) {
        take(pipe, got);
        co_await yield();
      }
      co_await closing;
      take_all(pipe, got);
      EXPECT_LT(got.size(), much().size()) << turns;
      EXPECT_TRUE(much().starts_with(got)) << turns;
    });
  }
}

TEST_P(WriterEnd, StopsWhenItIsDroppedInFrontOfAFile) {
  for (int turns = 0; turns < 8; ++turns) {
    run([&]() -> Task<> {
      File file = co_await open(path("f"), "wb");
      {
        FileWriter writer(file);
        writer.write(much());
        for (int i = 0; i < turns; ++i) co_await yield();
      }
      co_await test::settle();
      co_await file.close();
      EXPECT_TRUE(much().starts_with(directory.read("f"))) << turns;
    });
  }
}

// F02: with its loop, whoever waits; the Writer and the file go afterwards.
TEST_P(WriterEnd, EndsWithItsLoop) {
  for (const Wait& wait : waits) {
    for (int turns = 0; turns < 12; ++turns) {
      const auto before = test::open_descriptors();
      {
        Pipe pipe;
        std::optional<File> file;
        std::optional<FileWriter> writer;
        std::optional<TaskHandle> task;
        std::string got;
        test::run(
            [&]() -> Task<> {
              file = File::adopt(pipe.in.get(), "wb", false);
              writer.emplace(*file);
              writer->write(much());
              task = spawn(wait.run(*writer));
              for (int i = 0; i < turns; ++i) {
                co_await yield();
                if (i > 5) take(pipe, got);
              }
            },
            {.file_policy = GetParam()});
        EXPECT_TRUE(task->done()) << wait.name << ' ' << turns;
        take_all(pipe, got);
        EXPECT_LT(got.size(), much().size());
        EXPECT_TRUE(much().starts_with(got)) << wait.name << ' ' << turns;
      }
      EXPECT_EQ(test::open_descriptors(), before);
    }
  }
}

// Nobody would ever wake them.
TEST(WriterEnds, EndsWhoWaitsForAWriterThatIsDropped) {
  for (const Wait& wait : waits) {
    for (int turns = 0; turns < 6; ++turns) {
      test::run([&]() -> Task<> {
        Pipe pipe;
        File file = File::adopt(pipe.in.get(), "wb", false);
        auto writer = std::make_unique<FileWriter>(file);
        writer->write(much());
        auto waiting = spawn(wait.run(*writer));
        auto dropping = spawn([&]() -> Task<> {
          for (int i = 0; i < turns; ++i) co_await yield();
          writer.reset();
        });
        co_await yield();
        EXPECT_EQ((co_await as_result(waiting)).error(), std::errc::operation_canceled)
            << wait.name << ' ' << turns;
        co_await dropping;
      });
    }
  }
}

TEST(WriterEnds, TellsWhenTheStreamIsClosed) {
  test::run([]() -> Task<> {
    test::Ends ends;
    Writer writer(ends.a);
    writer.write("text");
    co_await ends.a.close();
    EXPECT_THROW(co_await writer.flush(), UsageError);
    EXPECT_THROW(writer.write("more"), UsageError);
  });
}

}  // namespace
