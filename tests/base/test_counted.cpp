#include <eddy/base/internal/counted.hpp>

#include <gtest/gtest.h>

#include <utility>

namespace {

using namespace eddy::internal;

struct Told : RefCounted<Told> {
  Told(int& drops, int& deaths) : drops(drops), deaths(deaths) {}
  ~Told() { ++deaths; }
  void drop() noexcept { ++drops; }
  int& drops;
  int& deaths;
};

class Handles : public testing::Test {
 protected:
  Handle<Told> make() { return Handle<Told>(Counted<Told>(new Told(drops, deaths))); }
  int drops = 0;
  int deaths = 0;
};

TEST_F(Handles, TellWhatTheyPointToThatTheyGo) {
  { const Handle<Told> handle = make(); }
  EXPECT_EQ(drops, 1);
  EXPECT_EQ(deaths, 1);
}

TEST_F(Handles, LeaveAliveWhatSomebodyElseCounts) {
  Handle<Told> handle = make();
  const Counted<Told> call = handle;
  handle = Handle<Told>();
  EXPECT_EQ(drops, 1);
  EXPECT_EQ(deaths, 0);
}

TEST_F(Handles, ThatAreMovedFromTellNothing) {
  Handle<Told> from = make();
  const Handle<Told> to = std::move(from);
  EXPECT_FALSE(from);
  EXPECT_TRUE(to);
  EXPECT_EQ(drops, 0);
}

TEST_F(Handles, ThatAreMovedOverTellThatTheyGo) {
  Handle<Told> old = make();
  old = make();
  EXPECT_EQ(drops, 1);
  EXPECT_EQ(deaths, 1);
}

TEST_F(Handles, StayWhatTheyAreWhenMovedToThemselves) {
  Handle<Told> handle = make();
  Handle<Told>& same = handle;
  handle = std::move(same);
  EXPECT_TRUE(handle);
  EXPECT_EQ(drops, 0);
}

TEST(RefCounted, DiesWithTheLastThatCounts) {
  int drops = 0;
  int deaths = 0;
  Counted<Told> first(new Told(drops, deaths));
  Counted<Told> second = first;
  first = Counted<Told>();
  EXPECT_EQ(deaths, 0);
  second = Counted<Told>();
  EXPECT_EQ(deaths, 1);
  EXPECT_EQ(drops, 0) << "that is the handle's to say";
}

}  // namespace
