// Names of functions are tested here: in no namespace but its own.
// What the parts say that messages are made of.
#include <eddy/base/failure.hpp>
#include <eddy/base/description.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>

namespace app {

inline std::string name(const std::source_location& where) {
  return eddy::internal::short_name(where.function_name());
}
inline std::string with_arguments(const std::string&, int) {
  return name(std::source_location::current());
}
template <class T>
std::string of_a_type(T) {
  return name(std::source_location::current());
}
struct Part {
  std::string member() const { return name(std::source_location::current()); }
};
template <class T>
struct Queue {
  struct Get {};
};

}  // namespace app

namespace {

using namespace eddy;
using namespace eddy::internal;
using namespace std::chrono_literals;

std::string unnamed() { return app::name(std::source_location::current()); }

TEST(Description, NamesAFunctionAsBothCompilersWould) {
  EXPECT_EQ(app::with_arguments("", 1), "app::with_arguments()");
  EXPECT_EQ(app::of_a_type(1), "app::of_a_type()");
  EXPECT_EQ(app::Part().member(), "app::Part::member()");
  EXPECT_EQ(unnamed(), "unnamed()");
  const auto lambda = [](int) { return app::name(std::source_location::current()); };
  EXPECT_EQ(lambda(1), std::string(
                "Description_NamesAFunctionAsBothCompilersWould_Test::TestBody()::<lambda>()"));
}

TEST(Description, NamesWhatCompilersWrote) {
  EXPECT_EQ(short_name("eddy::Task<T> app::f(T) [with T = int]"), "app::f()");
  EXPECT_EQ(short_name("Task<T> app::f(T) [T = int]"), "app::f()");
  EXPECT_EQ(short_name("f(int, char)::<lambda(auto:1&)> mutable [with auto:1 = int]"),
            "f()::<lambda>()");
  EXPECT_EQ(short_name("auto f()::(anonymous class)::operator()(int) const"), "f()::<lambda>()");
  EXPECT_EQ(short_name("Task<std::pair<int, Held<T> > > {anonymous}::g(std::pair<int, int>)"),
            "g()");
  for (const char* odd : {"", ")", "(", "a(", "f)(", "<lambda(", "[", "a [", "> x()"}) {
    EXPECT_LT(short_name(odd).size(), 20u) << odd;
  }
}

TEST(Description, NamesAFunctionWithoutEddysNamespace) {
  EXPECT_EQ(short_name("eddy::Task<> eddy::Stream::write_all(eddy::Bytes)"), "Stream::write_all()");
  EXPECT_EQ(short_name("eddy::Task<> eddy::internal::copy_all(int)"), "copy_all()");
  EXPECT_EQ(short_name("eddy::Task<int> eddy::sql::internal::execute(eddy::sql::internal::Query)"),
            "sql::execute()");
  EXPECT_EQ(short_name("eddy::Task<> eddy::fs::internal::walk(int)"), "fs::walk()");
  EXPECT_EQ(short_name("eddy::Task<> teddy::internal::f(int)"), "teddy::internal::f()");
  EXPECT_EQ(short_name("eddy::Task<> app::internal::f(int)"), "app::internal::f()");
}

TEST(Description, NamesATypeWithoutEddysNamespace) {
  EXPECT_EQ(short_name(signature_of<Failure>()), "Failure");
  EXPECT_EQ(short_name(signature_of<app::Queue<int>::Get>()), "app::Queue<int>::Get");
}

TEST(Description, NamesAPlace) {
  const auto here = std::source_location::current();
  EXPECT_EQ(to_text(here), "Description_NamesAPlace_Test::TestBody() (" +
                               std::string(here.file_name()) + ":" +
                               std::to_string(here.line()) + ")");
}

TEST(Description, LeavesNothingInATextThatATerminalWouldObey) {
  using eddy::internal::harmless;
  EXPECT_EQ(harmless("a\tb\nc\x1b[31m\x7f"), "a?b?c?[31m?");
  EXPECT_EQ(harmless("na\xc3\xafve ~"), "na\xc3\xafve ~");
}

TEST(Description, TellsLengthsInTheirUnit) {
  EXPECT_EQ(to_text(5s), "5s");
  EXPECT_EQ(to_text(1500ms), "1.5s");
  EXPECT_EQ(to_text(2h), "7200s");
  EXPECT_EQ(to_text(250ms), "250ms");
  EXPECT_EQ(to_text(1234567ns), "1.235ms");
  EXPECT_EQ(to_text(20us), "20us");
  EXPECT_EQ(to_text(7ns), "7ns");
  EXPECT_EQ(to_text(0s), "0s");
  EXPECT_EQ(to_text(-3s), "-3s");
  EXPECT_EQ(to_text(Duration::max()), "9223372036.855s");
}

TEST(Description, TellsWhatAnyExceptionSays) {
  EXPECT_EQ(to_text(std::make_exception_ptr(std::runtime_error("why"))), "why");
  EXPECT_EQ(to_text(std::make_exception_ptr(Cancelled())), "cancelled");
  EXPECT_EQ(to_text(std::make_exception_ptr(Cancelled(Text("enough")))), "cancelled: enough");
  EXPECT_EQ(to_text(std::exception_ptr()), "no exception");
  EXPECT_EQ(to_text(std::make_exception_ptr(3)), "an exception of type int");
  EXPECT_EQ(to_text(std::make_exception_ptr(app::Part())), "an exception of type app::Part");
}

std::string said_by(const Failure& failure) { return to_text(failure.exception()); }

TEST(TimeoutErrorText, SaysWhatTimedOutAndAfterHowLong) {
  EXPECT_EQ(said_by(Failure::timed_out({"Task<> app::fetch(int)"}, 5s)),
            "app::fetch(): timed out after 5s");
  EXPECT_EQ(said_by(Failure::timed_out({"Task<> app::fetch(int)", "worker"}, 1500ms)),
            "app::fetch() 'worker': timed out after 1.5s");
  EXPECT_EQ(said_by(Failure::timed_out({signature_of<app::Part>()}, Failure::at_deadline)),
            "app::Part: timed out at its deadline");
}

TEST(TimeoutErrorText, IsTheKernelsForTheKernels) {
  EXPECT_EQ(said_by(Failure::error(ETIMEDOUT, "connect", "[::1]:80")),
            "connect '[::1]:80': Connection timed out");
}

TEST(TimeoutErrorText, IsShortForOnesOwn) {
  EXPECT_STREQ(TimeoutError().what(), "timeout: timed out");
  EXPECT_STREQ(TimeoutError("fetch", "http://a").what(), "fetch 'http://a': timed out");
  EXPECT_EQ(TimeoutError().code(), std::errc::timed_out);
  EXPECT_EQ(TimeoutError().code().value(), ETIMEDOUT);
  EXPECT_STREQ(TimeoutError().code().category().name(), "eddy");
}

TEST(TimeoutErrorText, IsThatOfTheCodeToo) {
  const std::error_code code = Failure::timed_out({"f()"}, 5s).error_code();
  EXPECT_EQ(code, std::errc::timed_out);
  EXPECT_EQ(code.message(), "timed out");
}

}  // namespace
