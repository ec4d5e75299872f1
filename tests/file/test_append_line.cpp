#include "file/policies.hpp"
#include "file/size_limit.hpp"
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/seccomp.hpp"

#include <sys/stat.h>

#include <set>
#include <sstream>

namespace {

using namespace eddy;

class AppendLine : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, AppendLine, test::every_policy(), test::name_of_policy);

std::string message_of(const Failure& failure) {
  try {
    failure.raise();
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST_P(AppendLine, AddsALineWithItsEnd) {
  run([&]() -> Task<> {
    co_await append_line(path("log"), "one");
    co_await append_line(path("log"), "two\n");
    co_await append_line(path("log"), "");
    co_await append_line(path("log"), std::string("three"), {.durable = true});
  });
  EXPECT_EQ(directory.read("log"), "one\ntwo\n\nthree\n");
}

TEST_P(AppendLine, MakesTheFileWithThePermissionsAskedFor) {
  run([&]() -> Task<> { co_await append_line(path("log"), "one", {.permissions = 0640}); });
  struct stat stat {};
  ASSERT_EQ(::stat(path("log").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0640u);
}

// What a crash has left at the end is a line of its own, and does not swallow the next one.
TEST_P(AppendLine, BeginsANewOneAfterATornOne) {
  directory.write("log", "whole\nto");
  run([&]() -> Task<> {
    co_await append_line(path("log"), "next");
    co_await append_line(path("log"), "last");
  });
  EXPECT_EQ(directory.read("log"), "whole\nto\nnext\nlast\n");
}

TEST_P(AppendLine, OfManyTasksStandsInNoOther) {
  std::multiset<std::string> written;
  run([&]() -> Task<> {
    std::vector<JoinHandle<>> tasks;
    for (int task = 0; task < 20; ++task) {
      for (int i = 0; i < 10; ++i) {
        std::string line(static_cast<std::size_t>(1 + task * i * 50), static_cast<char>('a' + i));
        written.insert(line);
        tasks.push_back(spawn(append_line(path("log"), std::move(line))));
      }
    }
    for (auto& task : tasks) co_await task;
  });
  std::istringstream log(directory.read("log"));
  std::multiset<std::string> found;
  for (std::string line; std::getline(log, line);) found.insert(line);
  EXPECT_EQ(found, written);
}

TEST_P(AppendLine, IsRefusedWhereNoFileStands) {
  std::filesystem::create_directory(path("directory"));
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run([&]() -> Task<> {
    EXPECT_EQ((co_await as_result(append_line(path("directory"), "line"))).error(),
              std::errc::is_a_directory);
    EXPECT_EQ((co_await as_result(append_line(path("fifo"), "line"))).error(),
              std::errc::invalid_argument);
    EXPECT_EQ((co_await as_result(append_line(path("none/log"), "line"))).error(),
              std::errc::no_such_file_or_directory);
    const Bytes two_gib(nullptr, std::size_t{1} << 31);
    EXPECT_EQ((co_await as_result(append_line(path("log"), two_gib))).error(),
              std::errc::invalid_argument);
    EXPECT_FALSE(co_await fs::exists(path("log")));
  });
}

TEST_P(AppendLine, GoesToADevice) {
  run([&]() -> Task<> { co_await append_line("/dev/null", "line", {.durable = true}); });
}

TEST_P(AppendLine, SaysThatThereIsNoRoom) {
  run([&]() -> Task<> {
    auto done = co_await as_outcome(append_line("/dev/full", "line"));
    EXPECT_FALSE(done);
    if (done) co_return;
    EXPECT_TRUE(done.error().is_error(ENOSPC));
    EXPECT_EQ(message_of(done.error()),
              "append a line to '/dev/full': No space left on device");
  });
}

// The part stays, since others may have appended; what comes next is a line of its own.
TEST_P(AppendLine, SaysThatThereWasRoomForAPartOnly) {
  run([&]() -> Task<> {
    co_await append_line(path("log"), "first");
    {
      const test::SizeLimit limit(10);
      auto done = co_await as_outcome(append_line(path("log"), "second"));
      EXPECT_FALSE(done);
      if (done) co_return;
      EXPECT_TRUE(done.error().is_error(EFBIG));
      EXPECT_EQ(message_of(done.error()), "append more than a part of a line to '" + path("log") +
                                              "': File too large");
    }
    EXPECT_EQ(directory.read("log"), "first\nseco");
    co_await append_line(path("log"), "third");
    EXPECT_EQ(directory.read("log"), "first\nseco\nthird\n");
  });
}

// Cancelled at any turn: nothing, or the line and the request left for the next wait.
TEST_P(AppendLine, SaysWhatItDidWhenItIsCancelled) {
  for (const bool durable : {false, true}) {
    run([&]() -> Task<> {
      int appended = 0;
      for (int turns = 0; turns < 50 && appended < 3; ++turns) {
        std::filesystem::remove(path("log"));
        bool done = false;
        Event never;
        auto task = spawn([&]() -> Task<> {
          co_await append_line(path("log"), "line", {.durable = durable});
          done = true;
          co_await never.wait();
        });
        co_await test::settle(turns);
        task.cancel();
        co_await test::wait_until_done(task);
        appended += done;
        EXPECT_TRUE(task.cancelled());
        EXPECT_EQ(directory.read("log"), done ? "line\n" : "") << turns;
      }
    });
  }
}

// The request is there when the line has just been written: it waits, and the line is synced.
TEST_P(AppendLine, IsDoneOnceTheLineIsThere) {
  run([&]() -> Task<> {
    for (int round = 0; round < 10; ++round) {
      std::filesystem::remove(path("log"));
      bool done = false;
      Event never;
      auto task = spawn([&]() -> Task<> {
        co_await append_line(path("log"), "line", {.durable = true});
        done = true;
        co_await never.wait();
      });
      while (!task.done() && directory.read("log").empty()) co_await yield();
      task.cancel();
      co_await test::wait_until_done(task);
      EXPECT_TRUE(done);
      EXPECT_TRUE(task.cancelled());
    }
  });
}

constexpr unsigned nobody = 65534;

TEST_P(AppendLine, GoesToALogThatMayOnlyBeWritten) {
  if (::getuid() != 0) GTEST_SKIP() << "takes two users";
  directory.write("log", "line\n");
  ASSERT_EQ(::chmod(path("log").c_str(), 0222), 0);
  ASSERT_EQ(::chmod(path("").c_str(), 0755), 0);
  test::in_a_child([&] {
    ASSERT_EQ(::setresgid(nobody, nobody, nobody), 0);
    ASSERT_EQ(::setresuid(nobody, nobody, nobody), 0);
    const auto body = [&]() -> Task<> { co_await append_line(path("log"), "another"); };
    test::run(body, {.file_policy = GetParam()});
  });
  EXPECT_EQ(directory.read("log"), "line\nanother\n");
}

// While another program is in the middle of a long line, that line has no end yet: it is not taken
// for a torn one.
TEST_P(AppendLine, OfTwoProgramsAtOnceIsNotTakenForATornOne) {
  constexpr int lines = 60;
  const auto append = [&](char letter) {
    const std::string line(60'000, letter);
    const auto body = [&]() -> Task<> {
      for (int i = 0; i < lines; ++i) co_await append_line(path("log"), line);
    };
    test::run(body, {.file_policy = GetParam()});
  };
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(60);
    append('a');
    ::_exit(testing::Test::HasFailure() ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  append('b');
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::istringstream log(directory.read("log"));
  int found = 0;
  for (std::string line; std::getline(log, line); ++found) {
    EXPECT_TRUE(line == std::string(60'000, 'a') || line == std::string(60'000, 'b'))
        << "a line of " << line.size();
  }
  EXPECT_EQ(found, 2 * lines);
}

TEST_P(AppendLine, AllocatesNothingAfterWarmUp) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "not under a sanitizer";
  const Text log(path("log"));
  run([&]() -> Task<> {
    std::size_t before = 0;
    for (int round = 0; round < 20; ++round) {
      if (round == 10) before = test::allocations();
      co_await append_line(log, "a line");
    }
    EXPECT_EQ(test::allocations(), before);
  });
}

// Whatever memory is missing: an Error has a reason.
TEST_P(AppendLine, NeverFailsWithSuccess) {
  std::filesystem::permissions(path(""), std::filesystem::perms::owner_exec |
                                             std::filesystem::perms::owner_write);
  const std::string log = path("log");
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop(test::options({.file_policy = GetParam()}));
    std::string told;
    const auto body = [&]() -> Task<> {
      memory.arm();
      auto done = co_await as_outcome(append_line(log, "line", {.durable = true}));
      memory.disarm();
      if (!done) told = message_of(done.error());
    };
    try {
      loop.run(body());
    } catch (const std::bad_alloc&) {
    }
    memory.disarm();
    EXPECT_EQ(told.find("Success"), told.npos) << told;
    loop.close();
    ::unlink(log.c_str());
  });
  EXPECT_GT(failed, 0u);
  std::filesystem::permissions(path(""), std::filesystem::perms::owner_all);
}

}  // namespace
