// Files whose kernel takes a part of what it is given: at the process's limit for their size, with
// every policy, and on the ring wherever a test says so.
#include "net/ends.hpp"
#include "file/policies.hpp"
#include "file/size_limit.hpp"
#include "support/submissions.hpp"

namespace {

using namespace eddy;
using test::pattern;
using test::SizeLimit;

// How a call ended that should have failed.
template <class T>
std::error_code error_of(const Result<T>& result) {
  return result ? std::error_code() : result.error();
}

class ShortWrites : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, ShortWrites, test::every_policy(), test::name_of_policy);

TEST_P(ShortWrites, LeaveTheRestInTheBuffer) {
  const std::string text = pattern(150);
  for (const char* mode : {"w", "a"}) {
    run([&]() -> Task<> {
      File file = co_await open(path("file"), mode);
      co_await file.truncate(0);
      co_await file.write(text);
      {
        const SizeLimit limit(100);
        EXPECT_EQ(error_of(co_await as_result(file.flush())), std::errc::file_too_large);
      }
      EXPECT_EQ(directory.read("file"), text.substr(0, 100)) << mode;
      co_await file.flush();
      EXPECT_EQ(directory.read("file"), text) << mode;
      co_await file.write("more");
      co_await file.close();
      EXPECT_EQ(directory.read("file"), text + "more") << mode;
    });
  }
}

// What is written past the buffer, at a place, and by the calls that write a whole file.
TEST_P(ShortWrites, AreToldByEveryCallThatWrites) {
  const std::string text = pattern(300'000);
  const std::size_t limit = 100'000;
  directory.write("from", text);
  run([&]() -> Task<> {
    File file = co_await open(path("file"), "w", {.buffering = 16});
    const SizeLimit limited(limit);
    EXPECT_EQ(error_of(co_await as_result(file.write(text))), std::errc::file_too_large);
    EXPECT_TRUE(directory.read("file") == text.substr(0, limit));
    EXPECT_EQ(error_of(co_await as_result(file.write_at(text, 10))), std::errc::file_too_large);
    EXPECT_TRUE(directory.read("file") == text.substr(0, 10) + text.substr(0, limit - 10));
    co_await file.close();
    EXPECT_EQ(error_of(co_await as_result(write_text(path("text"), text))),
              std::errc::file_too_large);
    EXPECT_EQ(error_of(co_await as_result(write_bytes(path("bytes"), text))),
              std::errc::file_too_large);
    EXPECT_EQ(error_of(co_await as_result(write_atomic(path("file"), text))),
              std::errc::file_too_large);
    EXPECT_EQ(directory.read("file").size(), limit) << "the old one";
    EXPECT_EQ(error_of(co_await as_result(fs::copyfile(path("from"), path("to")))),
              std::errc::file_too_large);
  });
}

// Every write is cut to `most` bytes on its way to the kernel.
Task<> cut_writes(test::Submissions& requests, std::uint32_t most, int& cut) {
  for (;;) {
    requests.each([&](io_uring_sqe& request) {
      if (request.opcode != IORING_OP_WRITE || request.len <= most) return;
      request.len = most;
      ++cut;
    });
    co_await yield();
  }
}

TEST(ShortWrites, AreFollowedByTheRestOnTheRing) {
  const test::Directory directory;
  const std::string text = pattern(150);
  test::run(
      [&]() -> Task<> {
        File file = co_await open(directory.path("file"), "w");
        co_await file.write(text);
        test::Submissions requests(Loop::current());
        int cut = 0;
        auto flushing = spawn([&]() -> Task<> { co_await file.flush(); });
        auto cutting = spawn(cut_writes(requests, 100, cut));
        co_await flushing;
        EXPECT_EQ(cut, 1);
        EXPECT_EQ(directory.read("file"), text);
        auto writing = spawn([&]() -> Task<> { co_await file.write_at(text, 150); });
        cutting.cancel();
        cutting = spawn(cut_writes(requests, 10, cut));
        co_await writing;
        EXPECT_EQ(cut, 2);
        EXPECT_EQ(directory.read("file"), text + text);
        cutting.cancel();
        co_await test::wait_until_done(cutting);
        co_await file.close();
      },
      {.submission_entries = 512, .file_policy = FilePolicy::ring});
}

}  // namespace
