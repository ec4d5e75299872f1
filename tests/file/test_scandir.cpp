// fs::scandir and fs::listdir: what they say of entries, and what they hold meanwhile.
#include "file/policies.hpp"
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/few_descriptors.hpp"
#include "support/said_by.hpp"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <set>

namespace {

// What plain calls for entries give instead, or change.
std::function<ssize_t(void* into, std::size_t size)> instead_of_entries;
bool tell_types = true;

}  // namespace

extern "C" ssize_t getdents64(int directory, void* into, std::size_t size) noexcept {
  if (instead_of_entries) return instead_of_entries(into, size);
  const ssize_t got = ::syscall(SYS_getdents64, directory, into, size);
  for (ssize_t at = 0; !tell_types && at < got;) {
    auto* entry = reinterpret_cast<dirent64*>(static_cast<char*>(into) + at);
    entry->d_type = DT_UNKNOWN;
    at += entry->d_reclen;
  }
  return got;
}

namespace {

using namespace eddy;
using test::said_by;
using test::wait_until_done;
namespace stdfs = std::filesystem;

// Puts as many made up entries into the block as there is room for, until there were `most`.
auto made_up(std::size_t most) {
  return [most, given = std::size_t{0}](void* into, std::size_t size) mutable -> ssize_t {
    std::size_t at = 0;
    for (; given < most && at + sizeof(dirent64) <= size; ++given) {
      auto* entry = reinterpret_cast<dirent64*>(static_cast<char*>(into) + at);
      char name[32];
      const int size_of_name = std::snprintf(name, sizeof name, "a made up name %zu", given);
      const std::size_t length =
          (offsetof(dirent64, d_name) + static_cast<std::size_t>(size_of_name) + 8) / 8 * 8;
      *entry = {};
      entry->d_ino = given + 1;
      entry->d_off = static_cast<off64_t>(given + 1);
      entry->d_reclen = static_cast<unsigned short>(length);
      entry->d_type = DT_REG;
      std::strcpy(entry->d_name, name);
      at += length;
    }
    return static_cast<ssize_t>(at);
  };
}

class Scandir : public test::EveryPolicy {
 protected:
  Scandir() {
    instead_of_entries = nullptr;
    tell_types = true;
  }
  ~Scandir() override { Scandir::reset(); }
  static void reset() {
    instead_of_entries = nullptr;
    tell_types = true;
  }
  Task<std::map<std::string, FileType>> types_in(std::string at) {
    std::map<std::string, FileType> found;
    auto entries = fs::scandir(at);
    while (auto entry = co_await entries.next()) {
      EXPECT_EQ(entry->path(), at + "/" + std::string(entry->name()));
      EXPECT_TRUE(found.emplace(entry->name(), entry->type()).second) << entry->name();
    }
    co_return found;
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Scandir, test::every_policy(), test::name_of_policy);
// Where somebody waits.
class ScandirOnThread : public Scandir {};
INSTANTIATE_TEST_SUITE_P(Policy, ScandirOnThread, testing::Values(FilePolicy::ring),
                         test::name_of_policy);
class ScandirStep : public Scandir {};
INSTANTIATE_TEST_SUITE_P(Policy, ScandirStep, testing::Values(FilePolicy::inline_),
                         test::name_of_policy);

const std::map<std::string, FileType> each_kind = {
    {"file", FileType::file},       {"directory", FileType::directory},
    {"link", FileType::symlink},    {"dangling", FileType::symlink},
    {"fifo", FileType::fifo},       {"socket", FileType::socket},
};

void make_each_kind(const test::Directory& directory) {
  directory.write("file", "12345");
  stdfs::create_directory(directory.path("directory"));
  stdfs::create_symlink("directory", directory.path("link"));
  stdfs::create_symlink("nowhere", directory.path("dangling"));
  EXPECT_EQ(::mkfifo(directory.path("fifo").c_str(), 0600), 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::strcpy(address.sun_path, directory.path("socket").c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
}

TEST_P(Scandir, GivesNamesPathsAndTypes) {
  make_each_kind(directory);
  run([&]() -> Task<> {
    EXPECT_EQ(co_await types_in(directory.path(".")), each_kind);
    auto entries = fs::scandir(path(""));
    while (auto entry = co_await entries.next()) {
      EXPECT_EQ(entry->is_file(), entry->name() == "file");
      EXPECT_EQ(entry->is_dir(), entry->name() == "directory");
      EXPECT_EQ(entry->is_symlink(), entry->name() == "link" || entry->name() == "dangling");
      EXPECT_EQ(entry->path(), path("") + std::string(entry->name()));
      const FileStat own = co_await entry->lstat();
      EXPECT_EQ(own.inode, entry->inode());
      if (entry->name() == "link") {
        EXPECT_TRUE((co_await entry->stat()).is_dir());
        EXPECT_TRUE(own.is_symlink());
      }
    }
  });
}

TEST_P(Scandir, AsksWhereTheDirectoryDoesNotTellTypes) {
  make_each_kind(directory);
  tell_types = false;
  run([&]() -> Task<> { EXPECT_EQ(co_await types_in(directory.path(".")), each_kind); });
}

TEST_P(ScandirStep, SaysThatItDoesNotKnowTheTypeOfWhatIsGone) {
  directory.write("file", "x");
  tell_types = false;
  run([&]() -> Task<> {
    auto entries = fs::scandir(path("."));
    directory.write("other", "x");
    auto first = co_await entries.next();
    EXPECT_TRUE(first && first->is_file());
    stdfs::remove(path("file"));
    stdfs::remove(path("other"));
    auto second = co_await entries.next();
    EXPECT_TRUE(second && second->type() == FileType::unknown);
    EXPECT_FALSE(co_await entries.next());
  });
}

TEST_P(Scandir, GivesNamesOfAnyBytes) {
  std::map<std::string, FileType> expected;
  for (const std::string& name :
       {std::string("line\nbreak"), std::string("\xff\xfe\x80"), std::string(255, 'x'),
        std::string("..."), std::string(" "), std::string(".hidden"), std::string("-rf")}) {
    directory.write(name, "x");
    expected[name] = FileType::file;
  }
  run([&]() -> Task<> {
    EXPECT_EQ(co_await types_in(directory.path(".")), expected);
    EXPECT_EQ((co_await fs::listdir(path(""))).size(), expected.size());
  });
}

TEST_P(Scandir, NamesWhatCannotBeRead) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    for (const char* name : {"none", "file"}) {
      auto entries = fs::scandir(path(name));
      const std::string said = co_await said_by<Error>(entries.next());
      EXPECT_TRUE(said.starts_with("scandir '" + path(name) + "': ")) << said;
      EXPECT_FALSE(co_await entries.next());
    }
    EXPECT_EQ((co_await as_result(fs::scandir("").next())).error().value(), ENOENT);
  });
}

TEST_P(ScandirStep, EndsWithAFailureInTheMiddle) {
  run([&]() -> Task<> {
    auto entries = fs::scandir(path("."));
    instead_of_entries = made_up(1000);
    co_await entries.next();
    instead_of_entries = [](void*, std::size_t) -> ssize_t {
      errno = EIO;
      return -1;
    };
    Result<std::optional<DirectoryEntry>> next;
    do {
      next = co_await as_result(entries.next());
    } while (next && *next);
    EXPECT_FALSE(next);
    EXPECT_EQ(next.error(), std::errc::io_error);
    EXPECT_FALSE(co_await entries.next());
  });
  reset();
}

TEST_P(Scandir, IsAtItsEndWhereTheDirectoryIsRemoved) {
  run([&]() -> Task<> {
    for (const bool deep : {false, true}) {
      stdfs::create_directories(path("gone/below"));
      directory.write("gone/below/file", "x");
      auto entries = deep ? fs::walk(path("gone")) : fs::scandir(path("gone/below"));
      EXPECT_TRUE(co_await entries.next());
      if (deep) {
        EXPECT_TRUE(co_await entries.next());
      }
      stdfs::remove_all(path("gone"));
      EXPECT_FALSE(co_await entries.next());
    }
  });
}

TEST_P(Scandir, RefusesAZeroByteBeforeAnythingIsDone) {
  run([&]() -> Task<> {
    EXPECT_THROW(static_cast<void>(fs::scandir(std::string("a\0b", 3))), UsageError);
    EXPECT_THROW(static_cast<void>(fs::walk(std::string("a\0b", 3))), UsageError);
    EXPECT_THROW(co_await fs::listdir(std::string("a\0b", 3)), UsageError);
  });
}

TEST_P(Scandir, MayBeLeftHalfWay) {
  make_each_kind(directory);
  run([&]() -> Task<> {
    auto entries = fs::scandir(path(""));
    EXPECT_TRUE(co_await entries.next());
    auto never_begun = fs::scandir(path(""));
    entries = fs::scandir(path("directory"));
    EXPECT_FALSE(co_await entries.next());
    EXPECT_TRUE(co_await fs::scandir(path("")).next());
  });
}

TEST_P(ScandirOnThread, HasOneConsumerAtATime) {
  make_each_kind(directory);
  run([&]() -> Task<> {
    auto entries = fs::scandir(path(""));
    auto first = spawn([&]() -> Task<> { EXPECT_TRUE(co_await entries.next()); });
    co_await yield();
    EXPECT_FALSE(first.done());
    EXPECT_THROW(co_await entries.next(), UsageError);
    co_await first;
  });
}

TEST_P(Scandir, MayBeMovedWhileSomebodyWaits) {
  make_each_kind(directory);
  run([&]() -> Task<> {
    auto entries = fs::scandir(path(""));
    auto first = spawn([&]() -> Task<> { EXPECT_TRUE(co_await entries.next()); });
    co_await yield();
    auto moved = std::move(entries);
    co_await first;
    int rest = 0;
    while (co_await moved.next()) ++rest;
    EXPECT_EQ(rest, static_cast<int>(each_kind.size()) - 1);
    EXPECT_THROW(co_await entries.next(), UsageError);  // NOLINT(bugprone-use-after-move)
  });
}

TEST_P(Scandir, GoesOnOnAnotherLoop) {
  make_each_kind(directory);
  std::set<std::string> names;
  std::optional<DirectoryEntries> entries;
  run([&]() -> Task<> {
    entries.emplace(fs::scandir(path("")));
    names.emplace((co_await entries->next())->name());
    names.emplace((co_await entries->next())->name());
    auto ended = std::move(*entries);
    entries.emplace(fs::scandir(path("")));
  });
  run([&]() -> Task<> {
    while (auto entry = co_await entries->next()) names.emplace(entry->name());
    entries.reset();
  });
  EXPECT_EQ(names.size(), each_kind.size());
}

TEST_P(Scandir, LosesNoEntryToACancel) {
  for (int i = 0; i < 20; ++i) directory.write("file" + std::to_string(i), "x");
  for (const bool told : {true, false}) {
    tell_types = told;
    run([&]() -> Task<> {
      std::multiset<std::string> names;
      int cancelled = 0;
      auto entries = fs::scandir(path(""));
      for (int turns = 0; turns < 200; ++turns) {
        auto reader = spawn([&]() -> Task<> {
          if (turns % 3 == 0) this_task().cancel();
          while (auto entry = co_await entries.next()) names.emplace(entry->name());
        });
        co_await test::settle(turns % 7);
        reader.cancel();
        auto ended = co_await as_outcome(reader);
        if (!ended && ended.error().is_cancelled()) ++cancelled;
        EXPECT_TRUE(ended || ended.error().is_cancelled());
      }
      while (auto entry = co_await entries.next()) names.emplace(entry->name());
      EXPECT_GT(cancelled, 0);
      EXPECT_EQ(names.size(), 20u);
      EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 20u);
    });
  }
}

TEST_P(ScandirStep, HoldsNoMoreForMoreEntries) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator is not counted";
  run([&]() -> Task<> {
    instead_of_entries = made_up(1'000'000);
    auto entries = fs::scandir(path(""));
    std::size_t count = 0;
    const auto before = test::bytes_held();
    static_cast<void>(test::most_bytes_held());
    while (co_await entries.next()) ++count;
    EXPECT_EQ(count, 1'000'000u);
    EXPECT_LT(test::most_bytes_held() - before, 64 * 1024);
  });
  reset();
}

TEST_P(ScandirStep, AllocatesNothingOnceItIsWarm) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "a sanitizer's allocator is not counted";
  run([&]() -> Task<> {
    const Text at(path(""));
    std::size_t counted_at_first = 0;
    std::size_t counted = 0;
    for (int i = 0; i < 4; ++i) {
      instead_of_entries = made_up(3000);
      const std::size_t before = test::allocations();
      auto entries = fs::scandir(at);
      co_await entries.next();
      const std::size_t begun = test::allocations();
      while (auto entry = co_await entries.next()) continue;
      counted = test::allocations() - begun;
      counted_at_first = begun - before;
    }
    EXPECT_LE(counted_at_first, 3u);  // the path as it grows, and the list of directories
    EXPECT_EQ(counted, 0u);
  });
  reset();
}

TEST_P(ScandirStep, GivesTheOthersTheirTurns) {
  run([&]() -> Task<> {
    instead_of_entries = made_up(50'000);
    int turns = 0;
    auto other = spawn([&]() -> Task<> {
      for (;; ++turns) co_await yield();
    });
    auto entries = fs::scandir(path(""));
    while (auto entry = co_await entries.next()) continue;
    EXPECT_GT(turns, 20);
    other.cancel();
    co_await wait_until_done(other);
  });
  reset();
}

TEST_P(Scandir, SaysThatThereIsNoDescriptor) {
  make_each_kind(directory);
  run([&]() -> Task<> {
    co_await types_in(directory.path("."));
    test::LastDescriptors none(0);
    none.arm();
    auto read = co_await as_result(fs::scandir(path("")).next());
    auto listed = co_await as_result(fs::listdir(path("")));
    none.disarm();
    EXPECT_EQ(read.error(), std::errc::too_many_files_open);
    EXPECT_EQ(listed.error(), std::errc::too_many_files_open);
  });
}

TEST_P(Scandir, LeavesNothingBehindWhereMemoryFails) {
  make_each_kind(directory);
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    run([&]() -> Task<> {
      std::size_t count = 0;
      bool done = false;
      memory.arm();
      try {
        auto entries = fs::scandir(path(""));
        while (co_await entries.next()) ++count;
        done = true;
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
      EXPECT_TRUE(!done || count == each_kind.size());
    });
  });
  EXPECT_GT(failed, 5u);
}

}  // namespace
