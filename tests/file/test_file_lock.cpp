#include "file/policies.hpp"
#include "support/failing_memory.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

namespace {

using namespace eddy;
using enum FileLockMode;
using test::wait_until_done;

// Another process that has `path` locked until it is told to go, or is killed.
class Holder {
 public:
  // A length of 0: the whole file, by flock(2).
  Holder(const std::string& path, FileLockMode mode, off_t offset = 0, off_t length = 0) {
    int ready[2], leave[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(leave, O_CLOEXEC), 0);
    std::fflush(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(leave[1]);
      const int fd = ::open(path.c_str(), O_RDWR);
      struct ::flock range {};
      range.l_type = mode == shared ? F_RDLCK : F_WRLCK;
      range.l_start = offset;
      range.l_len = length;
      const int locked = length == 0 ? ::flock(fd, mode == shared ? LOCK_SH : LOCK_EX)
                                     : ::fcntl(fd, F_OFD_SETLK, &range);
      char byte = locked == 0 ? 'y' : 'n';
      static_cast<void>(::write(ready[1], &byte, 1));
      static_cast<void>(::read(leave[0], &byte, 1));
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(leave[0]);
    leave_.reset(leave[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y') << "the other process has no lock";
    ::close(ready[0]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { leave(); }

  void leave() {
    leave_.reset();
    wait();
  }
  void kill() {
    ::kill(child_, SIGKILL);
    wait();
  }

 private:
  void wait() {
    if (child_ > 0) {
      EXPECT_EQ(::waitpid(child_, nullptr, 0), child_);
    }
    child_ = -1;
  }
  pid_t child_;
  UniqueFd leave_;
};

class Locks : public test::EveryPolicy {
 protected:
  Locks() { directory.write("file", std::string(100, 'x')); }
  Task<File> opened(const char* mode = "r+") { return open(path("file"), mode); }
};
INSTANTIATE_TEST_SUITE_P(Policy, Locks, test::every_policy(), test::name_of_policy);

TEST_P(Locks, OfAFileKeepAnotherProcessOutUntilTheyAreReleased) {
  run([&]() -> Task<> {
    File file = co_await opened();
    const UniqueFd other(::open(path("file").c_str(), O_RDONLY | O_CLOEXEC));
    {
      FileLock held = co_await lock_file(file);
      EXPECT_TRUE(held.held());
      EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), -1);
      FileLock moved = std::move(held);
      EXPECT_FALSE(held.held());
      EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), -1);
      moved.release();
      moved.release();
      EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
      ::flock(other.get(), LOCK_UN);
      moved = co_await lock_file(file, shared);
      EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), 0);
      EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), -1);
      ::flock(other.get(), LOCK_UN);
    }
    EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << "the guard did not release it";
    co_await file.close();
  });
}

TEST_P(Locks, WaitForTheProcessThatHasTheLock) {
  run([&]() -> Task<> {
    File file = co_await opened();
    Holder holder(path("file"), exclusive);
    auto waiting = spawn(lock_file(file, shared));
    co_await test::settle(50);
    EXPECT_FALSE(waiting.done());
    holder.leave();
    FileLock held = co_await waiting;
    EXPECT_TRUE(held.held());
  });
}

TEST_P(Locks, AreFreeWhenTheProcessThatHadThemIsKilled) {
  run([&]() -> Task<> {
    File file = co_await opened();
    for (const bool whole : {true, false}) {
      Holder holder(path("file"), exclusive, 0, whole ? 0 : 10);
      auto waiting = spawn([&]() -> Task<> {
        if (whole) {
          FileLock held = co_await lock_file(file);
        } else {
          FileLock held = co_await lock_range(file, 5, 1);
        }
      });
      co_await test::settle(50);
      EXPECT_FALSE(waiting.done());
      holder.kill();
      co_await waiting;
    }
  });
}

TEST_P(Locks, AreNotTakenByATryWhileAnotherHasThem) {
  run([&]() -> Task<> {
    File file = co_await opened();
    Holder holder(path("file"), shared);
    EXPECT_FALSE(co_await try_lock_file(file));
    EXPECT_TRUE(co_await try_lock_file(file, shared));
    holder.leave();
    EXPECT_TRUE(co_await try_lock_file(file));
    Holder range(path("file"), exclusive, 10, 10);
    EXPECT_FALSE(co_await try_lock_range(file, 15, 100));
    EXPECT_FALSE(co_await try_lock_range(file, 0, 0, shared)) << "0 is all";
    EXPECT_TRUE(co_await try_lock_range(file, 0, 10));
    EXPECT_TRUE(co_await try_lock_range(file, 20, 0));
  });
}

TEST_P(Locks, EndTheirWaitWithATimeoutOrACancelAndHaveNothing) {
  run([&]() -> Task<> {
    File file = co_await opened();
    Holder holder(path("file"), exclusive);
    auto late = co_await as_result(timeout(1s, lock_file(file)));
    EXPECT_EQ(late.error(), std::errc::timed_out);
    for (int turns = -1; turns < 8; ++turns) {
      auto waiting = spawn([&]() -> Task<> {
        if (turns < 0) this_task().cancel();
        FileLock held = co_await lock_file(file);
      });
      co_await test::settle(std::max(turns, 1));
      if (turns >= 0) waiting.cancel();
      co_await wait_until_done(waiting);
      EXPECT_TRUE(waiting.cancelled()) << turns;
    }
    holder.leave();
    const UniqueFd other(::open(path("file").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  });
}

// A cancel in any turn, of a lock that is free: the guard came, or there is no lock.
TEST_P(Locks, AreNotLeftBehindByACancel) {
  run([&]() -> Task<> {
    File file = co_await opened();
    const UniqueFd other(::open(path("file").c_str(), O_RDONLY | O_CLOEXEC));
    for (int turns = -1; turns < 12; ++turns) {
      auto locking = spawn([&]() -> Task<> {
        if (turns < 0) this_task().cancel();
        FileLock held = co_await lock_file(file);
      });
      co_await test::settle(std::max(turns, 0));
      locking.cancel();
      co_await wait_until_done(locking);
      EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0) << turns;
      ::flock(other.get(), LOCK_UN);
    }
  });
}

TEST_P(Locks, EndWhenTheFileIsClosedOrDropped) {
  run([&]() -> Task<> {
    const UniqueFd other(::open(path("file").c_str(), O_RDWR | O_CLOEXEC));
    for (const bool dropped : {false, true}) {
      File file = co_await opened();
      FileLock held = co_await lock_file(file);
      EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), -1);
      if (dropped) {
        file = File();
      } else {
        co_await file.close();
      }
      EXPECT_FALSE(held.held());
      EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);

      File waits = co_await opened();  // while `other` has it
      auto waiting = spawn(lock_file(waits));
      co_await test::settle(20);
      if (dropped) {
        waits = File();
      } else {
        co_await waits.close();
      }
      EXPECT_EQ((co_await as_result(waiting)).error(), std::errc::operation_canceled);
      ::flock(other.get(), LOCK_UN);
    }
    File none;
    EXPECT_THROW(static_cast<void>(co_await lock_file(none)), UsageError);
    EXPECT_THROW(co_await try_lock_range(none, 0, 1), UsageError);
  });
}

TEST_P(Locks, KeepTasksApartThatOpenedTheFileEachForItself) {
  run([&]() -> Task<> {
    int inside = 0;
    int times = 0;
    const auto one = [&]() -> Task<> {
      File file = co_await opened();
      for (int i = 0; i < 3; ++i) {
        FileLock held = co_await lock_file(file);
        EXPECT_EQ(++inside, 1);
        co_await sleep(3ms);
        --inside;
        ++times;
      }
      co_await file.close();
    };
    auto first = spawn(one);
    auto second = spawn(one);
    co_await first;
    co_await second;
    EXPECT_EQ(times, 6);
  });
}

TEST_P(Locks, BelongToTheFileSoThatWhoSharesItSharesThem) {
  run([&]() -> Task<> {
    File file = co_await opened();
    FileLock held = co_await lock_file(file);
    EXPECT_TRUE(co_await try_lock_file(file));
  });
}

TEST_P(Locks, BecomeExclusiveAndSharedAgain) {
  run([&]() -> Task<> {
    File file = co_await opened();
    const UniqueFd other(::open(path("file").c_str(), O_RDWR | O_CLOEXEC));
    FileLock read = co_await lock_file(file, shared);
    FileLock write = co_await lock_file(file, exclusive);
    EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), -1);
    FileLock again = co_await lock_file(file, shared);
    EXPECT_EQ(::flock(other.get(), LOCK_SH | LOCK_NB), 0);
    ::flock(other.get(), LOCK_UN);
  });
}

// Each has it shared and wants it for itself.
TEST_P(Locks, OfRangesThatWaitForEachOtherEndByATimeout) {
  run([&]() -> Task<> {
    File one = co_await opened();
    File other = co_await opened();
    FileLock of_one = co_await lock_range(one, 0, 10, shared);
    FileLock of_other = co_await lock_range(other, 0, 10, shared);
    auto first = spawn(timeout(1s, lock_range(one, 0, 10)));
    auto second = spawn(lock_range(other, 0, 10));
    EXPECT_EQ((co_await as_result(first)).error(), std::errc::timed_out);
    of_one.release();
    FileLock held = co_await second;
    EXPECT_FALSE(co_await try_lock_range(one, 9, 1, shared));
  });
}

TEST_P(Locks, OfRangesAreGivenBackInParts) {
  run([&]() -> Task<> {
    File file = co_await opened();
    File other = co_await opened();
    FileLock first = co_await lock_range(file, 0, 10);
    FileLock second = co_await lock_range(file, 10, 10);
    EXPECT_FALSE(co_await try_lock_range(other, 0, 20));
    first.release();
    EXPECT_TRUE(co_await try_lock_range(other, 0, 10));
    EXPECT_FALSE(co_await try_lock_range(other, 19, 1));
  });
}

TEST_P(Locks, SayWhatIsWrong) {
  run([&]() -> Task<> {
    File read_only = co_await opened("r");
    EXPECT_EQ((co_await as_result(lock_range(read_only, 0, 1))).error(),
              std::errc::bad_file_descriptor);
    EXPECT_TRUE((co_await as_result(lock_range(read_only, 0, 1, shared))).has_value());
    constexpr auto half = std::uint64_t{1} << 63;
    for (const auto& [offset, length] : {std::pair{half, std::uint64_t{1}},
                                         {std::uint64_t{0}, half},
                                         {half - 1, std::uint64_t{1}},
                                         {~std::uint64_t{0}, ~std::uint64_t{0}}}) {
      EXPECT_EQ((co_await as_result(lock_range(read_only, offset, length, shared))).error(),
                std::errc::invalid_argument)
          << offset << " " << length;
    }
    EXPECT_TRUE((co_await as_result(try_lock_range(read_only, half - 1, 0, shared))).has_value());
    try {
      static_cast<void>(co_await lock_range(read_only, 0, 1));
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "lock '" + path("file") + "': Bad file descriptor");
    }
  });
}

TEST_P(Locks, StayWhereAForkedChildLetsGoOfItsGuard) {
  run([&]() -> Task<> {
    File file = co_await opened();
    const FileLock held = co_await lock_file(file);
    FileLock range = co_await lock_range(file, 0, 10);
    test::in_a_child([&] {
      FileLock moved;
      moved = std::move(range);
      const_cast<FileLock&>(held).release();
    });
    File other = co_await opened();
    EXPECT_FALSE(co_await try_lock_file(other));
    EXPECT_FALSE(co_await try_lock_range(other, 0, 1));
    range.release();
    EXPECT_TRUE(co_await try_lock_range(other, 0, 1));
  });
}

}  // namespace
