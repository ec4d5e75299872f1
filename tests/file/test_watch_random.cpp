// Random changes of a tree, while a task follows them by what a watch tells: in the end it knows
// what is there.
#include "support/directory.hpp"
#include "support/run.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>

namespace {

using namespace eddy;
using fs::Change;

class Follower {
 public:
  explicit Follower(std::string root) : root_(std::move(root)) {}

  // Until the entry "end" is told.
  Task<> follow(fs::Watch& watch) {
    while (auto event = co_await watch.next()) {
      const std::string path(event->path.view());
      if (path.ends_with("/end") && event->kind == Change::created) break;
      take(*event, path);
    }
    known_.erase(root_ + "/end");
  }
  void look(const std::string& below) {
    std::error_code gone;
    for (std::filesystem::recursive_directory_iterator at(below, gone), end; !gone && at != end;
         at.increment(gone)) {
      known_.insert(at->path().string());
    }
  }
  const std::set<std::string>& known() const { return known_; }

 private:
  void take(const fs::WatchEvent& event, const std::string& path) {
    if (event.kind == Change::overflow) {
      known_.clear();
      look(root_);
    } else if (event.kind & (Change::created | Change::moved_to)) {
      known_.insert(path);
      if (event.kind == Change::moved_to && event.is_dir) look(path);
    } else if (event.kind & (Change::deleted | Change::moved_from)) {
      known_.erase(path);
      const auto from = known_.lower_bound(path + "/");
      known_.erase(from, known_.lower_bound(path + "0"));  // '0' follows '/'
    }
  }

  std::string root_;
  std::set<std::string> known_;
};

// One change at random, of few names, so that they meet.
class Changes {
 public:
  Changes(unsigned seed, std::string root, std::string outside)
      : random_(seed), root_(std::move(root)), outside_(std::move(outside)) {}

  void change() {
    const std::string one = some_path();
    const std::string other = some_path();
    switch (pick(9)) {
      case 0:
      case 1: ::mkdir(one.c_str(), 0777); break;
      case 2: ::close(::creat(one.c_str(), 0666)); break;
      case 3: ::unlink(one.c_str()); break;
      case 4: ::rmdir(one.c_str()); break;
      case 5:
      case 6: ::rename(one.c_str(), other.c_str()); break;
      case 7: exchange(one, other); break;
      case 8: {
        const std::string away = outside_ + "/" + name();
        if (pick(2)) {
          ::rename(one.c_str(), away.c_str());
        } else {
          ::rename(away.c_str(), one.c_str());
        }
      }
    }
  }
  int pick(int count) { return std::uniform_int_distribution<>(0, count - 1)(random_); }

 private:
  // Of files, the kernel's two renames cannot be told from a rename there and back.
  static void exchange(const std::string& one, const std::string& other) {
    using std::filesystem::is_directory;
    std::error_code gone;
    if (!is_directory(one, gone) || !is_directory(other, gone)) return;
    ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  }
  std::string name() { return std::string(1, static_cast<char>('a' + pick(3))); }
  std::string some_path() {
    std::string path = root_;
    for (int depth = 1 + pick(3); depth > 0; --depth) path += "/" + name();
    return path;
  }

  std::mt19937 random_;
  std::string root_;
  std::string outside_;
};

TEST(WatchOfRandomChanges, KnowsInTheEndWhatIsThere) {
  const char* const wanted = std::getenv("EDDY_FIRST_SEED");
  const unsigned first = wanted ? static_cast<unsigned>(std::atoi(wanted)) : 1;
  for (unsigned seed = first; seed < first + 100; ++seed) {
    test::Directory directory;
    const std::string root = directory.path("root");
    ::mkdir(root.c_str(), 0777);
    ::mkdir(directory.path("out").c_str(), 0777);
    Changes changes(seed, root, directory.path("out"));
    test::run([&]() -> Task<> {
      for (int i = 0; i < 10; ++i) changes.change();
      fs::Watch watch = co_await fs::watch(root, {.recursive = true});
      Follower follower(root);
      follower.look(root);
      auto following = spawn(follower.follow(watch));
      const int in_a_row = 1 + changes.pick(12);
      for (int i = 0; i < 120; ++i) {
        changes.change();
        if (changes.pick(in_a_row) == 0) co_await test::settle(changes.pick(4));
      }
      ::close(::creat((root + "/end").c_str(), 0666));
      co_await following;
      ::unlink((root + "/end").c_str());
      Follower truth(root);
      truth.look(root);
      EXPECT_EQ(follower.known(), truth.known()) << "seed " << seed;
      // ... and what comes from now on is told of everywhere.
      std::set<std::string> directories;
      for (const std::string& path : truth.known()) {
        if (std::filesystem::is_directory(path)) directories.insert(path);
      }
      for (const std::string& path : directories) ::close(::creat((path + "/new").c_str(), 0666));
      following = spawn(follower.follow(watch));
      co_await test::settle(100);  // what has nothing left to be told is let go
      EXPECT_EQ(watch.watched(), directories.size() + 1) << "seed " << seed;
      ::close(::creat((root + "/end").c_str(), 0666));
      co_await following;
      Follower now(root);
      now.look(root);
      auto known = follower.known();
      known.insert(root + "/end");
      EXPECT_EQ(known, now.known()) << "seed " << seed;
    });
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
