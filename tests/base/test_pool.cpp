#include <eddy/base/internal/pool.hpp>
#include <eddy/base/text.hpp>

#include "support/allocations.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using namespace eddy;
using namespace eddy::internal;

TEST(Pool, GivesTheBlockThatWasReleasedLast) {
  if (!Pool::keeps_blocks) GTEST_SKIP() << "nothing is kept under AddressSanitizer";
  void* first = Pool::allocate(100);
  Pool::release(first, 100);
  EXPECT_EQ(Pool::allocate(128), first) << "the same class of 64 bytes";
  Pool::release(first, 128);
  void* other = Pool::allocate(129);
  EXPECT_NE(other, first);
  Pool::release(other, 129);
}

TEST(Pool, ServesEverySizeWithItsOwnMemory) {
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  for (std::size_t size = 0; size < (3u << 20); size = size * 5 / 4 + 1) {
    auto* block = static_cast<unsigned char*>(Pool::allocate(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0u);
    std::memset(block, static_cast<int>(size & 0xff), size);
    blocks.emplace_back(block, size);
  }
  for (auto [block, size] : blocks) {
    for (std::size_t i = 0; i < size; i += 61) ASSERT_EQ(block[i], size & 0xff);
    Pool::release(block, size);
  }
}

TEST(Pool, CallsNoMallocOnceWarm) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  const auto use = [] {
    void* blocks[100];
    for (std::size_t i = 0; i < 100; ++i) blocks[i] = Pool::allocate(i * 50);
    for (std::size_t i = 0; i < 100; ++i) Pool::release(blocks[i], i * 50);
  };
  EXPECT_EQ(test::allocations_of(use), 0u);
}

TEST(Pool, TakesBlocksFromOtherThreadsAlsoAfterTheyEnded) {
  std::vector<void*> blocks;
  std::thread([&] {
    for (int i = 0; i < 50; ++i) blocks.push_back(Pool::allocate(200));
  }).join();
  for (void* block : blocks) {
    std::memset(block, 1, 200);
    Pool::release(block, 200);
  }
  Pool::trim();  // LeakSanitizer would tell if one was lost
}

constexpr std::size_t size = 256;

std::vector<void*> take(std::size_t count) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(Pool::allocate(size));
  return blocks;
}

TEST(Pool, GivesBackWhatOtherThreadsAllocateAndThisOneOnlyReleases) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  constexpr std::size_t count = 100'000;
  Pool::release(Pool::allocate(size), size);  // a thread keeps blocks once it has had one itself
  const auto before = test::bytes_held();
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> blocks;
    std::thread([&] { blocks = take(count); }).join();
    for (void* block : blocks) Pool::release(block, size);
  }
  // Each block that went back to the heap here was one of theirs.
  const auto given_back = before - test::bytes_held();
  EXPECT_GT(given_back, static_cast<std::ptrdiff_t>(3 * count * size - (10 << 20)));
}

TEST(Pool, KeepsHoweverMuchThisThreadTookItself) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "another allocator";
  auto use = [blocks = std::vector<void*>(100'000)]() mutable {
    for (void*& block : blocks) block = Pool::allocate(size);
    for (void* block : blocks) Pool::release(block, size);
  };
  EXPECT_EQ(test::allocations_of(use), 0u);
  Pool::trim();
}

TEST(Text, KeepsItsCharactersWhileAnyCopyLives) {
  Text copy;
  EXPECT_TRUE(copy.empty());
  EXPECT_STREQ(copy.c_str(), "");
  {
    const Text text(std::string("some words"));
    copy = text;
  }
  EXPECT_EQ(copy.view(), "some words");
  EXPECT_STREQ(copy.c_str(), "some words");
  copy = Text();
  EXPECT_TRUE(copy.empty());
}

}  // namespace
