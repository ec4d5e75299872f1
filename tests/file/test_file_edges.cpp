// What a file must not lose or leave behind at an edge of its calls.
#include "net/ends.hpp"
#include "file/policies.hpp"
#include "file/size_limit.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <limits>

namespace {

using namespace eddy;
using test::SizeLimit;
using test::wait_until_done;

class FileEdges : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, FileEdges, test::every_policy(), test::name_of_policy);

// The ring would answer EAGAIN for what is not in the cache.
TEST_P(FileEdges, AFileIsOpenWithoutTheFlagThatKeepsAnOpenFromWaiting) {
  run([&]() -> Task<> {
    for (const char* mode : {"w", "r", "r+", "a"}) {
      File file = co_await open(path("file"), mode);
      EXPECT_FALSE(::fcntl(file.fileno(), F_GETFL) & O_NONBLOCK) << mode;
      co_await file.close();
    }
    File asked = co_await open(path("file"), "r", {.flags = O_NONBLOCK});
    EXPECT_TRUE(::fcntl(asked.fileno(), F_GETFL) & O_NONBLOCK) << "whoever wants it has it";
    co_await asked.close();
  });
}

// Answers each write with 0.
Task<> take_nothing(test::Submissions& requests) {
  for (;;) {
    requests.each([](io_uring_sqe& request) {
      if (request.opcode == IORING_OP_WRITE) test::refuse(request, 0);
    });
    co_await yield();
  }
}

TEST(FileOnTheRing, AWriteThatTakesNothingFailsInsteadOfBeingTriedForEver) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  const test::Directory directory;
  test::run(
      [&]() -> Task<> {
        test::Submissions requests(Loop::current());
        File file = co_await open(directory.path("file"), "w");
        co_await file.write("text");
        auto flushing = spawn(file.flush());
        auto taking = spawn(take_nothing(requests));  // looks after it, and before the kernel
        const auto flushed = co_await as_result(flushing);
        EXPECT_TRUE(!flushed && flushed.error().value() == EIO);
        taking.cancel();
        co_await wait_until_done(taking);
        co_await file.close();
      },
      {.file_policy = FilePolicy::ring});
  EXPECT_EQ(directory.read("file"), "text") << "it is there still, for another try";
}

// As a file system does that cannot get a lock, and never will.
Task<> refuse_transfers(test::Submissions& requests) {
  for (;;) {
    requests.each([](io_uring_sqe& request) {
      const bool moves = request.opcode == IORING_OP_WRITE || request.opcode == IORING_OP_READ;
      if (moves) test::refuse(request, EAGAIN);
    });
    co_await yield();
  }
}

TEST(FileOnTheRing, WhatItOnlyRefusesIsDoneWithoutItInTheEnd) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  const test::Directory directory;
  test::run(
      [&]() -> Task<> {
        test::Submissions requests(Loop::current());
        File file = co_await open(directory.path("file"), "w+");
        co_await file.write("text");
        auto using_it = spawn([&]() -> Task<std::string> {
          co_await file.flush();
          co_await file.seek(0);
          co_return co_await file.read();
        });
        auto refusing = spawn(refuse_transfers(requests));
        EXPECT_EQ(co_await using_it, "text");
        refusing.cancel();
        co_await wait_until_done(refusing);
        co_await file.close();
      },
      {.file_policy = FilePolicy::ring});
}

// It lost its place there, because another loop used the file.
TEST(FileOnTheRing, AWriteGoesToTheFilesPlaceOfWhenItBegins) {
  const test::Directory directory;
  Loop loop(test::options({.registered_files = 1, .file_policy = FilePolicy::ring}));
  Loop other(test::options());
  File file;
  Event made;
  Event go;
  const auto write_later = [&]() -> Task<> {
    file = co_await open(directory.path("file"), "w+", {.registered = true});
    auto write = file.write_at("text", 0);
    made.set();
    co_await go.wait();
    EXPECT_EQ(co_await std::move(write), 4u);
  };
  auto writing = loop.spawn(write_later());
  loop.run([&]() -> Task<> { co_await made.wait(); }());
  other.run([&]() -> Task<> { EXPECT_EQ(co_await file.read(), ""); }());
  loop.run([&]() -> Task<> {
    go.set();
    co_await writing;
    co_await file.close();
  }());
  EXPECT_EQ(directory.read("file"), "text");
}

// It begins while close() writes out the buffer.
TEST(FileOnTheRing, AReadThatBeginsWhileCloseFlushesKeepsTheFileOpen) {
  const test::Directory directory;
  test::run(
      [&]() -> Task<> {
        File file = co_await open(directory.path("file"), "w+");
        co_await file.write("text");
        auto closing = spawn(file.close());
        co_await yield();
        EXPECT_FALSE(closing.done());
        char into[4];
        auto reading = spawn([&]() -> Task<std::size_t> {
          co_return co_await file.read_at(into, 0);
        });
        bool refused = false;
        try {
          co_await closing;
        } catch (const UsageError&) {
          refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_EQ(co_await reading, 4u);
        co_await file.close();
      },
      {.file_policy = FilePolicy::ring});
}

// Two pieces are given back, the second one before the first.
TEST_P(FileEdges, ACancelledReadOfAPipeGivesBackWhatItTookInOrder) {
  run([&]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd in(ends[1]);
    ::fcntl(in.get(), F_SETPIPE_SZ, 1 << 18);
    File file = File::adopt(ends[0], "r");
    const std::string text = test::pattern(65536 + 100);
    EXPECT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    auto reading = spawn(file.read(200'000));
    co_await test::settle(20);
    EXPECT_FALSE(reading.done());
    reading.cancel();
    co_await wait_until_done(reading);
    in.reset();
    EXPECT_TRUE(co_await file.read() == text);
    co_await file.close();
  });
}

TEST_P(FileEdges, AfterAShortWriteAtTheEndTellKnowsWhereThatIs) {
  run([&]() -> Task<> {
    File file = co_await open(path("file"), "a");
    co_await file.write(std::string(54, 'x'));
    co_await file.flush();
    co_await file.write(std::string(96, 'y'));
    {
      const SizeLimit limit(100);
      EXPECT_FALSE((co_await as_result(file.flush())).has_value());
    }
    EXPECT_EQ(std::filesystem::file_size(path("file")), 100u);
    EXPECT_EQ(co_await file.tell(), 150u) << "with what is in the buffer";
    co_await file.flush();
    EXPECT_EQ(co_await file.tell(), 150u);
    co_await file.close();
    EXPECT_EQ(directory.read("file"), std::string(54, 'x') + std::string(96, 'y'));
  });
}

TEST(RegisteredBuffers, AreRefusedWhereTheirSizeInPagesIsNoSize) {
  test::run(
      []() -> Task<> {
        constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
        for (const std::size_t size : {most, most - 1, most - 4094}) {
          EXPECT_THROW(RegisteredBuffer{size}, std::bad_alloc) << size;
        }
        co_return;
      },
      {.registered_buffers = 1});
}

// The end of one that is no buffer's may be the beginning of one that is.
TEST(RegisteredBuffers, HoldNothingThatIsEmpty) {
  test::run(
      []() -> Task<> {
        RegisteredBuffer buffer(4096);
        const auto& registered = Loop::current().registered();
        EXPECT_TRUE(registered.find_buffer(buffer.bytes().data(), 4096));
        EXPECT_FALSE(registered.find_buffer(buffer.bytes().data(), 0));
        EXPECT_FALSE(registered.find_buffer(buffer.bytes().data() + 4096, 0));
        co_return;
      },
      {.registered_buffers = 1});
}

}  // namespace
