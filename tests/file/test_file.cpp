#include "file/policies.hpp"
#include "support/allocations.hpp"

#include <fcntl.h>

#include <cstring>
#include <random>

namespace {

using namespace eddy;

class Files : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, Files, test::every_policy(), test::name_of_policy);

// F110
TEST_P(Files, ReadWhatWasWritten) {
  run([&]() -> Task<> {
    File out = co_await open(path("a"), "w");
    EXPECT_EQ(co_await out.write("hello "), 6u);
    co_await out.write("world\n");
    EXPECT_EQ(co_await out.tell(), 12u);
    EXPECT_EQ(directory.read("a"), "") << "still in the buffer";
    co_await out.flush();
    EXPECT_EQ(directory.read("a"), "hello world\n");
    co_await out.close();
    File in = co_await open(path("a"));
    EXPECT_EQ(co_await in.read(5), "hello");
    EXPECT_EQ(co_await in.read(), " world\n");
    EXPECT_EQ(co_await in.read(), "");
    EXPECT_TRUE(in.readable());
    EXPECT_FALSE(in.writable());
    EXPECT_EQ(in.name(), path("a"));
    co_await in.close();
  });
}

// F111
TEST_P(Files, GiveLinesWithTheirEndsAndTheLastWithout) {
  directory.write("a", "one\n\nthree\nlast");
  run([&]() -> Task<> {
    for (const int buffering : {-1, 4, 1}) {
      File file = co_await open(path("a"), "r", {.buffering = buffering});
      auto lines = file.lines();
      std::vector<std::string> seen;
      while (auto line = co_await lines.next()) seen.push_back(*line);
      EXPECT_EQ(seen, (std::vector<std::string>{"one\n", "\n", "three\n", "last"}));
      EXPECT_EQ(co_await file.readline(), "");
      co_await file.seek(0);
      EXPECT_EQ((co_await file.readlines()).size(), 4u);
      co_await file.close();
    }
  });
}

TEST_P(Files, OpenWithFlagsInsteadOfAMode) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), OpenFlags{O_RDWR | O_CREAT | O_EXCL});
    EXPECT_EQ(file.mode(), "r+");
    co_await file.write("abc");
    co_await file.seek(0);
    EXPECT_EQ(co_await file.read(), "abc");
    EXPECT_NE(::fcntl(file.fileno(), F_GETFD) & FD_CLOEXEC, 0);
    co_await file.close();
    EXPECT_EQ((co_await as_result(open(path("a"), OpenFlags{O_WRONLY | O_CREAT | O_EXCL}))).error(),
              std::errc::file_exists);
    File end = co_await open(path("a"), OpenFlags{O_WRONLY | O_APPEND});
    EXPECT_EQ(co_await end.tell(), 3u);
    co_await end.close();
    File named = co_await open(path("a"), "rb+");
    EXPECT_EQ(named.mode(), "rb+");
    co_await named.close();
  });
}

// F111
TEST_P(Files, GiveLinesIntoTheSameString) {
  directory.write("a", "one\ntwo\nlast");
  run([&]() -> Task<> {
    File file = co_await open(path("a"));
    Lines lines = file.lines();
    std::string line, seen;
    while (co_await lines.next_into(line)) seen += "<" + line + ">";
    EXPECT_EQ(seen, "<one\n><two\n><last>");
    co_await file.close();
  });
}

TEST_P(Files, PeekTakesNothing) {
  directory.write("a", "abcdef");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "rb");
    EXPECT_EQ(co_await file.peek(3), "abc");
    EXPECT_EQ(co_await file.tell(), 0u);
    EXPECT_EQ(co_await file.read(2), "ab");
    EXPECT_EQ(co_await file.peek(99), "cdef");
    co_await file.close();
  });
}

TEST_P(Files, ModesDoWhatPythonsDo) {
  directory.write("old", "old");
  run([&]() -> Task<> {
    File append = co_await open(path("old"), "a+");
    EXPECT_EQ(co_await append.tell(), 3u);
    co_await append.seek(0);
    co_await append.write("+new");  // at the end, whatever seek said
    co_await append.flush();
    EXPECT_EQ(co_await append.tell(), 7u);
    co_await append.seek(0);
    EXPECT_EQ(co_await append.read(), "old+new");
    co_await append.close();
    EXPECT_EQ((co_await as_result(open(path("old"), "x"))).error(), std::errc::file_exists);
    EXPECT_EQ((co_await as_result(open(path("none"), "r+"))).error(),
              std::errc::no_such_file_or_directory);
    File fresh = co_await open(path("fresh"), "xb");
    co_await fresh.close();
    File truncated = co_await open(path("old"), "w+b");
    EXPECT_EQ(co_await truncated.read(), "");
    co_await truncated.close();
  });
}

TEST_P(Files, RefuseModesThatMakeNoSense) {
  run([&]() -> Task<> {
    for (const char* mode : {"", "rw", "q", "r++", "bt", "rbb", "+"}) {
      EXPECT_THROW(co_await open(path("never"), mode), UsageError) << mode;
    }
    EXPECT_FALSE(co_await fs::exists(path("never")));
  });
}

TEST_P(Files, RefuseTheWrongDirection) {
  directory.write("a", "x");
  run([&]() -> Task<> {
    File in = co_await open(path("a"), "r");
    EXPECT_EQ((co_await as_result(in.write("y"))).error(), std::errc::bad_file_descriptor);
    co_await in.close();
    File out = co_await open(path("a"), "w");
    EXPECT_EQ((co_await as_result(out.read())).error(), std::errc::bad_file_descriptor);
    co_await out.close();
    co_await out.close();  // twice is fine
    EXPECT_TRUE(out.closed());
    EXPECT_THROW(co_await out.write("z"), UsageError);
    EXPECT_THROW(co_await out.tell(), UsageError);
    EXPECT_THROW(static_cast<void>(out.read_at(MutableBytes(), 0)), UsageError);
  });
}

template <class F>
Task<std::string> message_of(F&& body) {
  try {
    co_await body();
  } catch (const Error& error) {
    co_return error.what();
  }
  co_return "no error";
}

TEST_P(Files, NameOperationAndPathInTheirErrors) {
  run([&]() -> Task<> {
    const std::string here = path("");
    EXPECT_EQ(co_await message_of([&]() -> Task<> { co_await open(path("none")); }),
              "open '" + path("none") + "': No such file or directory");
    for (const char* mode : {"r", "w", "r+", "a"}) {
      EXPECT_EQ(co_await message_of([&]() -> Task<> { co_await open(here, mode); }),
                "open '" + here + "': Is a directory");
    }
    const auto result = co_await as_result(open("/proc/self/nothing/at/all", "w"));
    EXPECT_EQ(result.error(), std::errc::no_such_file_or_directory);
  });
}

TEST_P(Files, SeekTellAndTruncateKeepOnePosition) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w+");
    co_await file.write("0123456789");
    EXPECT_EQ(co_await file.seek(-3, Whence::end), 7u);
    EXPECT_EQ(co_await file.read(1), "7");
    EXPECT_EQ(co_await file.seek(1, Whence::current), 9u);
    co_await file.seek(4);
    co_await file.write("XY");
    EXPECT_EQ(co_await file.read(2), "67") << "reading goes on where writing stopped";
    EXPECT_EQ(co_await file.truncate(5), 5u);
    EXPECT_EQ(co_await file.tell(), 8u) << "truncate moves nothing";
    co_await file.seek(20);
    co_await file.write("end");
    co_await file.flush();
    EXPECT_EQ(directory.read("a"), std::string("0123X") + std::string(15, '\0') + "end");
    EXPECT_EQ((co_await file.stat()).size, 23u);
    EXPECT_EQ((co_await as_result(file.seek(-1))).error(), std::errc::invalid_argument);
    co_await file.close();
  });
}

// A random walk of everything against a string.
TEST_P(Files, AgreeWithAModel) {
  run([&]() -> Task<> {
    for (unsigned seed = 0; seed < 30; ++seed) {
      std::mt19937 random(seed);
      const int sizes[] = {-1, 0, 1, 7, 64};
      const OpenOptions options{.buffering = sizes[seed % 5]};
      File file = co_await open(path("model"), "w+b", options);
      if (seed % 2) {  // the kernel's own position
        co_await file.close();
        file = File::adopt(::open(path("model").c_str(), O_RDWR | O_CLOEXEC), "r+", true, options);
      }
      std::string model;
      std::size_t position = 0;
      for (int step = 0; step < 150; ++step) {
        const std::size_t count = random() % 100;
        switch (random() % 8) {
          case 0: case 1: {
            std::string bytes(count, '\0');
            for (char& byte : bytes) byte = static_cast<char>(random());
            co_await file.write(bytes);
            if (count == 0) break;
            if (model.size() < position + count) model.resize(position + count);
            model.replace(position, count, bytes);
            position += count;
            break;
          }
          case 2: {
            const std::string expected =
                position < model.size() ? model.substr(position, count) : "";
            EXPECT_EQ(co_await file.read(count), expected) << "seed " << seed << " step " << step;
            position += expected.size();
            break;
          }
          case 3:
            position = model.empty() ? 0 : random() % (model.size() + 10);
            co_await file.seek(static_cast<std::int64_t>(position));
            break;
          case 4: EXPECT_EQ(co_await file.tell(), position); break;
          case 5: {
            const std::size_t size = model.empty() ? count : random() % (model.size() + 5);
            co_await file.truncate(size);
            model.resize(size);
            break;
          }
          case 6: {
            char buffer[50];
            const std::size_t place = model.empty() ? 0 : random() % model.size();
            const auto got = co_await file.read_at(buffer, place);
            EXPECT_EQ(std::string(buffer, got), model.substr(std::min(place, model.size()), 50));
            break;
          }
          case 7: {
            const std::size_t place = model.empty() ? 0 : random() % model.size();
            const std::string bytes(count, static_cast<char>(random()));
            EXPECT_EQ(co_await file.write_at(bytes, place), count);
            if (count == 0) break;
            if (model.size() < place + count) model.resize(place + count);
            model.replace(place, count, bytes);
            break;
          }
        }
      }
      co_await file.close();
      EXPECT_EQ(directory.read("model"), model) << "seed " << seed;
    }
  });
}

TEST_P(Files, ReadAndWriteAtAPlaceSeveralAtOnce) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w+b");
    std::vector<JoinHandle<>> tasks;
    for (std::uint64_t i = 0; i < 64; ++i) {
      tasks.push_back(spawn([&, i]() -> Task<> {
        const std::string block(1000, static_cast<char>('a' + i % 26));
        EXPECT_EQ(co_await file.write_at(block, i * 1000), 1000u);
        char back[1000];
        EXPECT_EQ(co_await file.read_at(back, i * 1000), 1000u);
        EXPECT_EQ(std::string_view(back, 1000), block);
      }));
    }
    for (auto& task : tasks) co_await task;
    char past[10];
    EXPECT_EQ(co_await file.read_at(past, 63'995), 5u);
    EXPECT_EQ(co_await file.read_at(past, 70'000), 0u);
    EXPECT_EQ(co_await file.tell(), 0u);
    co_await file.close();
  });
}

// A read or a write at a place waits for what is in progress on the buffer.
TEST_P(Files, KeepOneContentWhenPlacesAndBufferMix) {
  run([&]() -> Task<> {
    for (const std::size_t size : {5u, 100'000u}) {
      File file = co_await open(path("a"), "w+");
      const std::string text(size, 'b');
      co_await file.write(text);
      auto flushing = spawn([&]() -> Task<> { co_await file.flush(); });
      auto writing = spawn([&]() -> Task<> { EXPECT_EQ(co_await file.write_at("AA", 1), 2u); });
      auto more = spawn([&]() -> Task<> { co_await file.write("end"); });
      auto reading = spawn([&]() -> Task<> {
        char buffer[3];
        EXPECT_EQ(co_await file.read_at(buffer, size), 3u);
        EXPECT_EQ(std::string_view(buffer, 3), "end");
      });
      co_await flushing;
      co_await writing;
      co_await more;
      co_await reading;
      EXPECT_EQ(co_await file.tell(), size + 3);
      EXPECT_EQ(co_await file.seek(0), 0u);
      EXPECT_EQ(co_await file.read(4), "bAAb");
      co_await file.write_at("CC", 4);
      EXPECT_EQ((co_await file.read(3)).substr(0, 2), "CC") << "what was read ahead is not stale";
      co_await file.close();
    }
  });
}

TEST_P(Files, AdoptADescriptorWhereItStands) {
  directory.write("a", "0123456789");
  run([&]() -> Task<> {
    const int fd = ::open(path("a").c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(::lseek(fd, 2, SEEK_SET), 2);
    File file = File::adopt(fd, "r+");
    EXPECT_EQ(co_await file.read(3), "234");
    co_await file.write("XY");
    EXPECT_EQ(co_await file.tell(), 7u);
    EXPECT_EQ(co_await file.read(1), "7") << "what was read ahead was given back";
    EXPECT_EQ(co_await file.truncate(), 8u);
    EXPECT_TRUE(file.seekable());
    co_await file.close();
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    EXPECT_EQ(directory.read("a"), "01234XY7");
  });
}

// Whatever the policy: a plain call would wait for ever.
TEST_P(Files, NeverBlockTheLoopOnAPipe) {
  run([&]() -> Task<> {
    for (const int flags : {0, O_NONBLOCK}) {
      int ends[2];
      EXPECT_EQ(::pipe2(ends, O_CLOEXEC | flags), 0);
      File in = File::adopt(ends[1], "w");
      File out = File::adopt(ends[0], "r");
      EXPECT_FALSE(in.seekable());
      const std::string much(1'000'000, 'p');
      auto reading = spawn([&]() -> Task<std::size_t> {
        std::string back(much.size(), '\0');
        const auto got = co_await out.read_into(back);
        EXPECT_EQ(back, much);
        co_return got;
      });
      EXPECT_EQ(co_await in.write(much), much.size());
      EXPECT_EQ(co_await reading, much.size());
      EXPECT_EQ((co_await as_result(in.tell())).error(), std::errc::invalid_seek);
      co_await in.close();
      EXPECT_EQ(co_await out.read(), "");
      co_await out.close();
    }
  });
}

TEST_P(Files, ReadWhatHasNoSize) {
  run([&]() -> Task<> {
    File file = co_await open("/proc/self/status");
    EXPECT_EQ((co_await file.readline()).substr(0, 5), "Name:");
    EXPECT_GT((co_await file.read()).size(), 100u);
    co_await file.close();
  });
}

TEST_P(Files, WorkWithoutAnyNewFeatureOfTheKernel) {
  run(
      [&]() -> Task<> {
        co_await write_text(path("a"), "text");
        File file = co_await open(path("a"), "r+");
        EXPECT_EQ(co_await file.read(), "text");
        co_await file.truncate(2);
        co_await file.sync();
        co_await file.datasync();
        co_await file.allocate(0, 100);
        co_await file.advise(0, 0, POSIX_FADV_SEQUENTIAL);
        EXPECT_EQ((co_await file.stat()).size, 100u);
        co_await file.close();
      },
      {.without = ~feature_single_issuer});
}

TEST_P(Files, ReadExactlyOrSayWhatThereWas) {
  directory.write("a", "abc");
  run([&]() -> Task<> {
    File file = co_await open(path("a"));
    char two[2];
    co_await file.read_exactly(two);
    EXPECT_EQ(std::string_view(two, 2), "ab");
    try {
      co_await file.read_exactly(two);
      ADD_FAILURE() << "no end of file";
    } catch (const EndOfFile& end) {
      EXPECT_EQ(end.partial(), "c");
    }
    co_await file.close();
  });
}

// "one order of operations per file"
TEST_P(Files, DoWhatTasksAskForInTheOrderOfAsking) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w", {.buffering = 0});
    std::vector<JoinHandle<>> tasks;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
      const std::string line = std::to_string(i) + "\n";
      expected += line;
      tasks.push_back(spawn([&file, i]() -> Task<> {
        const std::string text = std::to_string(i) + "\n";
        co_await file.write(text);
      }));
    }
    for (auto& task : tasks) co_await task;
    co_await file.close();
    EXPECT_EQ(directory.read("a"), expected);
  });
}

TEST_P(Files, WorkInATinyRing) {
  run(
      [&]() -> Task<> {
        std::vector<JoinHandle<>> tasks;
        for (int i = 0; i < 40; ++i) {
          tasks.push_back(spawn([&, i]() -> Task<> {
            const std::string name = path(std::to_string(i).c_str());
            co_await write_text(name, std::string(10'000, static_cast<char>(i)));
            EXPECT_EQ((co_await read_text(name)).size(), 10'000u);
            co_await fs::remove(name);
          }));
        }
        for (auto& task : tasks) co_await task;
      },
      {.submission_entries = 2, .completion_entries = 4});
}

TEST_P(Files, AllocateNothingIntoTheCallersMemory) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  directory.write("a", std::string(100'000, 'x') + "\n");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r+");
    std::string line;
    char buffer[4096];
    const auto use = [&]() -> Task<> {
      co_await file.seek(0);
      co_await file.read_into(buffer);
      co_await file.read_at(buffer, 5000);
      co_await file.readline_into(line);
      co_await file.seek(0);
      co_await file.write(Bytes(buffer, 100));
      co_await file.write_at(Bytes(buffer, 4096), 8192);
      co_await file.flush();
    };
    for (int i = 0; i < 5; ++i) co_await use();
    const auto before = test::allocations();
    co_await use();
    EXPECT_EQ(test::allocations() - before, 0u);
    co_await file.close();
  });
}

TEST_P(Files, UseRegisteredFilesAndBuffers) {
  directory.write("a", std::string(10'000, 'r'));
  run(
      [&]() -> Task<> {
        File file = co_await open(path("a"), "r+", {.registered = true});
        RegisteredBuffer buffer(8192);
        EXPECT_EQ(co_await file.read_at(buffer.bytes(), 0), 8192u);
        EXPECT_EQ(Bytes(buffer.bytes()).text(), std::string(8192, 'r'));
        std::memset(buffer.bytes().data(), 'w', 100);
        EXPECT_EQ(co_await file.write_at(Bytes(buffer.bytes().data(), 100), 50), 100u);
        EXPECT_EQ(co_await file.read_into(MutableBytes(buffer.bytes().data(), 60)), 60u);
        co_await file.close();
        EXPECT_EQ(directory.read("a").substr(45, 10), "rrrrrwwwww");
        EXPECT_THROW(RegisteredBuffer(1), Error) << "one place only";
      },
      {.registered_files = 1, .registered_buffers = 1});
}

TEST(StandardFiles, AreThoseOfTheProcess) {
  test::run([&]() -> Task<> {
    File out = stdout_file();
    EXPECT_EQ(out.fileno(), 1);
    EXPECT_EQ(co_await out.write(""), 0u);
    co_await out.close();
    EXPECT_TRUE(::fcntl(1, F_GETFD) >= 0) << "never closed";
    EXPECT_EQ(stdin_file().fileno(), 0);
    EXPECT_EQ(stderr_file().fileno(), 2);
  });
}

// Whoever shares the descriptor moves it.
TEST(File, TellsAPlaceThatAnotherHolderHasMovedBack) {
  test::Directory directory;
  test::run([&]() -> Task<> {
    co_await write_text(directory.path("lines"), "first\nsecond\n");
    const int fd = ::open(directory.path("lines").c_str(), O_RDONLY | O_CLOEXEC);
    File file = File::adopt(fd, "r");
    EXPECT_EQ(co_await file.readline(), "first\n");
    EXPECT_EQ(::lseek(fd, 0, SEEK_SET), 0);
    EXPECT_LE(co_await file.tell(), 13u);
    co_await file.close();
  });
}

}  // namespace
