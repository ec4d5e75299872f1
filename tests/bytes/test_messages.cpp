// Names of functions are tested here: in no namespace but its own.
// What is said when the data ended too early, or what was looked for came too late: the texts.
#include "core/kernel.hpp"
#include "support/run.hpp"

#include <eddy/base/description.hpp>

namespace {

using namespace eddy;
using test::Pipe;

// What `reading` of a pipe that holds `data`, and has ended, fails with.
template <class E, class Reading>
void expect_said(std::string data, Reading reading, const std::string& said, int code) {
  test::run([&]() -> Task<> {
    Pipe pipe;
    pipe.put(data);
    pipe.in.reset();
    File file = File::adopt(pipe.out.get(), "rb", false);
    Reader reader(file);
    std::string got = "nothing";
    try {
      co_await reading(reader);
    } catch (const E& error) {
      got = error.what();
      EXPECT_EQ(error.code().value(), code);
      EXPECT_EQ(error.code().default_error_condition(),
                std::error_condition(code, std::generic_category()));
    }
    EXPECT_EQ(got, said);
  });
}

TEST(EndOfFileText, SaysHowMuchCameAndWhatWasExpected) {
  const auto ten = [](auto& reader) -> Task<> {
    char buffer[10];
    co_await reader.read_exactly(buffer);
  };
  expect_said<EndOfFile>("abc", ten, "read: end of file after 3 bytes, expected 10 bytes", ENODATA);
  expect_said<EndOfFile>("a", ten, "read: end of file after 1 byte, expected 10 bytes", ENODATA);
  const auto until = [](auto& reader) -> Task<> {
    static_cast<void>(co_await reader.read_until(";"));
  };
  expect_said<EndOfFile>("abc", until, "read: end of file after 3 bytes, expected a delimiter",
                         ENODATA);
}

TEST(EndOfFileText, NamesTheFile) {
  test::run([&]() -> Task<> {
    File file = co_await open("/dev/null", "rb");
    char byte;
    std::string said;
    try {
      co_await file.read_exactly(MutableBytes(&byte, 1));
    } catch (const EndOfFile& error) {
      said = error.what();
      EXPECT_EQ(error.code().message(), "end of file");
    }
    EXPECT_EQ(said, "read '/dev/null': end of file after 0 bytes, expected 1 byte");
  });
}

TEST(EndOfFileText, IsShortForOnesOwn) {
  EXPECT_STREQ(EndOfFile("parse", "a.json", "{").what(),
               "parse 'a.json': end of file after 1 byte");
}

TEST(LimitExceededText, SaysTheLimit) {
  const auto until = [](auto& reader) -> Task<> {
    static_cast<void>(co_await reader.read_until(";", 4));
  };
  expect_said<LimitExceeded>("abcdefgh", until, "read: no delimiter within 4 bytes", EMSGSIZE);
  EXPECT_STREQ(LimitExceeded("parse", "a.json").what(), "parse 'a.json': longer than the limit");
}

}  // namespace
