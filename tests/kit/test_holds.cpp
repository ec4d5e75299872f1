#include <eddy/kit/internal/function_name.hpp>
#include <eddy/kit/internal/holds.hpp>
#include <eddy/base/internal/safe_memory.hpp>
#include <eddy/kit/internal/thread_activity.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace eddy;
using namespace eddy::internal;
using namespace std::chrono_literals;

// -- Holds, on a clock of its own --

class Clock {
 public:
  // "", or what is told: "step 120ms", "turn 120ms", "step over 120ms".
  std::string after(Duration length, const LoopLook& look, Duration grace = {}) {
    now_ += length;
    std::string told;
    if (const auto ended = holds_.see(look, now_)) told += text(*ended, " over ");
    if (const auto due = holds_.due(now_, grace)) {
      holds_.reported(*due);
      told += (told.empty() ? "" : ", ") + text(*due, " ");
    }
    return told;
  }

 private:
  static std::string text(const Holds::Hold& hold, const char* between) {
    return (hold.several ? "turn" : "step") + std::string(between) +
           std::to_string(hold.took / 1ms) + "ms";
  }
  Instant now_{};
  Holds holds_{100ms};
};

constexpr LoopLook idle{};
constexpr LoopLook step(std::uint64_t turn, std::uint64_t task) { return {true, turn, task}; }

TEST(Holds, TellOfAStepOnceAndOnceMoreWhenItIsOver) {
  Clock clock;
  EXPECT_EQ(clock.after(0ms, step(1, 7)), "");
  EXPECT_EQ(clock.after(50ms, step(1, 7)), "");
  EXPECT_EQ(clock.after(50ms, step(1, 7)), "step 100ms");
  EXPECT_EQ(clock.after(50ms, step(1, 7)), "");
  EXPECT_EQ(clock.after(50ms, idle), "step over 200ms");
  EXPECT_EQ(clock.after(500ms, idle), "");
}

TEST(Holds, SayNothingOfStepsThatEndInTime) {
  Clock clock;
  for (std::uint64_t turn = 1; turn < 20; ++turn) {
    EXPECT_EQ(clock.after(50ms, step(turn, 7)), "") << "the same task, in another turn";
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(clock.after(50ms, idle), "");
}

TEST(Holds, CountFromTheFirstLookThatSawIt) {
  Clock clock;
  EXPECT_EQ(clock.after(0ms, idle), "");
  EXPECT_EQ(clock.after(200ms, step(2, 0)), "") << "it may have begun just now";
  EXPECT_EQ(clock.after(100ms, step(2, 0)), "step 100ms");
}

TEST(Holds, TellOfATurnWhoseStepsAreLongOnlyTogether) {
  Clock clock;
  EXPECT_EQ(clock.after(0ms, step(1, 1)), "");
  EXPECT_EQ(clock.after(50ms, step(1, 2)), "");
  EXPECT_EQ(clock.after(50ms, step(1, 3)), "turn 100ms");
  EXPECT_EQ(clock.after(50ms, step(1, 4)), "");
  EXPECT_EQ(clock.after(50ms, step(2, 1)), "turn over 200ms");
  EXPECT_EQ(clock.after(50ms, step(2, 1)), "");
  EXPECT_EQ(clock.after(50ms, step(2, 1)), "step 100ms");
}

TEST(Holds, TellOfTwoLongStepsOfOneTurnEach) {
  Clock clock;
  EXPECT_EQ(clock.after(0ms, step(1, 1)), "");
  EXPECT_EQ(clock.after(100ms, step(1, 1)), "step 100ms");
  EXPECT_EQ(clock.after(50ms, step(1, 2)), "step over 150ms");
  EXPECT_EQ(clock.after(50ms, step(1, 2)), "");
  EXPECT_EQ(clock.after(50ms, step(1, 2)), "step 100ms");
  EXPECT_EQ(clock.after(1ms, idle), "step over 101ms");
}

TEST(Holds, GiveALoopThatSpinsByItselfSoMuchMoreTime) {
  Clock clock;
  EXPECT_EQ(clock.after(0ms, step(1, 0), 50ms), "");
  EXPECT_EQ(clock.after(100ms, step(1, 0), 50ms), "");
  EXPECT_EQ(clock.after(50ms, step(1, 0), 50ms), "step 150ms");
}

// -- what is told of one --

TEST(SystemCall, IsReadFromTheLineThatTheKernelWrites) {
  const auto call = parse_system_call("0 0x3 0x7ffd5c8a7c3f 0x1 0x0 0x0 0x0 0x7ffd 0x7f1\n");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->number, 0);
  EXPECT_EQ(call->arguments[0], 3u);
  EXPECT_EQ(call->arguments[1], 0x7ffd5c8a7c3fu);
  EXPECT_FALSE(parse_system_call("running\n"));
  EXPECT_FALSE(parse_system_call("-1 0x7ffd5c8a7c18 0x7f1\n")) << "in the kernel, but in no call";
  EXPECT_FALSE(parse_system_call(""));
  EXPECT_FALSE(parse_system_call("0 0x3 0x7"));
}

TEST(SystemCall, IsNamedWithTheFileThatItIsAbout) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto number = static_cast<std::uint64_t>(null.get());
  EXPECT_EQ((SystemCall{SYS_read, {number}}).to_text(),
            "read of fd " + std::to_string(number) + " (/dev/null)");
  EXPECT_EQ((SystemCall{SYS_write, {~std::uint64_t{0}}}).to_text(), "write of fd -1");
  EXPECT_EQ((SystemCall{SYS_futex, {}}).to_text(), "futex");
  EXPECT_EQ((SystemCall{9999, {}}).to_text(), "system call 9999");
}

void nobody_exports_this() {}

template <class T>
struct Nested {
  static T convert(T value) { return value; }
};

TEST(FunctionName, KnowsWhatNobodyExports) {
  const std::string own = function_name(reinterpret_cast<const void*>(&nobody_exports_this));
  EXPECT_TRUE(own.ends_with("nobody_exports_this()")) << own;
  const std::string name =
      function_name(reinterpret_cast<const void*>(&Nested<std::string>::convert));
  EXPECT_NE(name.find("convert()"), std::string::npos) << name;
}

TEST(FunctionName, KnowsWhatALibraryExports) {
  const std::string name = function_name(reinterpret_cast<const void*>(&::strtol));
  EXPECT_NE(name.find("strtol"), std::string::npos) << name;
}

TEST(FunctionName, IsEmptyWhereNoFunctionIs) {
  EXPECT_EQ(function_name(nullptr), "");
  const auto memory = std::make_unique<char>();
  EXPECT_EQ(function_name(memory.get()), "");
}

// As reading as another process does.
TEST(SafeMemory, ReadsWhatIsThereAndSaysWhatIsNot) {
  const SafeMemory memory;
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const pages =
      ::mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(::munmap(static_cast<char*>(pages) + size, size), 0);
  const auto begin = reinterpret_cast<std::uintptr_t>(pages);
  std::memset(pages, 'x', size);
  char byte = 0;
  EXPECT_TRUE(memory.read(begin + size - 1, byte));
  EXPECT_EQ(byte, 'x');
  EXPECT_FALSE(memory.read(begin + size, byte));
  EXPECT_FALSE(memory.read(0, byte));
  EXPECT_EQ(memory.read_text(begin + size - 100), std::string(100, 'x')) << "to the end of a page";
  EXPECT_EQ(memory.read_text(begin, 70), std::string(70, 'x'));
  static_cast<char*>(pages)[5] = '\0';
  EXPECT_EQ(memory.read_text(begin), "xxxxx");
  EXPECT_EQ(memory.read_text(begin + size), "");
  ::munmap(pages, size);
}

}  // namespace
