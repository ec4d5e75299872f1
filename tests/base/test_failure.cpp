#include <eddy/base/bytes.hpp>
#include <eddy/base/clock.hpp>
#include <eddy/base/failure.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <vector>

namespace {

using namespace eddy;
using namespace eddy::internal;

template <class E>
std::string what_of(const Failure& failure) {
  try {
    failure.raise();
  } catch (const E& error) {
    return error.what();
  }
}

TEST(Failure, BecomesAnErrorThatNamesOperationAndSubject) {
  const auto failure = Failure::error(ENOENT, "open", "data.txt");
  EXPECT_EQ(what_of<Error>(failure), "open 'data.txt': No such file or directory");
  EXPECT_EQ(failure.error_code(), std::errc::no_such_file_or_directory);
}

TEST(Failure, BecomesATimeoutErrorForTheKernelsTimeoutToo) {
  const auto failure = Failure::error(ETIMEDOUT, "connect");
  EXPECT_EQ(what_of<TimeoutError>(failure), "connect: Connection timed out");
  EXPECT_EQ(failure.error_code(), std::errc::timed_out);
}

struct Broken : Error {
  static constexpr int number = EPIPE;
  Broken() : Error(number, "use of what is broken") {}
};

TEST(Failure, OfAClassIsMadeWhereSomebodyAsksForIt) {
  const auto failure = Failure::of<Broken>();
  EXPECT_TRUE(failure.is_error());
  EXPECT_EQ(failure.error_code(), std::errc::broken_pipe);
  EXPECT_EQ(what_of<Broken>(failure), "use of what is broken: Broken pipe");
  const Failure copy = failure;
  EXPECT_EQ(what_of<Broken>(Failure::from(copy.exception())), what_of<Broken>(failure));
}

TEST(Failure, KeepsTheIdentityOfAnException) {
  const auto thrown = std::make_exception_ptr(std::runtime_error("mine"));
  const auto failure = Failure::from(thrown);
  EXPECT_EQ(failure.exception(), thrown);
  EXPECT_FALSE(failure.is_cancelled());
  EXPECT_FALSE(failure.error_code()) << "not the failure of an operation";
}

// F54, T8
TEST(Cancelled, IsNoStdExceptionAndItsSubclassesCount) {
  struct Special : Cancelled {};
  EXPECT_TRUE(Failure::from(std::make_exception_ptr(Special())).is_cancelled());
  bool passed = false;
  try {
    try {
      throw Cancelled(Text("why"));
    } catch (const std::exception&) {
      ADD_FAILURE() << "a retry loop would swallow it";
    }
  } catch (const Cancelled& cancelled) {
    passed = cancelled.message() == "why";
  }
  EXPECT_TRUE(passed);
}

TEST(Bytes, SeeWhateverIsContiguous) {
  const std::string text = "abc";
  EXPECT_EQ(Bytes(text).text(), "abc");
  EXPECT_EQ(Bytes("abc").size(), 3u);
  EXPECT_EQ(Bytes(std::vector<int>{1, 2}).size(), 2 * sizeof(int));
  std::array<char, 4> buffer{};
  EXPECT_EQ(MutableBytes(buffer).size(), 4u);
  char raw[5];
  EXPECT_EQ(MutableBytes(raw).size(), 5u);
}

TEST(Clock, StopsAtTheEndOfTime) {
  const Instant now = std::chrono::steady_clock::now();
  EXPECT_EQ(later(now, Duration::max()), Instant::max());
  EXPECT_EQ(later(now, Duration(5)), now + Duration(5));
}

TEST(Failure, HoldsAnExceptionThatNobodyHasThrown) {
  const auto failure = Failure::holding(TimeoutError("fetch", "host", "after 5s"));
  EXPECT_FALSE(failure.is_error());
  EXPECT_FALSE(failure.is_cancelled());
  EXPECT_TRUE(failure.operation().empty());
  EXPECT_EQ(failure.error_code(), std::error_code(ETIMEDOUT, own_category()));
  EXPECT_EQ(what_of<TimeoutError>(failure), "fetch 'host': timed out after 5s");
  const auto other = Failure::holding(std::bad_alloc());
  EXPECT_FALSE(other.error_code());
  EXPECT_THROW(other.raise(), std::bad_alloc);
}

TEST(Failure, OfWhatWasThrownKnowsItsCodeAndCategory) {
  const auto of = [](auto exception) {
    return Failure::from(std::make_exception_ptr(std::move(exception)));
  };
  EXPECT_EQ(of(Error(ENOSPC, "write")).error_code(),
            std::error_code(ENOSPC, std::system_category()));
  EXPECT_EQ(of(TimeoutError("read")).error_code(),
            std::error_code(ETIMEDOUT, own_category()));
  EXPECT_FALSE(of(UsageError("no")).error_code());
  const Failure cancelled = of(Cancelled());
  EXPECT_TRUE(cancelled.is_cancelled());
  EXPECT_FALSE(cancelled.error_code());
  EXPECT_TRUE(cancelled.operation().empty());
}

}  // namespace
