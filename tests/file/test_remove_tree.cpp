// fs::rmtree: what it removes, what it never touches, and what it says of what stays.
#include "file/deep_directories.hpp"
#include "file/policies.hpp"
#include "support/failing_memory.hpp"
#include "support/few_descriptors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <functional>

namespace {

// Called before the plain call, with the name; an errno is its answer instead.
std::function<int(std::string_view name)> before_open;
std::function<int(std::string_view name)> before_unlink;

int ask(std::function<int(std::string_view)>& hook, const char* name) {
  if (!hook) return 0;
  auto once = std::exchange(hook, nullptr);  // what it does itself is not asked
  const int error = once(name);
  if (!hook) hook = std::move(once);
  return error;
}

}  // namespace

// What openat(2) is called where files may be large.
extern "C" int openat64(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (const int error = ask(before_open, path)) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}

extern "C" int unlinkat(int directory, const char* path, int flags) noexcept {
  if (const int error = ask(before_unlink, path)) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_unlinkat, directory, path, flags));
}

namespace {

using namespace eddy;
using test::wait_until_done;
namespace stdfs = std::filesystem;

class Rmtree : public test::EveryPolicy {
 protected:
  ~Rmtree() override { before_open = before_unlink = nullptr; }

  // A tree of some directories and files, and a directory beside it that no call should touch.
  void make_tree() const {
    stdfs::create_directories(path("tree/a/b/c"));
    stdfs::create_directories(path("tree/empty"));
    directory.write("tree/file", "1");
    directory.write("tree/a/file", "2");
    directory.write("tree/a/b/c/file", "3");
    stdfs::create_directory(path("outside"));
    directory.write("outside/precious", "kept");
  }
  void expect_outside() const { EXPECT_EQ(directory.read("outside/precious"), "kept"); }
  bool is_there(const std::string& name) const {
    return stdfs::exists(stdfs::symlink_status(path(name)));
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Rmtree, test::every_policy(), test::name_of_policy);
// Between two of its calls: those of the ring cannot be interposed.
class RmtreeStep : public Rmtree {};
INSTANTIATE_TEST_SUITE_P(Policy, RmtreeStep, testing::Values(FilePolicy::inline_),
                         test::name_of_policy);

TEST_P(Rmtree, RemovesFilesDirectoriesAndWhateverElseThereIs) {
  make_tree();
  ASSERT_EQ(::mkfifo(path("tree/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("../outside", path("tree/link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", path("tree/a/dangling").c_str()), 0);
  ASSERT_EQ(::symlink(".", path("tree/a/loop").c_str()), 0);
  ASSERT_EQ(::link(path("outside/precious").c_str(), path("tree/hard").c_str()), 0);
  for (const std::string& name :
       {std::string("line\nbreak"), std::string("\xff\xfe not UTF-8"), std::string(255, 'x'),
        std::string("..."), std::string(" "), std::string("-rf")}) {
    directory.write("tree/" + name, "x");
  }
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
  expect_outside();
}

TEST_P(Rmtree, RefusesALinkOrAFileAsItsRoot) {
  make_tree();
  ASSERT_EQ(::symlink("outside", path("link").c_str()), 0);
  run([&]() -> Task<> {
    for (const char* name : {"link", "link/", "link//", "tree/file"}) {
      EXPECT_EQ((co_await as_result(fs::rmtree(path(name)))).error(), std::errc::not_a_directory)
          << name;
    }
    EXPECT_EQ((co_await as_result(fs::rmtree(path("none")))).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ((co_await as_result(fs::rmtree(""))).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_TRUE(co_await as_result(fs::rmtree(path("none"), {.ignore_errors = true})));
  });
  EXPECT_TRUE(is_there("link"));
  EXPECT_TRUE(is_there("tree/file"));
  expect_outside();
}

TEST_P(Rmtree, RefusesWhatHasNoNameToRemove) {
  make_tree();
  run([&]() -> Task<> {
    for (const std::string& name : {path("tree/."), path("tree/a/.."), path("tree/./"),
                                    std::string("/"), std::string("//")}) {
      EXPECT_EQ((co_await as_result(fs::rmtree(name))).error(), std::errc::invalid_argument)
          << name;
    }
  });
  EXPECT_TRUE(is_there("tree/a/b/c/file"));
}

TEST_P(Rmtree, TakesSlashesAtTheEnd) {
  make_tree();
  run([&]() -> Task<> { co_await fs::rmtree(path("tree///")); });
  EXPECT_FALSE(is_there("tree"));
}

TEST_P(RmtreeStep, DoesNotFollowALinkThatReplacesADirectoryBeforeItIsOpened) {
  make_tree();
  before_open = [&](std::string_view name) {
    if (name == "b") {
      stdfs::rename(path("tree/a/b"), path("moved"));
      stdfs::create_directory_symlink(path("outside"), path("tree/a/b"));
    }
    return 0;
  };
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
  EXPECT_TRUE(is_there("moved/c/file"));
  expect_outside();
}

TEST_P(RmtreeStep, DoesNotFollowALinkThatReplacesADirectoryWhileItIsRead) {
  make_tree();
  directory.write("outside/file", "also kept");
  before_unlink = [&](std::string_view name) {
    if (name == "file" && stdfs::exists(path("tree/a/b/c/file")) && !is_there("moved")) {
      stdfs::rename(path("tree/a"), path("moved"));
      stdfs::create_directory_symlink(path("outside"), path("tree/a"));
    }
    return 0;
  };
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
  EXPECT_EQ(directory.read("outside/file"), "also kept");
  expect_outside();
}

TEST_P(Rmtree, TouchesNothingOutsideWhileSomebodySwapsDirectoriesAndLinksInEachTurn) {
  make_tree();
  test::make_deep(path("tree"), 50, "b");
  directory.write("outside/file", "also kept");
  stdfs::create_directory_symlink(path("outside"), path("link"));
  run([&]() -> Task<> {
    auto removing = spawn([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
    while (!removing.done()) {
      const std::string at = path("tree/b/b/b");
      static_cast<void>(::renameat2(AT_FDCWD, at.c_str(), AT_FDCWD, path("link").c_str(),
                                    RENAME_EXCHANGE));
      co_await yield();
    }
    static_cast<void>(co_await as_result(removing));
  });
  EXPECT_EQ(directory.read("outside/file"), "also kept");
  expect_outside();
}

TEST_P(RmtreeStep, GoesBackUpOnlyIntoTheDirectoryThatItCameFrom) {
  make_tree();
  test::make_deep(path("tree"), 60, "deep");
  stdfs::create_directory(path("elsewhere"));
  const auto at = [&](int levels) {
    std::string name = path("tree");
    for (int i = 0; i < levels; ++i) name += "/deep";
    return name;
  };
  // At the end of the chain a part of it is moved away, so that its ".." leads elsewhere; and what
  // it was below too, with others in its place.
  int opened = 0;
  before_open = [&](std::string_view name) {
    if (name != "deep" || ++opened != 60) return 0;
    stdfs::rename(at(20), path("outside/moved"));
    stdfs::rename(at(10), path("elsewhere/moved"));
    stdfs::create_directories(at(20));
    directory.write(at(19).substr(path("").size()) + "/precious", "kept");
    return 0;
  };
  run([&]() -> Task<> {
    EXPECT_EQ((co_await as_result(fs::rmtree(path("tree")))).error().value(), ESTALE);
  });
  EXPECT_EQ(directory.read(at(19).substr(path("").size()) + "/precious"), "kept");
  EXPECT_TRUE(is_there("outside/moved"));
  expect_outside();
}

TEST_P(RmtreeStep, FindsItsWayBackWhereAPartOfTheTreeIsMoved) {
  make_tree();
  test::make_deep(path("tree"), 60, "deep");
  int opened = 0;
  before_open = [&](std::string_view name) {
    if (name != "deep" || ++opened != 60) return 0;
    std::string middle = path("tree");
    for (int i = 0; i < 20; ++i) middle += "/deep";
    stdfs::rename(middle, path("outside/moved"));
    return 0;
  };
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
  EXPECT_TRUE(is_there("outside/moved"));
  expect_outside();
}

TEST_P(Rmtree, RemovesAThousandLevelsWithFewDescriptors) {
  make_tree();
  test::make_deep(path("tree"), 1000, std::string(100, 'd'));  // 100,000 characters of a path
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
}

TEST_P(Rmtree, DoesWithTheDescriptorsThatAreLeft) {
  make_tree();
  test::make_deep(path("tree"), 40, "d");
  run([&]() -> Task<> {
    co_await fs::exists(path("tree"));  // what a loop opens for itself
    test::LastDescriptors few(4);
    few.arm();
    auto removed = co_await as_result(fs::rmtree(path("tree")));
    few.disarm();
    EXPECT_TRUE(removed) << removed.error().message();
  });
  EXPECT_FALSE(is_there("tree"));
}

TEST_P(RmtreeStep, EndsAtTheFirstFailureAndNamesItsPath) {
  make_tree();
  before_unlink = [](std::string_view name) { return name == "c" ? EACCES : 0; };
  run([&]() -> Task<> {
    try {
      co_await fs::rmtree(path("tree"));
      ADD_FAILURE() << "it is removed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), std::errc::permission_denied);
      EXPECT_EQ(std::string(error.what()),
                "rmtree '" + path("tree/a/b/c") + "': Permission denied");
    }
  });
  EXPECT_TRUE(is_there("tree/a/b/c"));
}

TEST_P(RmtreeStep, TellsEachFailureAndRemovesTheRest) {
  make_tree();
  before_unlink = [](std::string_view name) { return name == "c" ? EACCES : 0; };
  before_open = [](std::string_view name) { return name == "empty" ? EIO : 0; };
  std::vector<std::string> told;
  run([&]() -> Task<> {
    co_await fs::rmtree(path("tree"), [&](const Error& error, std::string_view at) {
      told.push_back(std::string(at.substr(path("").size())) + ' ' +
                     std::to_string(error.code().value()));
    });
  });
  std::ranges::sort(told);
  EXPECT_EQ(told, (std::vector<std::string>{"tree/a/b/c " + std::to_string(EACCES),
                                            "tree/empty " + std::to_string(EIO)}));
  EXPECT_TRUE(is_there("tree/a/b/c"));
  EXPECT_TRUE(is_there("tree/empty"));
  EXPECT_FALSE(is_there("tree/file"));
  EXPECT_FALSE(is_there("tree/a/b/c/file"));
}

TEST_P(RmtreeStep, IgnoresFailuresWhereThatIsWanted) {
  make_tree();
  before_unlink = [](std::string_view name) { return name == "c" ? EACCES : 0; };
  run([&]() -> Task<> { co_await fs::rmtree(path("tree"), {.ignore_errors = true}); });
  EXPECT_TRUE(is_there("tree/a/b/c"));
  EXPECT_FALSE(is_there("tree/file"));
}

TEST_P(RmtreeStep, EndsWithWhatItsListenerThrows) {
  make_tree();
  before_unlink = [](std::string_view name) { return name == "file" ? EACCES : 0; };
  run([&]() -> Task<> {
    int told = 0;
    try {
      co_await fs::rmtree(path("tree"), [&](const Error&, std::string_view) {
        ++told;
        throw std::runtime_error("enough");
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "enough");
    }
    EXPECT_EQ(told, 1);
  });
}

TEST_P(RmtreeStep, TakesWhatVanishesMeanwhileForRemoved) {
  make_tree();
  before_open = [&](std::string_view name) {
    if (name == "b") stdfs::remove_all(path("tree/a/b"));
    return 0;
  };
  before_unlink = [&](std::string_view name) {
    if (name == "empty") stdfs::remove(path("tree/empty"));
    return 0;
  };
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
}

TEST_P(RmtreeStep, RemovesWhatComesMeanwhile) {
  make_tree();
  int more = 3;
  before_unlink = [&](std::string_view name) {
    if (name == "b" && more-- > 0) directory.write("tree/a/b/late", "x");
    return 0;
  };
  run([&]() -> Task<> { co_await fs::rmtree(path("tree")); });
  EXPECT_FALSE(is_there("tree"));
}

TEST_P(RmtreeStep, GivesUpWhereNewOnesComeForEver) {
  make_tree();
  before_unlink = [&](std::string_view name) {
    if (name == "b") directory.write("tree/a/b/late", "x");
    return 0;
  };
  run([&]() -> Task<> {
    EXPECT_EQ((co_await as_result(fs::rmtree(path("tree")))).error(),
              std::errc::directory_not_empty);
  });
}

TEST_P(Rmtree, MayBeCancelledInAnyTurn) {
  bool ended = false;
  for (int turns = 0; !ended; turns += 1 + turns / 2) {
    stdfs::remove_all(path("tree"));
    stdfs::remove_all(path("outside"));
    make_tree();
    run([&]() -> Task<> {
      auto removing = spawn([&]() -> Task<> {
        if (turns == 0) this_task().cancel();
        co_await fs::rmtree(path("tree"));
        ended = true;
      });
      co_await test::settle(turns);
      removing.cancel();
      co_await wait_until_done(removing);
      EXPECT_TRUE(ended || removing.cancelled());
    });
    EXPECT_EQ(ended, !is_there("tree"));
  }
  EXPECT_TRUE(ended);
}

TEST_P(Rmtree, LeavesNothingBehindWhereMemoryFails) {
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    stdfs::remove_all(path("tree"));
    stdfs::remove_all(path("outside"));
    make_tree();
    run([&]() -> Task<> {
      memory.arm();
      bool done = false;
      try {
        co_await fs::rmtree(path("tree"));
        done = true;
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
      EXPECT_EQ(done, !is_there("tree"));
    });
  });
  EXPECT_GT(failed, 5u);
}

TEST_P(Rmtree, MayBeCalledTwiceAtTheSameTime) {
  for (int i = 0; i < 20; ++i) {
    make_tree();
    for (int more = 0; more < 20; ++more) {
      stdfs::create_directories(path("tree/" + std::to_string(more) + "/x/y"));
    }
    run([&]() -> Task<> {
      auto first = spawn(fs::rmtree(path("tree")));
      co_await test::settle(i);
      // Whoever comes last finds that the root has gone.
      const auto second = co_await as_result(fs::rmtree(path("tree")));
      const auto done = co_await as_result(JoinHandle<>(first));
      EXPECT_TRUE(done) << done.error().message();
      EXPECT_TRUE(second || !stdfs::exists(path("tree")));
    });
    EXPECT_FALSE(is_there("tree"));
  }
}

}  // namespace
