// What was written and never reached its file is told of in debug mode.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <eddy/base/description.hpp>

namespace {

using namespace eddy;

// The reports while `body` runs; `main` stands for where its coroutine is.
template <class F>
std::vector<std::string> reports_of(F&& body, bool debug = true) {
  Loop loop(test::options({.debug = debug}));
  std::vector<std::string> reports;
  loop.on_exception([&](const ExceptionReport& report) {
    EXPECT_STREQ(report.where.file_name(), __FILE__);
    reports.push_back(std::string(report.message) + " [" + report.task + "]");
  });
  loop.run(body());
  loop.close();
  return reports;
}

std::string lost(const std::string& bytes, const std::string& path) {
  return bytes + " lost with a file that was dropped before flush() or close(): '" + path +
         "' [main]";
}

TEST(LostBytes, OfAFileThatIsDroppedAreReported) {
  test::Directory directory;
  const std::string path = directory.path("a.txt");
  const auto drops = [&]() -> Task<> {
    File file = co_await open(path, "w");
    co_await file.write("12345");
  };
  EXPECT_EQ(reports_of(drops), std::vector<std::string>{lost("5 bytes were", path)});
  EXPECT_EQ(reports_of(drops, false), std::vector<std::string>{});
}

TEST(LostBytes, OfAFileThatIsReplacedAreReported) {
  test::Directory directory;
  const std::string path = directory.path("a.txt");
  EXPECT_EQ(reports_of([&]() -> Task<> {
              File file = co_await open(path, "w");
              co_await file.write("1");
              file = File();
              EXPECT_TRUE(file.closed());
            }),
            std::vector<std::string>{lost("1 byte was", path)});
}

TEST(LostBytes, AreNoneOnceItWasFlushedOrClosed) {
  test::Directory directory;
  EXPECT_EQ(reports_of([&]() -> Task<> {
              File flushed = co_await open(directory.path("a.txt"), "w");
              co_await flushed.write("12345");
              co_await flushed.flush();
              File closed = co_await open(directory.path("b.txt"), "w");
              co_await closed.write("12345");
              co_await closed.close();
              File read = co_await open(directory.path("b.txt"));
              EXPECT_EQ(co_await read.peek(3), "123");
            }),
            std::vector<std::string>{});
}

TEST(LostBytes, AreNotReportedAgainWhereCloseFailed) {
  EXPECT_EQ(reports_of([]() -> Task<> {
              File file = co_await open("/dev/full", "w");
              co_await file.write("12345");
              EXPECT_THROW(co_await file.close(), Error);
            }),
            std::vector<std::string>{});
}

TEST(LostBytes, OfAWriterThatIsDroppedAreReported) {
  test::Directory directory;
  EXPECT_EQ(reports_of([&]() -> Task<> {
              File file = co_await open(directory.path("a.txt"), "w");
              {
                Writer closed(file);
                closed.write("123");
                co_await closed.close();
              }
              {
                Writer writer(file);
                writer.write("12345");
              }
              co_await test::settle();
            }),
            (std::vector<std::string>{
                "5 bytes were lost with a Writer that was dropped before close() [main]"}));
}

}  // namespace
