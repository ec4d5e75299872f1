// What Python's file objects have besides reading and writing: lines of some length, places of data
// and of holes, disk space, the descriptor itself.
#include "file/policies.hpp"
#include "support/submissions.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

namespace {

using namespace eddy;

class Surface : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, Surface, test::every_policy(), test::name_of_policy);

std::uint64_t blocks_of(const File& file) {
  struct stat stat;
  EXPECT_EQ(::fstat(file.fileno(), &stat), 0);
  return static_cast<std::uint64_t>(stat.st_blocks);
}

// -- lines --

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "<" + line + ">";
  return text;
}

TEST_P(Surface, ReadsNoMoreOfALineThanItsLimit) {
  directory.write("a", "abcdef\ngh");
  run([&]() -> Task<> {
    for (const int buffering : {-1, 0, 2, 16}) {
      File file = co_await open(path("a"), "rb", {.buffering = buffering});
      EXPECT_EQ(co_await file.readline(0), "");
      EXPECT_EQ(co_await file.readline(4), "abcd");
      EXPECT_EQ(co_await file.readline(3), "ef\n") << "the end of the line is within the limit";
      EXPECT_EQ(co_await file.readline(99), "gh");
      EXPECT_EQ(co_await file.readline(99), "");
      co_await file.seek(5);
      std::string line = "old";
      EXPECT_TRUE(co_await file.readline_into(line, 1));
      EXPECT_EQ(line, "f");
      co_await file.close();
    }
  });
}

TEST_P(Surface, ReadsWholeLinesUntilTheyAreMoreThanTheHint) {
  directory.write("a", "ab\ncd\nef\ngh");
  run([&]() -> Task<> {
    for (const int buffering : {-1, 0, 2, 16}) {
      File file = co_await open(path("a"), "rb", {.buffering = buffering});
      EXPECT_EQ(joined(co_await file.readlines(1)), "<ab\n>");
      EXPECT_EQ(joined(co_await file.readlines(3)), "<cd\n><ef\n>") << "3 are not more than 3";
      EXPECT_EQ(joined(co_await file.readlines(100)), "<gh>");
      EXPECT_EQ(joined(co_await file.readlines(1)), "");
      co_await file.close();
    }
  });
}

// Nothing is decoded, and "t" is no other mode.
TEST_P(Surface, KeepsEveryByteOfText) {
  const std::string text = "\xef\xbb\xbf" "one\r\ntwo\rthree\n\xff\xfe\n";
  directory.write("a", text);
  run([&]() -> Task<> {
    for (const char* encoding : {"utf-8", "UTF-8", "utf8", "utf_8", ""}) {
      File file = co_await open(path("a"), encoding[0] == 'U' ? "rt" : "r", {.encoding = encoding});
      EXPECT_EQ(co_await file.readline(), text.substr(0, 8));
      EXPECT_EQ(co_await file.readline(), "two\rthree\n");
      EXPECT_EQ(co_await file.readline(), "\xff\xfe\n");
      co_await file.close();
    }
  });
}

TEST_P(Surface, RefusesEncodingsBeforeAnythingIsDone) {
  run([&]() -> Task<> {
    for (const char* encoding : {"latin-1", "utf-16", "utf-8-sig", "utf", "-"}) {
      const OpenOptions options{.encoding = encoding};
      try {
        static_cast<void>(open(path("never"), "w", options));
        ADD_FAILURE() << "it took " << encoding;
      } catch (const UsageError& error) {
        const std::string_view text = error.what();
        EXPECT_TRUE(text.contains(encoding) && text.contains("convert")) << text;
      }
      EXPECT_THROW(static_cast<void>(open(path("never"), OpenFlags{O_CREAT}, options)), UsageError);
      EXPECT_THROW(static_cast<void>(File::adopt(0, "r", false, options)), UsageError);
    }
    EXPECT_FALSE(co_await fs::exists(path("never")));
  });
}

TEST_P(Surface, WritesLinesAtOnceWhereTheBufferIsForLines) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w", {.buffering = 1});
    co_await file.write("one ");
    EXPECT_EQ(directory.read("a"), "");
    co_await file.write("line\nand");
    EXPECT_EQ(directory.read("a"), "one line\nand");
    co_await file.write(" a half");
    EXPECT_EQ(directory.read("a"), "one line\nand");
    co_await file.close();
    EXPECT_EQ(directory.read("a"), "one line\nand a half");
    for (const char* mode : {"wb", "r+b"}) {
      File bytes = co_await open(path("a"), mode, {.buffering = 1});
      const std::string before = directory.read("a");
      co_await bytes.write("x\n");
      EXPECT_EQ(directory.read("a"), before) << "there are no lines in " << mode;
      co_await bytes.close();
    }
  });
}

// -- places --

TEST_P(Surface, SeeksDataAndHoles) {
  constexpr std::int64_t block = 1 << 20;
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w+b");
    co_await file.seek(block);
    co_await file.write("data");
    EXPECT_EQ(co_await file.seek(block + 2, Whence::data), block + 2u) << "it was not flushed";
    EXPECT_EQ(co_await file.seek(block, Whence::hole), block + 4u) << "one begins at the end";
    EXPECT_EQ(co_await file.tell(), block + 4u);
    const std::uint64_t data = co_await file.seek(0, Whence::data);
    EXPECT_TRUE(data == static_cast<std::uint64_t>(block) || data == 0) << data;
    EXPECT_EQ((co_await as_result(file.seek(block + 4, Whence::data))).error(),
              std::errc::no_such_device_or_address);
    EXPECT_EQ(co_await file.tell(), data) << "a seek that failed moved it";
    co_await file.close();
    // Of a descriptor that others share, as well.
    const UniqueFd shared(::open(path("a").c_str(), O_RDONLY | O_CLOEXEC));
    File adopted = File::adopt(shared.get(), "r", false);
    EXPECT_EQ(co_await adopted.peek(1), std::string(1, '\0'));
    EXPECT_EQ(co_await adopted.seek(block, Whence::hole), block + 4u);
    EXPECT_EQ(co_await adopted.read(), "");
    co_await adopted.close();
  });
}

TEST_P(Surface, TruncatesWithoutMoving) {
  directory.write("a", "abcdef");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r+");
    EXPECT_EQ(co_await file.read(4), "abcd");
    EXPECT_EQ(co_await file.truncate(2), 2u);
    EXPECT_EQ(co_await file.tell(), 4u);
    EXPECT_EQ(co_await file.read(), "");
    co_await file.write("X");
    EXPECT_EQ(co_await file.truncate(), 5u);
    co_await file.close();
    EXPECT_EQ(directory.read("a"), std::string("ab\0\0X", 5));
  });
}

// -- disk space --

TEST_P(Surface, AllocatesWithoutGrowing) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w");
    co_await file.allocate(0, 1 << 20, Allocate::keep_size);
    EXPECT_EQ((co_await file.stat()).size, 0u);
    EXPECT_GE(blocks_of(file), (1u << 20) / 512);
    co_await file.allocate(0, 1 << 16);
    EXPECT_EQ((co_await file.stat()).size, 1u << 16);
    co_await file.close();
  });
}

TEST_P(Surface, PunchesHolesIntoWhatWasWritten) {
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "w+");
    co_await file.write(std::string(1 << 16, 'x'));
    co_await file.sync();
    const auto before = blocks_of(file);
    co_await file.write("end");  // still in the buffer
    co_await file.seek(0);
    EXPECT_EQ(co_await file.peek(1), "x");
    co_await file.allocate(0, 1 << 15, Allocate::punch);
    EXPECT_LT(blocks_of(file), before);
    EXPECT_EQ(co_await file.read(1), std::string(1, '\0')) << "what was read ahead is of before";
    EXPECT_EQ((co_await file.stat()).size, (1u << 16) + 3);
    auto zeroed = co_await as_result(file.allocate(1 << 15, 2, Allocate::zero));
    if (zeroed) {  // some file systems cannot
      co_await file.seek(1 << 15);
      EXPECT_EQ(co_await file.read(3), std::string("\0\0x", 3));
    }
    co_await file.close();
  });
}

// -- the descriptor --

TEST_P(Surface, DetachesADescriptorThatStandsWhereTheFileStood) {
  directory.write("a", "abcdef");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r+");
    EXPECT_EQ(co_await file.read(2), "ab");
    co_await file.write("X");
    UniqueFd fd = co_await file.detach();
    EXPECT_TRUE(file.closed());
    EXPECT_THROW(co_await file.read(1), UsageError);
    EXPECT_EQ(directory.read("a"), "abXdef");
    char next;
    EXPECT_EQ(::read(fd.get(), &next, 1), 1);
    EXPECT_EQ(next, 'd');
    co_await file.close();  // twice is fine
    File reader = co_await open(path("a"));
    const UniqueFd plain = co_await reader.detach();
    EXPECT_FALSE(::fcntl(plain.get(), F_GETFL) & O_NONBLOCK) << "that was ours";
  });
}

TEST_P(Surface, KeepsWhatItCannotFlushWhenItIsToDetach) {
  run([&]() -> Task<> {
    File full = File::adopt(::open("/dev/full", O_WRONLY | O_CLOEXEC), "w");
    co_await full.write("x");
    EXPECT_EQ((co_await as_result(full.detach())).error(), std::errc::no_space_on_device);
    EXPECT_FALSE(full.closed());
    EXPECT_FALSE((co_await as_result(full.close())).has_value());
  });
}

TEST_P(Surface, DetachesNothingThatWouldLoseBytes) {
  run([&]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd in(ends[1]);
    File file = File::adopt(ends[0], "r");
    EXPECT_EQ(::write(in.get(), "ab", 2), 2);
    EXPECT_EQ(co_await file.read(1), "a");
    EXPECT_THROW(co_await file.detach(), UsageError);
    EXPECT_EQ(co_await file.read(1), "b");
    const UniqueFd out = co_await file.detach();
    EXPECT_EQ(out.get(), ends[0]);
    File borrowed = File::adopt(out.get(), "r", false);
    EXPECT_THROW(co_await borrowed.detach(), UsageError);
    co_await borrowed.close();
  });
}

TEST_P(Surface, RefusesToDetachUnderAReadAtAPlace) {
  directory.write("a", "abc");
  run([&]() -> Task<> {
    File file = co_await open(path("a"), "r", {.policy = FilePolicy::ring});  // so that it takes
    auto reading = spawn([&]() -> Task<> {
      char buffer[3];
      co_await file.read_at(buffer, 0);
    });
    co_await yield();
    EXPECT_THROW(co_await file.detach(), UsageError);
    co_await reading;
    EXPECT_TRUE(co_await file.detach());
  });
}

// A line and lines of a pipe come in pieces: what a call took goes back when it is cancelled.
TEST_P(Surface, GivesBackTheLinesOfACancelledCall) {
  run([&]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd in(ends[1]);
    File file = File::adopt(ends[0], "r", true, {.buffering = 4});
    EXPECT_EQ(::write(in.get(), "one\ntwo\nthr", 11), 11);
    auto lines = spawn(file.readlines(100));
    co_await test::settle();
    lines.cancel();
    co_await test::wait_until_done(lines);
    EXPECT_EQ(co_await file.readline(2), "on");
    EXPECT_EQ(co_await file.readline(2), "e\n");
    EXPECT_EQ(joined(co_await file.readlines(2)), "<two\n>");
    auto line = spawn(file.readline(99));
    co_await test::settle();
    line.cancel();
    co_await test::wait_until_done(line);
    EXPECT_EQ(co_await file.readline(3), "thr");
    co_await file.close();
  });
}

TEST_P(Surface, LeavesASharedDescriptorWhereItStood) {
  directory.write("a", "abcdef");
  run([&]() -> Task<> {
    const UniqueFd fd(::open(path("a").c_str(), O_RDONLY | O_CLOEXEC));
    for (const char letter : {'a', 'b', 'c'}) {
      File file = File::adopt(fd.get(), "r", false);
      EXPECT_EQ(co_await file.read(1), std::string(1, letter));
      if (letter != 'b') co_await file.close();  // or it is dropped
    }
  });
}

TEST_P(Surface, KnowsATerminal) {
  directory.write("a", "");
  run([&]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
    const UniqueFd other(ends[0]);
    File terminal = File::adopt(ends[1], "r+");
    EXPECT_TRUE(terminal.isatty());
    File file = co_await open(path("a"));
    EXPECT_FALSE(file.isatty());
    co_await file.close();
    EXPECT_THROW(static_cast<void>(file.isatty()), UsageError);
    co_await terminal.close();
  });
}

// -- while calls are in progress --

TEST_P(Surface, MovesWhileItsCallsRun) {
  run([&]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd in(ends[1]);
    std::optional<File> first(File::adopt(ends[0], "r"));
    auto reading = spawn(first->readline());
    auto next = spawn(first->readline());
    co_await test::settle();
    File second = std::move(*first);
    first.reset();
    EXPECT_EQ(::write(in.get(), "one\ntwo\n", 8), 8);
    EXPECT_EQ(co_await reading, "one\n");
    EXPECT_EQ(co_await next, "two\n");
    co_await second.close();
  });
}

TEST_P(Surface, LivesUntilTheCallsOfAHandleThatIsGoneHaveEnded) {
  run([&]() -> Task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd in(ends[1]);
    std::optional<File> file(File::adopt(ends[0], "r"));
    auto reading = spawn(file->readline());
    Task<std::string> not_begun = file->readline();
    co_await test::settle();
    file.reset();
    EXPECT_EQ((co_await as_result(reading)).error(), std::errc::operation_canceled);
    EXPECT_EQ((co_await as_result(std::move(not_begun))).error(), std::errc::operation_canceled);
    EXPECT_EQ(::fcntl(ends[0], F_GETFD), -1) << "it is open still";
  });
}

// -- uncached --

constexpr std::uint32_t do_not_cache = 0x80;  // RWF_DONTCACHE

Task<> write_and_read(std::string path) {
  const std::string text(200'000, 'u');
  File file = co_await open(path, "w+b", {.uncached = true});
  co_await file.write(text);
  EXPECT_EQ(co_await file.write_at("v", 1), 1u);
  co_await file.write("w");
  EXPECT_EQ(co_await file.write_at("v", 2), 1u) << "in its turn";
  co_await file.sync();
  char two[2];
  EXPECT_EQ(co_await file.read_at(two, 1), 2u);
  EXPECT_EQ(std::string_view(two, 2), "vv");
  co_await file.seek(0);
  const std::string back = co_await file.read();
  EXPECT_TRUE(back == "uvv" + text.substr(3) + "w");
  co_await file.close();
}

TEST_P(Surface, ReadsAndWritesUncached) { run([&] { return write_and_read(path("a")); }); }

TEST(Uncached, IsSaidToTheKernel) {
  test::Directory directory;
  test::run([&]() -> Task<> {
    File file = co_await open(directory.path("a"), "w+b", {.buffering = 0, .uncached = true});
    test::Submissions submissions(Loop::current());
    std::vector<std::uint32_t> flags;
    const auto look = [&] {
      submissions.each([&](io_uring_sqe& request) {
        const bool moves = request.opcode == IORING_OP_READ || request.opcode == IORING_OP_WRITE;
        if (moves) flags.push_back(static_cast<std::uint32_t>(request.rw_flags));
      });
    };
    char byte = 'x';
    co_await file.write(Bytes(&byte, 1));
    look();
    EXPECT_FALSE(flags.empty());
    EXPECT_EQ(flags.empty() ? 0 : flags.front(), do_not_cache);  // refused, it is not said again
    co_await file.close();
  });
}

Task<std::size_t> read_one(File& file, char& into, std::uint64_t offset) {
  const std::size_t got = co_await file.read_at(MutableBytes(&into, 1), offset);
  co_return got;
}

// tmpfs has nothing but the cache, and says EOPNOTSUPP: nobody hears of it.
TEST_P(Surface, IsCachedWhereNothingElseCanBe) {
  const std::string place = "/dev/shm/eddy-test-" + std::to_string(::getpid());
  run([&]() -> Task<> {
    auto there = co_await as_result(write_text(place, ""));
    if (!there) co_return;  // no such file system
    co_await write_and_read(place);
    // Two at once, and no byte on its way before it is known.
    File file = co_await open(place, "r+b", {.uncached = true});
    test::Submissions submissions(Loop::current());
    char one, two;
    auto first = spawn(read_one(file, one, 0));
    auto second = spawn(read_one(file, two, 1));
    EXPECT_EQ(co_await first, 1u);
    EXPECT_EQ(co_await second, 1u);
    EXPECT_EQ(two, 'v');
    submissions.each([](const io_uring_sqe& request) {
      const bool says_so = request.opcode == IORING_OP_READ && request.rw_flags == do_not_cache;
      if (says_so) { EXPECT_EQ(request.len, 0u); }
    });
    co_await file.close();
  });
  ::unlink(place.c_str());
}

}  // namespace
