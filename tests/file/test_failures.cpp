// What file systems fail with, real ones and others: the error names the path, what was
// acknowledged stays, and nothing is left behind.
#include "file/policies.hpp"
#include "support/failing_kernel.hpp"
#include "support/mounts.hpp"
#include "support/seccomp.hpp"
#include "support/submissions.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <functional>
#include <memory>

namespace {

using namespace eddy;

struct Call {
  const char* name;
  std::function<Task<>(std::string path)> make;
};

// What adds bytes or names to `path`, where "file" is there and "new" is not.
const std::vector<Call>& writing_calls() {
  using S = std::string;
  static const S large(300'000, 'n');
  static const std::vector<Call> calls = {
      {"write_bytes", [](S path) { return write_bytes(path + "/new", large); }},
      {"write_text", [](S path) { return write_text(path + "/new", large); }},
      {"append_text", [](S path) { return append_text(path + "/file", large); }},
      {"append_line", [](S path) { return append_line(path + "/file", large); }},
      {"write_atomic", [](S path) { return write_atomic(path + "/file", large); }},
      {"copyfile",
       [](S path) -> Task<> { co_await fs::copyfile(path + "/../large", path + "/new"); }},
      {"copy", [](S path) -> Task<> { co_await fs::copy(path + "/../large", path); }},
      {"File::write",
       [](S path) -> Task<> {
         File file = co_await open(path + "/new", "w");
         auto written = co_await as_outcome(file.write(large));
         auto closed = co_await as_outcome(file.close());
         if (!written) co_await fail(std::move(written.error()));
         if (!closed) co_await fail(std::move(closed.error()));
       }},
      {"named_temporary_file",
       [](S path) -> Task<> {
         NamedTemporaryFile file = co_await named_temporary_file({.directory = path});
         co_await file.write(large);
         co_await file.flush();
       }},
      {"temporary_file",
       [](S path) -> Task<> {
         File file = co_await temporary_file({.directory = path, .buffering = 0});
         co_await file.write(large);
       }},
  };
  return calls;
}

class Failures : public test::EveryPolicy {
 protected:
  // In a process whose "room" is a file system of its own, `options` as of mount(8).
  template <class Body>
  void in_a_room(const char* options, const Body& body) {
    std::filesystem::create_directory(path("room"));
    directory.write("large", std::string(300'000, 'l'));
    test::in_a_child([&] {
      if (!test::own_mounts()) GTEST_SKIP() << "may not mount";
      ASSERT_EQ(::mount("none", room().c_str(), "tmpfs", 0, options), 0);
      std::ofstream(room() + "/file") << "old\n";
      const auto run_it = [&]() -> Task<> { co_await body(); };
      test::run(run_it, {.file_policy = GetParam()});
    });
  }
  std::string room() const { return path("room"); }

  std::string read(const char* name) const {
    std::ifstream file(room() + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t count() const {
    const std::filesystem::directory_iterator all(room());
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  // Each call fails with `code`, and says where.
  Task<> expect_failures(int code) {
    for (const Call& call : writing_calls()) {
      const std::string before = read("file");
      auto done = co_await as_outcome(call.make(room()));
      EXPECT_FALSE(done) << call.name;
      if (done) continue;
      EXPECT_EQ(done.error().error_code().value(), code) << call.name;
      const std::string told = message_of(done.error());
      EXPECT_NE(told.find("'" + room()), told.npos) << call.name << ": " << told;
      EXPECT_EQ(told.find(".tmp-"), told.npos) << call.name << ": " << told;
      EXPECT_TRUE(read("file").starts_with("old\n")) << call.name;
      if (std::string_view(call.name) == "write_atomic") {
        EXPECT_EQ(read("file"), before) << "neither the old one nor the new one";
      }
      std::filesystem::remove(room() + "/new");
      std::filesystem::remove(room() + "/large");
      EXPECT_EQ(count(), 1u) << call.name << " has left something";
      std::filesystem::resize_file(room() + "/file", 4);
    }
  }
  static std::string message_of(const Failure& failure) {
    try {
      failure.raise();
    } catch (const std::exception& error) {
      return error.what();
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Failures, test::every_policy(), test::name_of_policy);

TEST_P(Failures, OfADiskThatIsFullSayWhere) {
  in_a_room("size=128k", [&]() -> Task<> { co_await expect_failures(ENOSPC); });
}

// No disk is left, and yet the lines that were said to be there are.
TEST_P(Failures, OfADiskThatBecomesFullLeaveWhatWasAcknowledged) {
  in_a_room("size=64k", [&]() -> Task<> {
    std::string expected = "old\n";
    const std::string line(5000, 'x');
    for (int lines = 0; lines < 100; ++lines) {
      auto done = co_await as_outcome(append_line(room() + "/file", line, {.durable = true}));
      if (!done) break;
      expected += line + "\n";
    }
    EXPECT_LT(expected.size(), std::size_t{64 * 1024});
    EXPECT_TRUE(read("file").starts_with(expected));
  });
}

TEST_P(Failures, OfADiskThatCannotBeWrittenSayWhere) {
  std::filesystem::create_directory(path("room"));
  directory.write("large", "text");
  test::in_a_child([&] {
    if (!test::own_mounts()) GTEST_SKIP() << "may not mount";
    ASSERT_EQ(::mount("none", room().c_str(), "tmpfs", 0, nullptr), 0);
    std::ofstream(room() + "/file") << "old\n";
    ASSERT_EQ(::mount(nullptr, room().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    const auto body = [&]() -> Task<> {
      for (const Call& call : writing_calls()) {
        auto done = co_await as_outcome(call.make(room()));
        EXPECT_FALSE(done) << call.name;
        if (done) continue;
        EXPECT_EQ(done.error().error_code().value(), EROFS) << call.name;
        const std::string told = message_of(done.error());
        EXPECT_NE(told.find("'" + room()), told.npos) << call.name << ": " << told;
      }
      EXPECT_EQ(co_await read_text(room() + "/file"), "old\n");
    };
    test::run(body, {.file_policy = GetParam()});
  });
}

// The directory was removed, and so its name leads nowhere.
TEST_P(Failures, OfADirectoryThatHasVanishedSayWhere) {
  directory.write("large", "text");
  run([&]() -> Task<> {
    for (const Call& call : writing_calls()) {
      auto done = co_await as_outcome(call.make(room()));
      EXPECT_FALSE(done) << call.name;
      if (done) continue;
      EXPECT_EQ(done.error().error_code().value(), ENOENT) << call.name;
      const std::string told = message_of(done.error());
      EXPECT_NE(told.find("'" + path("")), told.npos) << call.name << ": " << told;
    }
    EXPECT_EQ((co_await fs::listdir(path(""))).size(), 1u);
  });
}

// It was removed while a file in it was open, which is nothing to that.
TEST_P(Failures, OfADirectoryThatVanishesDoNotTouchWhatIsOpen) {
  std::filesystem::create_directory(path("room"));
  run([&]() -> Task<> {
    File file = co_await open(room() + "/file", "w+");
    std::filesystem::remove_all(room());
    co_await file.write("text");
    co_await file.sync();
    co_await file.seek(0);
    EXPECT_EQ(co_await file.read(), "text");
    co_await file.close();
  });
}

// -- what no test can bring about: the ring answers with it --

class RingFailures : public testing::TestWithParam<int> {
 protected:
  // What the call says when each request of that kind fails.
  template <class Make>
  std::string told_when(std::uint8_t opcode, Make make) {
    std::string told;
    const auto options = test::options({.file_policy = FilePolicy::ring});
    Loop loop(options, std::make_unique<test::FailingKernel>(opcode, GetParam()));
    const auto body = [&]() -> Task<> {
      auto done = co_await as_outcome(make());
      EXPECT_FALSE(done);
      if (done) co_return;
      EXPECT_EQ(done.error().error_code().value(), GetParam());
      try {
        done.error().raise();
      } catch (const Error& error) {
        told = error.what();
      }
    };
    loop.run(body());
    loop.close();
    return told;
  }
  std::string said(const char* verb, const std::string& name) const {
    return std::string(verb) + " '" + directory.path(name) +
           "': " + std::generic_category().message(GetParam());
  }

  test::Directory directory;
};
INSTANTIATE_TEST_SUITE_P(Error, RingFailures, testing::Values(EIO, EDQUOT, ENOSPC));

TEST_P(RingFailures, OfAWriteSayWhichFile) {
  if (!test::can_refuse()) GTEST_SKIP() << "before 6.10";
  directory.write("file", "old\n");
  const auto path = [&](const char* name) { return directory.path(name); };
  EXPECT_EQ(told_when(IORING_OP_WRITE, [&] { return write_atomic(path("file"), "new"); }),
            said("write", "file"));
  EXPECT_EQ(told_when(IORING_OP_WRITE, [&] { return append_text(path("file"), "new"); }),
            said("write", "file"));
  EXPECT_EQ(told_when(IORING_OP_WRITEV, [&] { return append_line(path("file"), "new"); }),
            said("append a line to", "file"));
  EXPECT_EQ(directory.read("file"), "old\n");
}

// What the disk said last: nothing of it may be believed to be there.
TEST_P(RingFailures, OfASyncSayWhichFile) {
  if (!test::can_refuse()) GTEST_SKIP() << "before 6.10";
  directory.write("file", "old\n");
  const auto path = [&](const char* name) { return directory.path(name); };
  EXPECT_EQ(told_when(IORING_OP_FSYNC, [&] { return write_atomic(path("file"), "new"); }),
            said("sync", "file"));
  EXPECT_EQ(directory.read("file"), "old\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("")), {}), 1);
  EXPECT_EQ(told_when(IORING_OP_FSYNC,
                      [&] { return append_line(path("file"), "new", {.durable = true}); }),
            said("sync after appending a line to", "file"));
  EXPECT_EQ(directory.read("file"), "old\nnew\n") << "it is there, but not safe";
  const auto write_and_sync = [&]() -> Task<> {
    File file = co_await open(path("file"), "w");
    co_await file.write("text");
    auto synced = co_await as_outcome(file.sync());
    co_await file.close();
    if (!synced) co_await fail(std::move(synced.error()));
  };
  EXPECT_EQ(told_when(IORING_OP_FSYNC, write_and_sync), said("sync", "file"));
}

TEST_P(RingFailures, OfReadingSayWhichFile) {
  if (!test::can_refuse()) GTEST_SKIP() << "before 6.10";
  directory.write("file", "old\n");
  const auto path = [&](const char* name) { return directory.path(name); };
  EXPECT_EQ(told_when(IORING_OP_READ, [&]() -> Task<> { co_await read_text(path("file")); }),
            said("read", "file"));
  EXPECT_EQ(told_when(IORING_OP_RENAMEAT, [&] { return write_atomic(path("file"), "new"); }),
            said("replace", "file"));
  EXPECT_EQ(directory.read("file"), "old\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("")), {}), 1);
}

}  // namespace
