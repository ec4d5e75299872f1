#include <eddy/base/text.hpp>

#include <filesystem>
#include <type_traits>

#include <gtest/gtest.h>

namespace {

using eddy::Text;

struct LikeNoPath {
  int native() const { return 0; }
};

TEST(Text, IsMadeOfAPathWithoutKnowingItsHeader) {
  const std::filesystem::path folder = "/some/where";
  const Text text = folder / "file";
  EXPECT_EQ(text.view(), "/some/where/file");
  EXPECT_TRUE(Text(std::filesystem::path()).empty());
  static_assert(!std::is_convertible_v<LikeNoPath, Text>);
}

}  // namespace
