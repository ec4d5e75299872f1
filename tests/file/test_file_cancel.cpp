#include "core/kernel.hpp"
#include "file/policies.hpp"

#include <sys/stat.h>

namespace {

using namespace eddy;
using test::wait_until_done;

class CancelledFiles : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, CancelledFiles, test::every_policy(), test::name_of_policy);

TEST_P(CancelledFiles, AreNotOpenedWhenACancelIsPending) {
  directory.write("a", "x");
  run([&]() -> Task<> {
    for (const char* mode : {"r", "w"}) {
      auto task = spawn([&]() -> Task<> {
        this_task().cancel();
        co_await open(path("a"), mode);
      });
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
    }
    EXPECT_EQ(directory.read("a"), "x");
  });
}

// An open that waits for the other end of a FIFO holds nobody, and is cancelled in the kernel.
TEST_P(CancelledFiles, OpeningCanBeCancelledWhileItWaits) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  run([&]() -> Task<> {
    for (const char* mode : {"r", "w"}) {
      auto task = spawn([&]() -> Task<> { co_await open(path("fifo"), mode); });
      co_await test::settle(8);
      EXPECT_FALSE(task.done());
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled()) << mode;
    }
  });
}

TEST_P(CancelledFiles, OpeningAFifoMeetsTheOtherEnd) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  run([&]() -> Task<> {
    auto reader = spawn([&]() -> Task<std::string> {
      File file = co_await open(path("fifo"), "r");
      co_return co_await file.read();
    });
    File file = co_await open(path("fifo"), "w");
    co_await file.write("through the fifo");
    co_await file.close();
    EXPECT_EQ(co_await reader, "through the fifo");
  });
}

// A writer that comes and goes before a worker can wait for it.
TEST_P(CancelledFiles, OpeningAFifoMeetsAWriterThatIsGoneAlready) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  run([&]() -> Task<> {
    auto reader = spawn([&]() -> Task<std::string> {
      File file = co_await open(path("fifo"), "r");
      co_return co_await file.read();
    });
    int writer = -1;
    while (writer < 0) {
      co_await yield();
      writer = ::open(path("fifo").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    }
    EXPECT_EQ(::write(writer, "gone", 4), 4);
    ::close(writer);
    EXPECT_EQ(co_await reader, "gone");
  });
}

// X1, C13: bytes that were read for a call that is cancelled are there for the next one.
TEST_P(CancelledFiles, LoseNoByteWhenAReadIsCancelled) {
  run([&]() -> Task<> {
    test::Pipe pipe;
    File file = File::adopt(pipe.out.get(), "r", false);
    pipe.put("half a li");
    auto line = spawn([&]() -> Task<> { co_await file.readline(); });
    auto next = spawn([&]() -> Task<std::string> { co_return co_await file.readline(); });
    co_await test::settle(10);
    line.cancel();
    co_await wait_until_done(line);
    EXPECT_TRUE(line.cancelled());
    pipe.put("ne\nmore");
    EXPECT_EQ(co_await next, "half a line\n") << "the second call had its turn after the first";
    char all[64];
    auto fill = spawn([&]() -> Task<> { co_await file.read_into(all); });
    co_await test::settle(10);
    fill.cancel();
    co_await wait_until_done(fill);
    EXPECT_EQ(co_await file.read(4), "more");
    pipe.put("!");
    pipe.in.reset();
    EXPECT_EQ(co_await file.read(), "!");
    co_await file.close();
  });
}

// C13: what a read got while it was being cancelled is its result; the request comes at the next
// wait.
TEST_P(CancelledFiles, KeepTheResultThatCameWithTheRequest) {
  run([&]() -> Task<> {
    test::Pipe pipe;
    File file = File::adopt(pipe.out.get(), "r", false, {.buffering = 0});
    for (const bool put_first : {true, false}) {
      std::string got;
      char buffer[4];
      auto task = spawn([&]() -> Task<> {
        got.assign(buffer, co_await file.read_into(buffer));
        co_await yield();
        ADD_FAILURE() << "the request was forgotten";
      });
      co_await test::settle(10);
      if (put_first) pipe.put("data");
      task.cancel();
      if (!put_first) pipe.put("data");
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      if (got.empty()) got = co_await file.read(4);  // the request was faster: nothing was taken
      EXPECT_EQ(got, "data");
    }
    co_await file.close();
  });
}

// C4, C13
TEST_P(CancelledFiles, KeepTheResultWhenCancelledInTheTurnOfTheWake) {
  directory.write("a", "abcd");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r", {.buffering = 0});
    // The canceller runs in the turn in which the read is ready: some number of turns hits it.
    for (int turns = 0; turns < 6; ++turns) {
      co_await file.seek(0);
      char buffer[2];
      bool took = false;
      auto task = spawn([&]() -> Task<> {
        co_await file.read_into(buffer);
        took = true;
        co_await yield();
      });
      co_await test::settle(turns);
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_EQ(co_await file.tell(), took ? 2u : 0u) << turns;
      EXPECT_EQ(co_await file.read(1), took ? "c" : "a") << turns;
    }
    co_await file.close();
  });
}

// X1: a write is done whole or not at all, and the position says which.
TEST_P(CancelledFiles, WriteWholeOrNotAtAll) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w", {.buffering = 0});
    std::string expected;
    for (int turns = 0; turns < 8; ++turns) {
      const std::string block(10'000, static_cast<char>('a' + turns));
      bool done = false;
      auto task = spawn([&]() -> Task<> {
        co_await file.write(block);
        done = true;
      });
      co_await test::settle(turns);
      task.cancel();
      co_await wait_until_done(task);
      if (done) expected += block;
      EXPECT_EQ(co_await file.tell(), expected.size()) << turns;
    }
    co_await file.close();
    EXPECT_EQ(directory.read("a"), expected);
  });
}

TEST_P(CancelledFiles, LeaveTheQueueOfTheFile) {
  run([&]() -> Task<> {
    test::Pipe pipe;
    File file = File::adopt(pipe.out.get(), "r", false);
    std::vector<JoinHandle<>> tasks;
    std::string got;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&]() -> Task<> { got += co_await file.readline(); }));
    }
    co_await test::settle(3);
    tasks[1].cancel();
    co_await wait_until_done(tasks[1]);
    EXPECT_TRUE(tasks[1].cancelled());
    pipe.put("1\n2\n");
    co_await tasks[0];
    co_await tasks[2];
    EXPECT_EQ(got, "1\n2\n");
    co_await file.close();
  });
}

TEST_P(CancelledFiles, AreOpenedOrNotButNeverLeaked) {
  directory.write("a", "x");
  run([&]() -> Task<> {
    for (const char* mode : {"r", "a", "w"}) {
      for (int turns = 0; turns < 6; ++turns) {
        auto task = spawn([&]() -> Task<> {
          File file = co_await open(path("a"), mode);
          co_await file.close();
        });
        co_await test::settle(turns);
        task.cancel();
        co_await wait_until_done(task);
      }
    }
  });  // counts descriptors
}

TEST_P(CancelledFiles, StayOpenOrAreClosedWhenCloseIs) {
  run([&]() -> Task<> {
    for (int turns = 0; turns < 6; ++turns) {
      File file = co_await open(path("a"), "w");
      co_await file.write("unwritten");
      auto task = spawn([&]() -> Task<> { co_await file.close(); });
      co_await test::settle(turns);
      task.cancel();
      co_await wait_until_done(task);
      co_await file.close();
      EXPECT_EQ(directory.read("a"), "unwritten") << turns;
    }
  });
}

TEST_P(CancelledFiles, ReadingAtAPlaceIsCancelledBeforeItStarts) {
  directory.write("a", "abc");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r+");
    auto task = spawn([&]() -> Task<> {
      this_task().cancel();
      char buffer[3] = {};
      co_await file.read_at(buffer, 0);
    });
    co_await wait_until_done(task);
    EXPECT_TRUE(task.cancelled());
    auto writing = spawn([&]() -> Task<> {
      this_task().cancel();
      co_await file.write_at("zzz", 0);
    });
    co_await wait_until_done(writing);
    EXPECT_TRUE(writing.cancelled());
    EXPECT_EQ(directory.read("a"), "abc");
    co_await file.close();
  });
}

TEST_P(CancelledFiles, AreClosedWhenTheLoopIs) {
  const auto before = test::open_descriptors();
  {
    test::Pipe pipe;
    Loop loop(test::options({.file_policy = GetParam()}));
    const auto reader = [&]() -> Task<> {
      File file = File::adopt(::dup(pipe.out.get()), "r");
      co_await file.readline();
    };
    loop.spawn(reader());
    loop.turn();
    loop.turn();
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

// An open that waits in a worker of the kernel, writes in progress, a task that waits for its turn.
TEST_P(CancelledFiles, EndWithTheirLoopWhateverTheyWaitFor) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  const auto before = test::open_descriptors();
  {
    test::Pipe pipe;
    const std::string much(1'000'000, 'x');
    File file;  // outlives the calls on it
    Loop loop(test::options({.file_policy = GetParam()}));
    const auto opening = [&]() -> Task<> { co_await open(path("fifo"), "w"); };
    const auto main = [&]() -> Task<> {
      file = File::adopt(::dup(pipe.in.get()), "w");
      auto first = spawn([&]() -> Task<> { co_await file.write(much); });
      co_await yield();
      co_await file.write("never");
    };
    loop.spawn(opening());
    loop.spawn(main());
    for (int turns = 0; turns < 5; ++turns) loop.turn();
    EXPECT_EQ(loop.stats().tasks, 3u);
    loop.close();
    EXPECT_EQ(loop.stats().tasks, 0u);
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_P(CancelledFiles, RefuseToCloseUnderAReadAtAPlace) {
  run([&]() -> Task<> {
    directory.write("a", "abc");
    File file = co_await open(path("a"), "r", {.policy = FilePolicy::ring});  // so that it takes
    auto reading = spawn([&]() -> Task<> {
      char buffer[3];
      co_await file.read_at(buffer, 0);
    });
    co_await yield();
    EXPECT_THROW(co_await file.close(), UsageError);
    co_await reading;
    co_await file.close();
  });
}

}  // namespace
