#include <eddy/base/internal/intrusive.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace {

using namespace eddy;
using namespace eddy::internal;

struct Node : Link<Node> {
  explicit Node(int value) : value(value) {}
  int value;
};

std::vector<int> values(List<Node>& list) {
  std::vector<int> all;
  for (Node* node = list.front(); node; node = list.after(*node)) all.push_back(node->value);
  return all;
}

TEST(List, KeepsTheOrderOfPushing) {
  List<Node> list;
  Node a(1), b(2), c(3);
  list.push_back(a);
  list.push_back(b);
  list.push_front(c);
  EXPECT_EQ(values(list), (std::vector{3, 1, 2}));
  EXPECT_EQ(list.count(), 3u);
  EXPECT_EQ(list.back(), &b);
}

TEST(List, LosesANodeThatDies) {
  List<Node> list;
  Node a(1);
  auto b = std::make_unique<Node>(2);
  Node c(3);
  list.push_back(a);
  list.push_back(*b);
  list.push_back(c);
  b.reset();
  EXPECT_EQ(values(list), (std::vector{1, 3}));
}

TEST(List, LetsAWalkUnlinkTheNodeItStandsOn) {
  List<Node> list;
  Node a(1), b(2), c(3);
  for (Node* node : {&a, &b, &c}) list.push_back(*node);
  for (Node* node = list.front(); node;) {
    Node* next = list.after(*node);
    if (node->value != 2) node->unlink();
    node = next;
  }
  EXPECT_EQ(values(list), (std::vector{2}));
  EXPECT_FALSE(a.linked());
}

TEST(List, DoesNotCopyMembership) {
  List<Node> list;
  Node a(1);
  list.push_back(a);
  Node copy(a);
  EXPECT_FALSE(copy.linked());
  EXPECT_TRUE(a.linked());
}

struct Item {
  int value;
  Item* next_ = nullptr;
};

TEST(Fifo, GivesBackInOrderAndTakesEverythingAtOnce) {
  Fifo<Item> fifo;
  Item a{1}, b{2}, c{3};
  fifo.push_back(a);
  fifo.push_back(b);
  EXPECT_EQ(fifo.take(), &a);
  EXPECT_EQ(a.next_, &b);
  EXPECT_EQ(b.next_, nullptr);
  EXPECT_TRUE(fifo.empty());
  fifo.push_back(c);
  EXPECT_EQ(b.next_, nullptr);
  fifo.push_back(a);
  EXPECT_EQ(fifo.pop_front(), &c);
  EXPECT_EQ(fifo.pop_front(), &a);
  EXPECT_EQ(fifo.pop_front(), nullptr);
  EXPECT_EQ(fifo.take(), nullptr);
  fifo.push_back(b);
  EXPECT_EQ(fifo.pop_front(), &b);
}

}  // namespace
