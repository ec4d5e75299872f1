#include <eddy/file/internal/watch_tree.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using eddy::internal::WatchTree;
using Attached = WatchTree::Attached;

TEST(WatchTree, KnowsThePathOfEachWatch) {
  WatchTree tree;
  EXPECT_TRUE(tree.add_root(1, "/"));
  EXPECT_TRUE(tree.add_root(2, "top"));
  EXPECT_EQ(tree.attach(3, 2, "a"), Attached::fresh);
  EXPECT_EQ(tree.attach(4, 3, "b"), Attached::fresh);
  EXPECT_EQ(tree.path_of(1, "x"), "/x");
  EXPECT_EQ(tree.path_of(4), "top/a/b");
  EXPECT_EQ(tree.path_of(4, "x"), "top/a/b/x");
  EXPECT_EQ(tree.path_of(5, "x"), "");
  EXPECT_EQ(tree.child_of(3, "b"), 4);
  EXPECT_EQ(tree.child_of(3, "c"), WatchTree::none);
}

TEST(WatchTree, TakesAlongWhatIsBelowADirectoryThatMoves) {
  WatchTree tree;
  tree.add_root(1, "top");
  tree.attach(2, 1, "a");
  tree.attach(3, 2, "b");
  tree.detach(2);
  EXPECT_EQ(tree.path_of(3), "");
  EXPECT_FALSE(tree.has_path(3));
  EXPECT_TRUE(tree.has_place(3));
  EXPECT_EQ(tree.attach(2, 1, "c"), Attached::moved);
  EXPECT_EQ(tree.attach(2, 1, "c"), Attached::unchanged);
  EXPECT_EQ(tree.path_of(3), "top/c/b");
}

TEST(WatchTree, GivesANameToOneWatchAtATime) {
  WatchTree tree;
  tree.add_root(1, "top");
  tree.attach(2, 1, "a");
  tree.attach(3, 1, "b");
  EXPECT_EQ(tree.attach(3, 1, "a"), Attached::moved);
  EXPECT_FALSE(tree.has_path(2));
  EXPECT_EQ(tree.child_of(1, "a"), 3);
  EXPECT_EQ(tree.child_of(1, "b"), WatchTree::none);
  std::vector<int> lost;
  tree.collect_lost(lost);
  EXPECT_EQ(lost, std::vector{2});
}

TEST(WatchTree, HasNoPathWhereEventsMakeACircle) {
  WatchTree tree;
  tree.add_root(1, "top");
  tree.attach(2, 1, "a");
  tree.attach(3, 2, "b");
  tree.attach(2, 3, "a");
  EXPECT_EQ(tree.path_of(2), "");
  EXPECT_EQ(tree.path_of(3), "");
  std::vector<int> lost;
  tree.collect_lost(lost);
  std::ranges::sort(lost);
  EXPECT_EQ(lost, (std::vector{2, 3}));
}

TEST(WatchTree, KeepsTheFirstNameOfARoot) {
  WatchTree tree;
  tree.add_root(1, "top");
  EXPECT_FALSE(tree.add_root(1, "./top"));
  EXPECT_EQ(tree.path_of(1), "top");
  EXPECT_EQ(tree.attach(2, 1, "a"), Attached::fresh);
  EXPECT_TRUE(tree.add_root(2, "top/a"));
  EXPECT_EQ(tree.attach(2, 1, "a"), Attached::unchanged);
  tree.detach_all();
  EXPECT_EQ(tree.path_of(2, "x"), "top/a/x");
  EXPECT_EQ(tree.roots(), 2u);
  tree.erase(1);
  EXPECT_EQ(tree.roots(), 1u);
}

TEST(WatchTree, CollectsADirectoryWithAllThatIsBelow) {
  WatchTree tree;
  tree.add_root(1, "top");
  tree.attach(2, 1, "a");
  tree.attach(3, 2, "b");
  tree.attach(4, 2, "c");
  tree.attach(5, 3, "d");
  tree.attach(6, 1, "e");
  tree.detach(2);
  std::vector<int> below{7};
  tree.collect(2, below);
  std::ranges::sort(below);
  EXPECT_EQ(below, (std::vector{2, 3, 4, 5, 7}));
}

}  // namespace
