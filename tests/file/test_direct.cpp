// O_DIRECT, and the memory for it.
#include "file/policies.hpp"

#include <fcntl.h>

#include <optional>

namespace {

using namespace eddy;

constexpr std::size_t block = AlignedBuffer::page;

TEST(AlignedBuffer, BeginsAtABlockAndIsWholeBlocks) {
  for (const std::size_t alignment : {1u, 2u, 512u, 4096u, 65536u}) {
    for (const std::size_t size : {std::size_t{1}, alignment, alignment + 1, 3 * alignment}) {
      const AlignedBuffer buffer(size, alignment);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % alignment, 0u);
      EXPECT_EQ(buffer.size() % alignment, 0u);
      EXPECT_GE(buffer.size(), size);
      EXPECT_LT(buffer.size(), size + alignment);
      EXPECT_EQ(buffer.bytes().size(), buffer.size());
      EXPECT_EQ(buffer.alignment(), alignment);
      buffer.bytes().back() = std::byte{1};
    }
  }
  EXPECT_EQ(AlignedBuffer(1).alignment(), 4096u);
}

TEST(AlignedBuffer, OfNothingIsEmpty) {
  EXPECT_TRUE(AlignedBuffer().bytes().empty());
  EXPECT_TRUE(AlignedBuffer(0).bytes().empty());
}

TEST(AlignedBuffer, MovesItsMemory) {
  AlignedBuffer first(1, 512);
  const std::byte* const data = first.data();
  AlignedBuffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  EXPECT_TRUE(first.bytes().empty());  // NOLINT: that is what is asked
  AlignedBuffer third(8192);
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), 512u);
  EXPECT_EQ(third.alignment(), 512u);
  EXPECT_EQ(second.size(), 0u);
}

TEST(AlignedBuffer, RefusesWhatCannotBe) {
  EXPECT_THROW(AlignedBuffer(10, 0), UsageError);
  EXPECT_THROW(AlignedBuffer(10, 48), UsageError);
  EXPECT_THROW(AlignedBuffer(static_cast<std::size_t>(-1), 4096), std::bad_alloc);
}

class Direct : public test::EveryPolicy {
 protected:
  // Past the cache, or skips the test where that cannot be.
  template <class F>
  void run_direct(F body) {
    directory.write("a", "");
    const UniqueFd probe(::open(path("a").c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
    if (!probe) GTEST_SKIP() << "the file system has no O_DIRECT";
    run(body);
  }
  Task<File> open_direct(const char* mode) {
    File file = co_await open(path("a"), mode, {.flags = O_DIRECT});
    co_return std::move(file);
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Direct, test::every_policy(), test::name_of_policy);

std::string text_of_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_P(Direct, WritesAndReadsWholeBlocks) {
  run_direct([&]() -> Task<> {
    AlignedBuffer buffer(3 * block);
    std::memset(buffer.data(), 'd', buffer.size());
    File out = co_await open_direct("w+b");
    EXPECT_EQ(co_await out.write(buffer.bytes()), 3 * block);
    std::memset(buffer.data(), 'e', block);
    EXPECT_EQ(co_await out.write_at(Bytes(buffer.bytes().first(block)), block), block);
    EXPECT_EQ(co_await out.seek(0), 0u);
    EXPECT_EQ(co_await out.read_into(MutableBytes(buffer.bytes().first(2 * block))), 2 * block);
    EXPECT_EQ(buffer.bytes()[0], std::byte{'d'});
    EXPECT_EQ(buffer.bytes()[block], std::byte{'e'});
    EXPECT_EQ(co_await out.read_at(buffer.bytes(), block), 2 * block);
    EXPECT_EQ(buffer.bytes()[block], std::byte{'d'});
    co_await out.close();
  });
}

// The end of a file is seldom that of a block.
TEST_P(Direct, ReadsToAnEndWithinABlock) {
  run_direct([&]() -> Task<> {
    directory.write("a", std::string(block + 904, 'x'));
    AlignedBuffer buffer(2 * block);
    File in = co_await open_direct("rb");
    EXPECT_EQ(co_await in.read_into(buffer.bytes()), block + 904);
    EXPECT_EQ(co_await in.read_at(buffer.bytes(), block), 904u);
    co_await in.seek(block);
    EXPECT_EQ(co_await in.read_some(buffer.bytes()), 904u);
    co_await in.close();
  });
}

TEST_P(Direct, SaysWhatIsWrongWithWhatIsNotAligned) {
  run_direct([&]() -> Task<> {
    directory.write("a", std::string(2 * block, 'x'));
    AlignedBuffer buffer(2 * block);
    const MutableBytes whole(buffer.bytes().first(block)), odd(buffer.bytes().first(100));
    File file = co_await open_direct("r+b");
    std::vector<std::exception_ptr> failures;
    const auto attempt = [&](auto awaitable) -> Task<> {
      try {
        co_await std::move(awaitable);
      } catch (const Error&) {
        failures.push_back(std::current_exception());
      }
    };
    co_await attempt(file.read_at(whole, 100));
    co_await attempt(file.read_into(odd));
    co_await attempt(file.write_at(Bytes(odd), 0));
    co_await attempt(file.write(Bytes(odd)));
    co_await attempt(file.readline());
    for (const auto& failure : failures) {  // some file systems take anything
      const std::string text = text_of_error(failure);
      EXPECT_TRUE(text.contains("AlignedBuffer") && text.contains(path("a"))) << text;
    }
    EXPECT_EQ(failures.size() % 5, 0u) << "all of them, or none";
    EXPECT_EQ(co_await file.read_into(whole), block) << "nothing has moved";
    co_await file.close();
  });
}

TEST_P(Direct, HasNoBuffer) {
  run([&]() -> Task<> {
    const OpenOptions options{.buffering = 4096, .flags = O_DIRECT};
    EXPECT_THROW(co_await open(path("never"), "w", options), UsageError);
    EXPECT_FALSE(co_await fs::exists(path("never")));
  });
}

}  // namespace
