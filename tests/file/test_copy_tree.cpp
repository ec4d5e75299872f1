// fs::copytree and fs::move: what arrives, what stays, and what is said of the rest.
#include "file/policies.hpp"
#include "support/failing_memory.hpp"
#include "support/mounts.hpp"
#include "support/said_by.hpp"
#include "support/seccomp.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

namespace {

using namespace eddy;
using test::wait_until_done;
namespace stdfs = std::filesystem;
using Names = std::vector<std::string>;

class Trees : public test::EveryPolicy {
 protected:
  void make_tree() const {
    stdfs::create_directories(path("tree/a/b"));
    stdfs::create_directories(path("tree/empty"));
    directory.write("tree/file", "1");
    directory.write("tree/a/file.tmp", "2");
    directory.write("tree/a/b/\xff\n", "3");
    stdfs::create_symlink("file", path("tree/link"));
    stdfs::create_directory_symlink("a", path("tree/way"));
    ::chmod(path("tree/file").c_str(), 0640);
    ::chmod(path("tree/empty").c_str(), 0750);
    set_time("tree/file", 1'000'000'000);
    set_time("tree/a", 1'100'000'000);
    set_time("tree", 1'200'000'000);
  }
  void set_time(const std::string& name, time_t seconds) const {
    const timespec times[] = {{seconds, 0}, {seconds, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  // One line for each entry: name, kind, permissions, and text, target or time.
  Names look(const std::string& root) const {
    Names lines;
    const auto add = [&](const stdfs::path& at) {
      struct stat stat;
      EXPECT_EQ(::lstat(at.c_str(), &stat), 0);
      std::string line = at.string().substr(root.size());
      if (S_ISLNK(stat.st_mode)) {
        line += " -> " + stdfs::read_symlink(at).string();
      } else {
        line += ' ' + std::to_string(stat.st_mode) + ' ' + std::to_string(stat.st_mtim.tv_sec);
      }
      if (S_ISREG(stat.st_mode)) {
        std::ifstream file(at, std::ios::binary);
        line += ' ' + std::string(std::istreambuf_iterator<char>(file), {});
      }
      lines.push_back(line);
    };
    add(root);
    for (const auto& entry : stdfs::recursive_directory_iterator(root)) add(entry.path());
    std::ranges::sort(lines);
    return lines;
  }
  bool is_there(const std::string& name) const {
    return stdfs::exists(stdfs::symlink_status(path(name)));
  }
};

class CopyTree : public Trees {};
INSTANTIATE_TEST_SUITE_P(Policy, CopyTree, test::every_policy(), test::name_of_policy);
class MoveTree : public Trees {};
INSTANTIATE_TEST_SUITE_P(Policy, MoveTree, test::every_policy(), test::name_of_policy);
// ... to another file system: that of shared memory.
// Files that this thread removes by a plain call.
thread_local int removed_here = 0;

class MoveFar : public Trees {
 protected:
  MoveFar() {
    std::string name = "/dev/shm/eddy-test-XXXXXX";
    if (::mkdtemp(name.data())) far = name;
  }
  ~MoveFar() override {
    if (!far.empty()) stdfs::remove_all(far);
  }
  void SetUp() override {
    struct stat there;
    struct stat here;
    if (far.empty() || ::stat(far.c_str(), &there) < 0 || ::stat(path("").c_str(), &here) < 0 ||
        there.st_dev == here.st_dev) {
      GTEST_SKIP() << "there is no other file system";
    }
  }

  std::string far;
};
INSTANTIATE_TEST_SUITE_P(Policy, MoveFar, test::every_policy(), test::name_of_policy);

}  // namespace

extern "C" int unlink(const char* path) noexcept {
  ++removed_here;
  return static_cast<int>(::syscall(SYS_unlink, path));
}

namespace {

TEST_P(CopyTree, CopiesFilesLinksPermissionsAndTimes) {
  make_tree();
  run([&]() -> Task<> {
    co_await fs::copytree(path("tree"), path("new/copy"), {.symlinks = true});
  });
  EXPECT_EQ(look(path("new/copy")), look(path("tree")));
}

TEST_P(CopyTree, CopiesWhatLinksLeadTo) {
  make_tree();
  run([&]() -> Task<> { co_await fs::copytree(path("tree"), path("copy")); });
  EXPECT_TRUE(stdfs::is_regular_file(stdfs::symlink_status(path("copy/link"))));
  EXPECT_TRUE(stdfs::is_directory(stdfs::symlink_status(path("copy/way"))));
  EXPECT_EQ(directory.read("copy/link"), "1");
  EXPECT_EQ(directory.read("copy/way/b/\xff\n"), "3");
}

TEST_P(CopyTree, LeavesOutWhatIsIgnored) {
  make_tree();
  run([&]() -> Task<> {
    const fs::ignore_patterns ignored{"*.tmp", "em*", "w[a-z]y"};
    co_await fs::copytree(path("tree"), path("copy"), {}, ignored);
    co_await fs::copytree(path("tree"), path("only"), {},
                          [](const DirectoryEntry& entry) { return entry.is_dir(); });
  });
  EXPECT_TRUE(is_there("copy/a/b/\xff\n"));
  EXPECT_FALSE(is_there("copy/a/file.tmp"));
  EXPECT_FALSE(is_there("copy/empty"));
  EXPECT_FALSE(is_there("copy/way"));
  EXPECT_TRUE(is_there("only/file"));
  EXPECT_FALSE(is_there("only/a"));
}

TEST_P(CopyTree, LetsNobodyIntoADirectoryBeforeItIsCopied) {
  make_tree();
  run([&]() -> Task<> {
    int looked = 0;
    const auto look_at = [&](const DirectoryEntry& entry) {
      const std::string to = entry.path().contains("/tree/a/") ? "copy/a" : "copy";
      struct stat stat {};
      EXPECT_EQ(::stat(path(to).c_str(), &stat), 0);
      EXPECT_EQ(stat.st_mode & 07777, 0700u) << to;
      ++looked;
      return false;
    };
    ::chmod(path("tree").c_str(), 0777);
    ::chmod(path("tree/a").c_str(), 0711);
    co_await fs::copytree(path("tree"), path("copy"), {.symlinks = true}, look_at);
    EXPECT_GT(looked, 5);
    EXPECT_EQ(look(path("copy")), look(path("tree")));
  });
}

TEST_P(CopyTree, CopiesIntoWhatIsThereOnlyWhereThatIsWanted) {
  make_tree();
  stdfs::create_directories(path("copy/a"));
  directory.write("copy/a/file.tmp", "old");
  directory.write("copy/a/other", "kept");
  run([&]() -> Task<> {
    EXPECT_EQ((co_await as_result(fs::copytree(path("tree"), path("copy")))).error(),
              std::errc::file_exists);
    EXPECT_FALSE(is_there("copy/file"));
    co_await fs::copytree(path("tree"), path("copy"), {.dirs_exist_ok = true});
  });
  EXPECT_EQ(directory.read("copy/a/file.tmp"), "2");
  EXPECT_EQ(directory.read("copy/a/other"), "kept");
  EXPECT_EQ(directory.read("copy/file"), "1");
}

TEST_P(CopyTree, TellsAllThatCouldNotBeCopiedAndCopiesTheRest) {
  make_tree();
  stdfs::create_symlink("nowhere", path("tree/dangling"));
  stdfs::create_directory_symlink("..", path("tree/a/back"));
  ASSERT_EQ(::mkfifo(path("tree/a/fifo").c_str(), 0600), 0);
  run([&]() -> Task<> {
    try {
      co_await fs::copytree(path("tree"), path("copy"));
      ADD_FAILURE() << "all is copied";
    } catch (const fs::CopytreeError& error) {
      Names failed;
      for (const auto& item : error.items()) {
        failed.push_back(item.from.substr(path("tree/").size()) + ' ' +
                         std::to_string(item.error.code().value()));
        EXPECT_EQ(item.to, path("copy/") + item.from.substr(path("tree/").size()));
        EXPECT_NE(std::string(item.error.what()).find(item.from), std::string::npos);
      }
      std::ranges::sort(failed);
      const std::string loop = ' ' + std::to_string(ELOOP);
      const std::string invalid = ' ' + std::to_string(EINVAL);
      const std::string none = ' ' + std::to_string(ENOENT);
      const Names expected = {"a/back" + loop,     "a/fifo" + invalid, "dangling" + none,
                              "way/back" + loop, "way/fifo" + invalid};
      EXPECT_EQ(failed, expected);
      const std::string said = error.what();
      EXPECT_TRUE(said.starts_with("copytree '" + path("tree") + "': 5 could not be copied: "))
          << said;
    }
  });
  EXPECT_EQ(directory.read("copy/way/b/\xff\n"), "3");
  EXPECT_EQ(directory.read("copy/file"), "1");
}

TEST_P(CopyTree, LeavesOutLinksThatLeadNowhereWhereThatIsWanted) {
  make_tree();
  stdfs::create_symlink("nowhere", path("tree/dangling"));
  run([&]() -> Task<> {
    co_await fs::copytree(path("tree"), path("copy"), {.ignore_dangling_symlinks = true});
  });
  EXPECT_FALSE(is_there("copy/dangling"));
  EXPECT_TRUE(is_there("copy/link"));
}

TEST_P(CopyTree, DoesNotCopyTheCopyIntoItself) {
  make_tree();
  run([&]() -> Task<> {
    co_await fs::copytree(path("tree"), path("tree/a/b/copy"), {.symlinks = true});
  });
  EXPECT_EQ(directory.read("tree/a/b/copy/file"), "1");
  EXPECT_FALSE(is_there("tree/a/b/copy/a/b/copy"));
}

TEST_P(CopyTree, NamesARootThatCannotBeRead) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    for (const char* name : {"none", "file"}) {
      try {
        co_await fs::copytree(path(name), path("copy"));
        ADD_FAILURE() << "it is copied";
      } catch (const Error& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with("copytree '" + path(name) + "': "));
      }
    }
  });
  EXPECT_FALSE(is_there("copy"));
}

TEST_P(CopyTree, MayBeCancelledInAnyTurn) {
  bool ended = false;
  for (int turns = 0; !ended; turns += 1 + turns / 2) {
    stdfs::remove_all(path("tree"));
    stdfs::remove_all(path("copy"));
    make_tree();
    run([&]() -> Task<> {
      auto copying = spawn([&]() -> Task<> {
        if (turns == 0) this_task().cancel();
        co_await fs::copytree(path("tree"), path("copy"), {.symlinks = true});
        ended = true;
      });
      co_await test::settle(turns);
      copying.cancel();
      co_await wait_until_done(copying);
      EXPECT_TRUE(ended || copying.cancelled());
    });
  }
  EXPECT_EQ(look(path("copy")), look(path("tree")));
}

TEST_P(CopyTree, LeavesNothingBehindWhereMemoryFails) {
  make_tree();
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    stdfs::remove_all(path("copy"));
    run([&]() -> Task<> {
      bool done = false;
      memory.arm();
      try {
        co_await fs::copytree(path("tree"), path("copy"), {.symlinks = true});
        done = true;
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
      EXPECT_TRUE(!done || look(path("copy")) == look(path("tree")));
    });
  });
  EXPECT_GT(failed, 5u);
}

TEST_P(MoveTree, RenamesFilesAndDirectories) {
  make_tree();
  const Names before = look(path("tree"));
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::move(path("tree"), path("moved")), path("moved"));
    EXPECT_EQ(look(path("moved")), before);
    EXPECT_EQ(co_await fs::move(path("moved/file"), path("moved/renamed")), path("moved/renamed"));
    directory.write("old", "old");
    EXPECT_EQ(co_await fs::move(path("moved/renamed"), path("old")), path("old"));
    EXPECT_EQ(directory.read("old"), "1");
  });
  EXPECT_FALSE(is_there("tree"));
}

TEST_P(MoveTree, MovesIntoADirectoryUnderItsOwnName) {
  make_tree();
  stdfs::create_directory(path("into"));
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::move(path("tree/a/"), path("into")), path("into/a"));
    EXPECT_EQ(co_await fs::move(path("tree/file"), path("into/")), path("into/file"));
    directory.write("tree/file", "again");
    EXPECT_EQ((co_await as_result(fs::move(path("tree/file"), path("into")))).error(),
              std::errc::file_exists);
    EXPECT_EQ(co_await fs::move(path("into"), path("into")), path("into"));
  });
  EXPECT_EQ(directory.read("into/file"), "1");
  EXPECT_EQ(directory.read("tree/file"), "again");
  EXPECT_TRUE(is_there("into/a/b"));
}

TEST_P(MoveTree, MovesNoDirectoryIntoItself) {
  make_tree();
  const Names before = look(path("tree"));
  run([&]() -> Task<> {
    for (const char* name : {"tree/a", "tree/a/b", "tree/new"}) {
      try {
        co_await fs::move(path("tree"), path(name));
        ADD_FAILURE() << "it is moved to " << name;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::invalid_argument);
        EXPECT_TRUE(std::string(error.what()).starts_with("move '" + path("tree") + "': "));
      }
    }
    EXPECT_EQ((co_await as_result(fs::move(path("none"), path("x")))).error(),
              std::errc::no_such_file_or_directory);
  });
  EXPECT_EQ(look(path("tree")), before);
}

// What is mounted in it is another file system; and where a part of it is mounted elsewhere, the
// kernel says the same.
TEST_P(MoveTree, MovesNoDirectoryIntoWhatIsMountedInIt) {
  make_tree();
  stdfs::create_directory(path("part"));
  set_time("tree/a/b", 1'300'000'000);
  const Names before = look(path("tree"));
  test::in_a_child([&] {
    if (!test::own_mounts()) return;
    const std::string mounted = path("tree/empty"), part = path("part");
    ASSERT_EQ(::mount("none", mounted.c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(::mount(path("tree/a").c_str(), part.c_str(), nullptr, MS_BIND, nullptr), 0);
    test::run([&]() -> Task<> {
      for (const std::string& to : {mounted, mounted + "/new", mounted + "/new/", part,
                                   part + "/b"}) {
        const auto moved = co_await as_result(fs::move(path("tree"), to));
        EXPECT_EQ(moved.error(), std::errc::invalid_argument) << to;
      }
    }, {.file_policy = GetParam()});
    EXPECT_EQ(::umount(part.c_str()), 0);
    EXPECT_TRUE(stdfs::is_empty(mounted)) << "it was copied";
    EXPECT_EQ(::umount(mounted.c_str()), 0);
  });
  stdfs::remove_all(path("tree/a/tree"));  // a part of the copy
  stdfs::remove_all(path("tree/a/b/tree"));
  set_time("tree/a/b", 1'300'000'000);
  set_time("tree/a", 1'100'000'000);
  EXPECT_EQ(look(path("tree")), before);
}

TEST_P(MoveTree, LeavesAFileThatIsMovedToItself) {
  directory.write("file", "kept");
  stdfs::create_directory(path("again"));
  test::in_a_child([&] {
    if (!test::own_mounts()) return;
    ASSERT_EQ(::mount(path("").c_str(), path("again").c_str(), nullptr, MS_BIND, nullptr), 0);
    test::run([&]() -> Task<> {
      EXPECT_EQ(co_await test::said_by<Error>(fs::move(path("again/file"), path("file"))),
                "move '" + path("again/file") + "': Invalid argument");
    }, {.file_policy = GetParam()});
  });
  EXPECT_EQ(directory.read("file"), "kept");
}

// As rename() does: the file that was there stays what it is for those who have it.
// A server that is dead by now would hold the loop.
TEST_P(MoveFar, LeavesNoCopyBehindWhenItIsCancelledNorRemovesItByTheLoop) {
  if (GetParam() == FilePolicy::inline_) return;  // it does everything
  directory.write("file", std::string(64 << 20, 'x'));
  test::in_a_child([&] {
    test::run([&]() -> Task<> {
      internal::Storage::current().load("1 0 8:1 / / rw - nfs x rw\n", "/");
      auto moving = spawn(fs::move(path("file"), far + "/file"));
      while (stdfs::is_empty(far) && !moving.done()) co_await yield();
      removed_here = 0;
      moving.cancel();
      co_await wait_until_done(moving);
      EXPECT_TRUE(moving.cancelled());
      EXPECT_EQ(removed_here, 0);
    }, {.file_policy = GetParam()});
  });
  EXPECT_TRUE(stdfs::is_empty(far));
  EXPECT_TRUE(stdfs::exists(path("file")));
}

TEST_P(MoveFar, PutsAFileInThePlaceOfWhatIsThere) {
  directory.write("file", "new");
  stdfs::create_symlink("nowhere", path("link"));
  const auto put = [&](const std::string& name) { std::ofstream(far + name) << "old"; };
  put("/file");
  put("/replaced");
  stdfs::create_hard_link(far + "/file", far + "/kept");
  stdfs::create_symlink("kept", far + "/way");
  run([&]() -> Task<> {
    co_await fs::move(path("file"), far + "/file");
    co_await fs::move(path("link"), far + "/replaced");
    directory.write("file", "newer");
    co_await fs::move(path("file"), far + "/way");
  });
  const auto text = [&](const std::string& name) {
    std::ifstream file(far + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(text("/file"), "new");
  EXPECT_EQ(text("/way"), "newer");
  EXPECT_EQ(text("/kept"), "old");
  EXPECT_EQ(stdfs::read_symlink(far + "/replaced"), "nowhere");
  EXPECT_FALSE(is_there("file") || is_there("link"));
}

TEST_P(MoveFar, LeavesWhatIsThereWhereTheFileCannotBeCopied) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::ofstream(far + "/file") << "old";
  run([&]() -> Task<> {
    EXPECT_EQ(co_await test::said_by<Error>(fs::move(path("fifo"), far + "/file")),
              "move '" + path("fifo") + "': Invalid argument");
  });
  EXPECT_TRUE(is_there("fifo"));
  const stdfs::directory_iterator all(far);
  EXPECT_EQ(std::distance(begin(all), end(all)), 1);
}

TEST_P(MoveFar, CopiesAndRemovesAfterwards) {
  make_tree();
  const Names before = look(path("tree"));
  run([&]() -> Task<> {
    EXPECT_EQ(co_await fs::move(path("tree"), far + "/moved"), far + "/moved");
    EXPECT_EQ(look(far + "/moved"), before);
    co_await fs::move(far + "/moved/link", path("link"));
    co_await fs::move(far + "/moved/file", path(""));
    co_await fs::move(far + "/moved/way", path("way"));
  });
  EXPECT_FALSE(is_there("tree"));
  EXPECT_FALSE(stdfs::exists(far + "/moved/file"));
  EXPECT_EQ(directory.read("file"), "1");
  EXPECT_EQ(stdfs::read_symlink(path("link")), "file");
  EXPECT_EQ(stdfs::read_symlink(path("way")), "a");
}

TEST_P(MoveFar, RemovesNothingThatCouldNotBeCopied) {
  make_tree();
  ASSERT_EQ(::mkfifo(path("tree/a/fifo").c_str(), 0600), 0);
  run([&]() -> Task<> {
    EXPECT_THROW(co_await fs::move(path("tree"), far + "/moved"), fs::CopytreeError);
  });
  EXPECT_TRUE(is_there("tree/a/fifo"));
  EXPECT_EQ(directory.read("tree/file"), "1");
  EXPECT_EQ(directory.read("tree/a/b/\xff\n"), "3");
}

TEST_P(MoveFar, KeepsTheSourceUntilAllIsCopied) {
  bool ended = false;
  for (int turns = 0; !ended; turns += 1 + turns / 4) {
    stdfs::remove_all(path("tree"));
    stdfs::remove_all(far + "/moved");
    make_tree();
    const Names before = look(path("tree"));
    run([&]() -> Task<> {
      auto moving = spawn([&]() -> Task<> {
        co_await fs::move(path("tree"), far + "/moved");
        ended = true;
      });
      co_await test::settle(turns);
      moving.cancel();
      co_await wait_until_done(moving);
    });
    const bool is_whole = is_there("tree") && look(path("tree")) == before;
    EXPECT_TRUE(is_whole || look(far + "/moved") == before) << turns;
  }
}

}  // namespace
