#include "core/kernel.hpp"
#include "file/path_calls.hpp"
#include "file/policies.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

namespace {

using namespace eddy;
using test::wait_until_done;

// The threads of the kernel, which do what the ring does not do without one.
class Workers : public test::EveryPolicy {
 protected:
  // Makes, writes, syncs, reads past the cache, copies, replaces: what needs a worker in some way.
  Task<> use_files() {
    const std::string text(100'000, 'x');
    File file = co_await open(path("file"), "w+");
    co_await file.write(text);
    co_await file.sync();
    co_await file.write_at("y", 1);
    co_await file.datasync();
    co_await file.truncate(90'000);
    co_await file.allocate(0, 200'000);
    EXPECT_EQ((co_await file.stat()).size, 200'000u);
    co_await file.close();
    File direct = co_await open(path("file"), "r", {.buffering = 0, .flags = O_DIRECT});
    alignas(4096) static char page[4096];
    EXPECT_EQ(co_await direct.read_into(page), sizeof page);
    EXPECT_EQ(co_await direct.read_at(page, 4096), sizeof page);
    EXPECT_EQ(page[0], 'x');
    co_await direct.close();
    EXPECT_EQ(co_await fs::copyfile(path("file"), path("copy")), 200'000u);
    co_await write_atomic(path("copy"), "new");
    EXPECT_EQ(co_await read_text(path("copy")), "new");
    co_await fs::rename(path("copy"), path("moved"));
    co_await fs::makedirs(path("a/b"));
    co_await fs::rmdir(path("a/b"));
    co_await fs::rmdir(path("a"));
    co_await fs::remove(path("moved"));
    EXPECT_FALSE(co_await fs::exists(path("moved")));
  }

  // In a child that begins no more threads.
  template <class F>
  void run_without_threads(F&& body) {
    ::chmod(path("").c_str(), 0777);
    test::in_a_child([&] {
      Loop loop(test::options({.file_policy = GetParam()}));
      if (::getuid() == 0) {  // to whom the limit does not apply
        ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
      }
      const rlimit none{0, 0};
      ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
      loop.run(body());
      loop.close();
    });
  }
  // More opens than there are workers, each waiting for the other end of its FIFO.
  Task<std::vector<JoinHandle<>>> open_fifos() {
    const auto open_one = [](std::string fifo, std::string mode) -> Task<> {
      co_await open(fifo, mode);
    };
    std::vector<JoinHandle<>> opening;
    for (int i = 0; i < 12; ++i) {
      const std::string name = path("fifo" + std::to_string(i));
      EXPECT_EQ(::mkfifo(name.c_str(), 0666), 0);
      opening.push_back(spawn(open_one(name, i % 2 ? "r" : "w")));
    }
    co_await test::settle(50);
    co_return opening;
  }
  static Task<> cancel(std::vector<JoinHandle<>>& opening) {
    for (auto& one : opening) {
      one.cancel();
      co_await wait_until_done(one);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Workers, test::every_policy(), test::name_of_policy);

// The kernel answers ECANCELED then, although nobody cancelled.
TEST_P(Workers, AreDoneWithoutWhenThereIsNoThread) {
  run_without_threads([&]() -> Task<> { return use_files(); });
}

TEST_P(Workers, AreMissedByAnOpenThatWaitsAndThatIsSaid) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(path("fifo").c_str(), 0666), 0);
  run_without_threads([&]() -> Task<> {
    for (const char* mode : {"r", "w"}) {
      try {
        co_await open(path("fifo"), mode);
        ADD_FAILURE() << "opened without its other end";
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("RLIMIT_NPROC"), std::string::npos)
            << error.what();
      }
    }
  });
}

// A thread does not begin while a signal is pending for the one that begins it.
TEST_P(Workers, AreDoneWithoutInAStormOfSignals) {
  test::in_a_child([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // and no SA_RESTART
    ASSERT_EQ(::sigaction(SIGALRM, &action, nullptr), 0);
    const itimerval storm{{0, 50}, {0, 50}};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &storm, nullptr), 0);
    for (int round = 0; round < 5; ++round) {
      const auto body = [&]() -> Task<> { return use_files(); };
      test::run(body, {.file_policy = GetParam()});
    }
    const itimerval calm{};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &calm, nullptr), 0);
  });
}

// More than there are workers: each has one of its own.
TEST_P(Workers, AreNotHeldByOpensThatWaitForTheOtherEndOfAFifo) {
  test::in_a_child([&] {  // with its own limit of time
    run([&]() -> Task<> {
      auto opening = co_await open_fifos();
      co_await use_files();
      co_await use_files();
      EXPECT_TRUE(std::ranges::none_of(opening, [](auto& one) { return one.done(); }));
      co_await cancel(opening);
      co_await use_files();
    });
  });
}

// The limit is the thread's: a second loop must not take back what the first needs.
TEST_P(Workers, AreNotTakenAwayByASecondLoopOnTheThread) {
  test::in_a_child([&] {  // with its own limit of time
    run([&]() -> Task<> {
      auto opening = co_await open_fifos();
      {
        Loop second(test::options());
        co_await use_files();
      }
      co_await use_files();
      co_await cancel(opening);
    });
  });
}

// Opening it waits until the lease is given up.
TEST_P(Workers, CopyAFileThatSomebodyHasALeaseOn) {
  directory.write("file", "text");
  test::in_a_child([&] {
    ::signal(SIGIO, SIG_IGN);  // says that the lease is wanted back
    const UniqueFd held(::open(path("file").c_str(), O_RDWR | O_CLOEXEC));
    if (::fcntl(held.get(), F_SETLEASE, F_WRLCK) != 0) return;  // there are none here
    const auto body = [&]() -> Task<> {
      auto copying = spawn(fs::copyfile(path("file"), path("copy")));
      co_await test::settle(50);
      EXPECT_FALSE(copying.done());
      ::fcntl(held.get(), F_SETLEASE, F_UNLCK);
      EXPECT_EQ(co_await copying, 4u);
    };
    test::run(body, {.file_policy = GetParam()});
  });
}

TEST_P(Workers, TruncateAFileThatSomebodyHasALeaseOn) {
  if (GetParam() == FilePolicy::inline_) return;  // it holds the loop, as was asked for
  directory.write("file", "text");
  test::in_a_child([&] {
    ::signal(SIGIO, SIG_IGN);  // says that the lease is wanted back
    const UniqueFd held(::open(path("file").c_str(), O_RDONLY | O_CLOEXEC));
    if (::fcntl(held.get(), F_SETLEASE, F_RDLCK) != 0) return;  // there are none here
    const auto body = [&]() -> Task<> {
      auto cutting = spawn(fs::truncate(path("file"), 2));
      co_await test::settle(50);
      EXPECT_FALSE(cutting.done());
      ::fcntl(held.get(), F_SETLEASE, F_UNLCK);
      co_await cutting;
    };
    test::run(body, {.file_policy = GetParam()});
  });
  EXPECT_EQ(directory.read("file"), "te");
}

// Looks before it opens: nobody comes, or somebody who then finds that there is no reader.
TEST_P(Workers, AreNotHeldByACopyOfAFifo) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  directory.write("file", "text");
  test::in_a_child([&] {
    run([&]() -> Task<> {
      EXPECT_EQ((co_await as_result(fs::copyfile(path("fifo"), path("x")))).error(),
                std::errc::invalid_argument);
      EXPECT_EQ((co_await as_result(fs::copyfile(path("file"), path("fifo")))).error(),
                std::errc::invalid_argument);
      auto writer = spawn([&]() -> Task<> { co_await open(path("fifo"), "w"); });
      co_await test::settle(50);
      EXPECT_EQ((co_await as_result(fs::copyfile(path("fifo"), path("x")))).error(),
                std::errc::invalid_argument);
      co_await test::settle(50);
      EXPECT_FALSE(writer.done()) << "the copy was its reader for a moment";
      writer.cancel();
      co_await wait_until_done(writer);
      EXPECT_FALSE(co_await fs::exists(path("x")));
    });
  });
}

TEST_P(Workers, DoNotChangeADeviceThatIsCopiedTo) {
  if (::mknod(path("null").c_str(), S_IFCHR | 0606, ::makedev(1, 3)) != 0) {
    GTEST_SKIP() << "only root may make a device";
  }
  ::chmod(path("null").c_str(), 0606);
  directory.write("file", "text");
  run([&]() -> Task<> { EXPECT_EQ(co_await fs::copyfile(path("file"), path("null")), 4u); });
  struct stat now;
  ASSERT_EQ(::stat(path("null").c_str(), &now), 0);
  EXPECT_TRUE(S_ISCHR(now.st_mode));
  EXPECT_EQ(now.st_mode & 07777, 0606u);
}

}  // namespace
