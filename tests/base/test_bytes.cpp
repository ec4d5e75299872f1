// Bytes of arrays of char.
#include <eddy/base/bytes.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace {

using namespace eddy;

TEST(BytesOfAnArray, EndWhereItEndsThoughNoZeroStandsThere) {
  // On the heap, so that AddressSanitizer knows where it ends.
  struct Tag {
    char text[3];
  };
  const auto tag = std::make_unique<Tag>(Tag{{'a', 'b', 'c'}});
  EXPECT_EQ(Bytes(tag->text).size(), 3u);
  EXPECT_EQ(Bytes(tag->text).text(), "abc");
  const Tag& same = *tag;
  EXPECT_EQ(Bytes(same.text).text(), "abc");
  const auto size = [](Bytes bytes) { return bytes.size(); };
  EXPECT_EQ(size(tag->text), 3u);
}

TEST(BytesOfAnArray, EndAtItsFirstZero) {
  EXPECT_EQ(Bytes("abc").size(), 3u);
  EXPECT_EQ(Bytes("").size(), 0u);
  EXPECT_EQ(Bytes("a\0c").size(), 1u);
  char buffer[16] = "text";
  EXPECT_EQ(Bytes(buffer).size(), 4u);
  EXPECT_EQ(MutableBytes(buffer).size(), 16u) << "room, whatever stands in it";
}

TEST(BytesOfAnArray, AreAllOfItWhereItIsNoText) {
  const unsigned char raw[3] = {1, 0, 2};
  EXPECT_EQ(Bytes(raw).size(), 3u);
  const std::array<char, 3> array{'a', 0, 'b'};
  EXPECT_EQ(Bytes(array).size(), 3u);
}

}  // namespace
