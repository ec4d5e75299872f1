#include <eddy/base/error.hpp>
#include <eddy/flow/exception_group.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using eddy::ExceptionGroup;

std::exception_ptr runtime(const std::string& what) {
  return std::make_exception_ptr(std::runtime_error(what));
}
std::exception_ptr logic(const std::string& what) {
  return std::make_exception_ptr(std::logic_error(what));
}
std::string text(const ExceptionGroup& group) {
  std::string all;
  for (const auto& exception : group.exceptions()) {
    if (!all.empty()) all += ' ';
    try {
      std::rethrow_exception(exception);
    } catch (const ExceptionGroup& nested) {
      all += '(' + text(nested) + ')';
    } catch (const std::exception& error) {
      all += error.what();
    }
  }
  return all;
}
ExceptionGroup nested() {
  return ExceptionGroup(
      "outer", {runtime("r1"),
                std::make_exception_ptr(ExceptionGroup("inner", {logic("l1"), runtime("r2")})),
                logic("l2")});
}

// F32
TEST(ExceptionGroup, SaysWhatItHolds) {
  EXPECT_STREQ(nested().what(),
               "outer (3 sub-exceptions) [r1; inner (2 sub-exceptions) [l1; r2]; l2]");
  EXPECT_STREQ(ExceptionGroup("one", {runtime("x")}).what(), "one (1 sub-exception) [x]");
  EXPECT_EQ(nested().message(), "outer");
  EXPECT_EQ(text(nested()), "r1 (l1 r2) l2");
}

// F32
TEST(ExceptionGroup, SplitsByTypeAndKeepsItsNesting) {
  const auto [logical, others] = nested().split<std::logic_error>();
  EXPECT_EQ(text(*logical), "(l1) l2");
  EXPECT_EQ(text(*others), "r1 (r2)");
  EXPECT_EQ(logical->message(), "outer");
  const auto [none, all] = nested().split<std::bad_alloc>();
  EXPECT_FALSE(none);
  EXPECT_EQ(text(*all), text(nested()));
}

// F32: by a base class too, and by any condition
TEST(ExceptionGroup, FindsSubgroups) {
  EXPECT_EQ(text(*nested().split<std::exception>().first), "r1 (l1 r2) l2");
  const auto ends_with_2 = [](const std::exception_ptr& leaf) {
    try {
      std::rethrow_exception(leaf);
    } catch (const std::exception& error) {
      return std::string(error.what()).ends_with('2');
    }
  };
  EXPECT_EQ(text(*nested().subgroup(ends_with_2)), "(r2) l2");
}

// F32: each leaf goes to the first clause that fits
TEST(ExceptionGroup, GivesEachLeafToTheFirstClauseThatFits) {
  std::string seen;
  nested()
      .handle<std::logic_error>([&](const std::logic_error& error) { seen += error.what(); })
      .handle<std::exception>([&](const std::exception& error) { seen += error.what(); })
      .handle<std::runtime_error>([&](const std::runtime_error&) { FAIL() << "too late"; })
      .rethrow_rest();
  EXPECT_EQ(seen, "l1l2r1r2");
}

// F32
TEST(ExceptionGroup, ThrowsWhatIsLeft) {
  try {
    nested().handle<std::logic_error>([](const std::logic_error&) {}).rethrow_rest();
    FAIL() << "no exception";
  } catch (const ExceptionGroup& rest) {
    EXPECT_EQ(text(rest), "r1 (r2)");
    EXPECT_EQ(rest.message(), "outer");
  }
}

// F32: what clauses throw is grouped with what is left
TEST(ExceptionGroup, ThrowsWhatItsClausesThrow) {
  try {
    nested()
        .handle<std::logic_error>([](const std::logic_error& error) {
          throw std::runtime_error("from " + std::string(error.what()));
        })
        .rethrow_rest();
    FAIL() << "no exception";
  } catch (const ExceptionGroup& rest) {
    EXPECT_EQ(text(rest), "from l1 from l2 (r1 (r2))");
  }
}

TEST(ExceptionGroup, HoldsErrorsWithTheirCodes) {
  const ExceptionGroup group("files", {std::make_exception_ptr(eddy::Error(ENOENT, "open", "a"))});
  int code = 0;
  group.handle<eddy::Error>([&](const eddy::Error& error) { code = error.code().value(); })
      .rethrow_rest();
  EXPECT_EQ(code, ENOENT);
}

}  // namespace
