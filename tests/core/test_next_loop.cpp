// A loop that lies where another one lay is another one.
#include "support/run.hpp"

#include <optional>
#include <stdexcept>

namespace {

using namespace eddy;

TEST(NextLoop, DoesNotRunTheCallbacksOfTheOneBefore) {
  std::optional<Loop> loop(std::in_place, test::options());
  auto task = loop->spawn([]() -> Task<> { co_return; }());
  loop->turn();
  EXPECT_TRUE(task.done());
  const Loop* before = &*loop;
  loop.emplace(test::options());
  ASSERT_EQ(&*loop, before);
  EXPECT_THROW(task.on_done([](const TaskHandle&) {}), UsageError);
  EXPECT_FALSE(loop->turn());
}

TEST(NextLoop, IsToldNothingOfTheOneBefore) {
  int reports = 0;
  std::optional<Loop> loop(std::in_place, test::options());
  auto task = loop->spawn([]() -> Task<> {
    co_await yield();
    throw std::runtime_error("nobody looks");
  }());
  for (int i = 0; i < 3; ++i) loop->turn();
  EXPECT_TRUE(task.done());
  loop.emplace(test::options());
  loop->on_exception([&](const ExceptionReport&) { ++reports; });
  testing::internal::CaptureStderr();
  task = {};
  EXPECT_NE(testing::internal::GetCapturedStderr().find("nobody looks"), std::string::npos);
  EXPECT_EQ(reports, 0);
}

}  // namespace
