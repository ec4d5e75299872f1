// fs::walk: which entries it gives, in which order, and how it goes on where it cannot.
#include "file/deep_directories.hpp"
#include "file/policies.hpp"
#include "support/failing_memory.hpp"
#include "support/few_descriptors.hpp"
#include "support/said_by.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace {

using namespace eddy;
using test::said_by;
namespace stdfs = std::filesystem;
using Names = std::vector<std::string>;

class Walk : public test::EveryPolicy {
 protected:
  void make_tree() const {
    stdfs::create_directories(path("tree/a/b/c"));
    stdfs::create_directories(path("tree/empty"));
    directory.write("tree/file", "1");
    directory.write("tree/a/file", "2");
    directory.write("tree/a/b/c/file", "3");
    stdfs::create_symlink("a/file", path("tree/link"));
    stdfs::create_symlink("nowhere", path("tree/dangling"));
  }
  // Relative to the tree, sorted.
  std::string relative(std::string_view entry) const {
    return std::string(entry.substr(path("tree/").size()));
  }
  Task<Names> names_of(fs::WalkOptions options) {
    Names names;
    auto walk = fs::walk(path("tree"), options);
    while (auto entry = co_await walk.next()) names.push_back(relative(entry->path()));
    co_return names;
  }
  static Names sorted(Names names) {
    std::ranges::sort(names);
    return names;
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Walk, test::every_policy(), test::name_of_policy);

const Names whole_tree = {"a",          "a/b",  "a/b/c", "a/b/c/file", "a/file", "dangling",
                          "empty",      "file", "link"};

TEST_P(Walk, GivesEverythingBelowADirectoryAfterThat) {
  make_tree();
  run([&]() -> Task<> {
    const Names names = co_await names_of({});
    EXPECT_EQ(sorted(names), whole_tree);
    for (const auto& name : names) {
      const auto parent = name.substr(0, name.rfind('/'));
      if (parent == name) continue;
      EXPECT_LT(std::ranges::find(names, parent), std::ranges::find(names, name)) << name;
    }
  });
}

TEST_P(Walk, GivesEverythingBelowADirectoryBeforeItBottomUp) {
  make_tree();
  run([&]() -> Task<> {
    const Names names = co_await names_of({.bottom_up = true});
    EXPECT_EQ(sorted(names), whole_tree);
    for (const auto& name : names) {
      const auto parent = name.substr(0, name.rfind('/'));
      if (parent == name) continue;
      EXPECT_GT(std::ranges::find(names, parent), std::ranges::find(names, name)) << name;
    }
  });
}

TEST_P(Walk, TellsTheTypeAndTheDepthOfEach) {
  make_tree();
  for (const bool bottom_up : {false, true}) {
    run([&]() -> Task<> {
      auto walk = fs::walk(path("tree"), {.bottom_up = bottom_up});
      while (auto entry = co_await walk.next()) {
        const std::string name = relative(entry->path());
        EXPECT_EQ(walk.depth(), 1u + static_cast<unsigned>(std::ranges::count(name, '/'))) << name;
        EXPECT_EQ(entry->name(), name.substr(name.rfind('/') + 1));
        EXPECT_EQ(entry->is_dir(), stdfs::is_directory(path("tree/" + name))) << name;
        EXPECT_EQ(entry->is_symlink(), name == "link" || name == "dangling") << name;
      }
    });
  }
}

TEST_P(Walk, LeavesOutWhatIsSkipped) {
  make_tree();
  run([&]() -> Task<> {
    Names names;
    auto walk = fs::walk(path("tree"));
    while (auto entry = co_await walk.next()) {
      names.push_back(relative(entry->path()));
      if (entry->name() == "b" || entry->name() == "file") walk.skip();
    }
    EXPECT_EQ(sorted(names),
              (Names{"a", "a/b", "a/file", "dangling", "empty", "file", "link"}));
  });
}

TEST_P(Walk, DoesNotEnterLinksUnlessThatIsWanted) {
  stdfs::create_directories(path("tree/a"));
  stdfs::create_directories(path("other/x"));
  directory.write("other/x/file", "x");
  stdfs::create_directory_symlink("../../other", path("tree/a/link"));
  run([&]() -> Task<> {
    const Names own = {"a", "a/link"};
    EXPECT_EQ(sorted(co_await names_of({})), own);
    const Names followed = {"a", "a/link", "a/link/x", "a/link/x/file"};
    EXPECT_EQ(sorted(co_await names_of({.follow_symlinks = true})), followed);
    EXPECT_EQ(sorted(co_await names_of({.bottom_up = true, .follow_symlinks = true})), followed);
  });
}

TEST_P(Walk, EntersNoLoopOfLinks) {
  make_tree();
  stdfs::create_directory_symlink(".", path("tree/self"));
  stdfs::create_directory_symlink("..", path("tree/a/parent"));
  stdfs::create_directory_symlink("../..", path("tree/a/outside"));  // holds the tree itself
  stdfs::create_directory_symlink("loops", path("tree/loops"));      // ELOOP
  run([&]() -> Task<> {
    for (const bool bottom_up : {false, true}) {
      const Names names = co_await names_of({.bottom_up = bottom_up, .follow_symlinks = true});
      const std::set<std::string> all(names.begin(), names.end());
      EXPECT_EQ(all.size(), names.size());
      for (const auto& name : whole_tree) EXPECT_TRUE(all.contains(name)) << name;
      for (const char* name : {"self", "a/parent", "a/outside", "a/outside/tree", "loops"}) {
        EXPECT_TRUE(all.contains(name)) << name;
      }
      EXPECT_EQ(all.size(), whole_tree.size() + 5);
    }
  });
}

TEST_P(Walk, EntersADirectoryByEachOfItsLinks) {
  stdfs::create_directories(path("tree/a"));
  directory.write("tree/a/file", "x");
  stdfs::create_directory_symlink("a", path("tree/b"));
  run([&]() -> Task<> {
    const Names both = {"a", "a/file", "b", "b/file"};
    EXPECT_EQ(sorted(co_await names_of({.follow_symlinks = true})), both);
  });
}

TEST_P(Walk, ThrowsForARootThatCannotBeReadAndIsAtItsEnd) {
  directory.write("file", "x");
  run([&]() -> Task<> {
    for (const char* name : {"none", "file"}) {
      auto walk = fs::walk(path(name));
      const std::string said = co_await said_by<Error>(walk.next());
      EXPECT_TRUE(said.starts_with("walk '" + path(name) + "': ")) << said;
      EXPECT_FALSE(co_await walk.next());
    }
  });
}

// The next one goes on, in both directions, and with somebody who listens.
TEST_P(Walk, GoesOnBehindADirectoryThatVanished) {
  for (const bool bottom_up : {false, true}) {
    make_tree();
    run([&]() -> Task<> {
      Names names;
      int failures = 0;
      auto walk = fs::walk(path("tree"), {.bottom_up = bottom_up});
      for (bool over = false; !over;) {
        try {
          auto entry = co_await walk.next();
          over = !entry;
          if (entry) names.push_back(relative(entry->path()));
          if (entry && entry->name() == "a") stdfs::remove_all(path("tree/a"));
        } catch (const Error& error) {
          EXPECT_EQ(std::string(error.what()),
                    "walk '" + path("tree/a") + "': No such file or directory");
          ++failures;
        }
      }
      EXPECT_EQ(failures, bottom_up ? 0 : 1);
      const Names rest = {"a", "dangling", "empty", "file", "link"};
      EXPECT_EQ(sorted(names), bottom_up ? whole_tree : rest);
    });
    stdfs::remove_all(path("tree"));
  }
}

TEST_P(Walk, TellsWhoeverListensAndGoesOn) {
  make_tree();
  run([&]() -> Task<> {
    Names names, told;
    auto listener = [&](const Error& error, std::string_view at) {
      EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
      told.push_back(relative(at));
    };
    auto walk = fs::walk(path("tree"), {}, listener);
    while (auto entry = co_await walk.next()) {
      names.push_back(relative(entry->path()));
      if (entry->name() == "a") stdfs::remove_all(path("tree/a"));
    }
    EXPECT_EQ(told, Names{"a"});
    EXPECT_EQ(sorted(names), (Names{"a", "dangling", "empty", "file", "link"}));
    auto none = fs::walk(path("tree/none"), {}, listener);
    EXPECT_FALSE(co_await none.next());
    EXPECT_EQ(told, (Names{"a", "none"}));
  });
}

TEST_P(Walk, DoesNotFollowALinkThatReplacesADirectory) {
  make_tree();
  stdfs::create_directory(path("outside"));
  directory.write("outside/secret", "x");
  run([&]() -> Task<> {
    Names names, told;
    auto listener = [&](const Error&, std::string_view at) { told.push_back(relative(at)); };
    auto walk = fs::walk(path("tree"), {}, listener);
    while (auto entry = co_await walk.next()) {
      names.push_back(relative(entry->path()));
      if (entry->name() != "a") continue;
      stdfs::rename(path("tree/a"), path("moved"));
      stdfs::create_directory_symlink("../outside", path("tree/a"));
    }
    EXPECT_EQ(told, Names{"a"});
    EXPECT_EQ(std::ranges::count(names, "a/secret"), 0);
  });
}

TEST_P(Walk, GoesAThousandLevelsDownWithFewDescriptors) {
  make_tree();
  test::make_deep(path("tree"), 1000, std::string(20, 'd'));  // paths of up to 21,000 characters
  for (const bool bottom_up : {false, true}) {
    run([&]() -> Task<> {
      std::size_t deepest = 0;
      std::size_t most_open = 0;
      std::size_t count = 0;
      const unsigned before = test::open_descriptors();
      auto walk = fs::walk(path("tree"), {.bottom_up = bottom_up});
      for (; auto entry = co_await walk.next(); ++count) {
        deepest = std::max(deepest, walk.depth());
        if (count % 100 == 0) {
          most_open = std::max<std::size_t>(most_open, test::open_descriptors() - before);
        }
      }
      EXPECT_EQ(deepest, 1000u);
      EXPECT_EQ(count, whole_tree.size() + 1050);
      EXPECT_LE(most_open, 40u);
    });
  }
}

TEST_P(Walk, DoesWithTheDescriptorsThatAreLeft) {
  make_tree();
  test::make_deep(path("tree"), 40, "d");
  run([&]() -> Task<> {
    const Names all = co_await names_of({});
    test::LastDescriptors few(4);
    few.arm();
    auto names = co_await as_outcome(names_of({}));
    few.disarm();
    EXPECT_TRUE(names && sorted(*names) == sorted(all));
  });
}

TEST_P(Walk, LosesNoEntryToACancel) {
  make_tree();
  test::make_deep(path("tree"), 40, "d");
  for (const bool bottom_up : {false, true}) {
    run([&]() -> Task<> {
      Names names;
      int cancelled = 0;
      auto walk = fs::walk(path("tree"), {.bottom_up = bottom_up});
      for (int turns = 0; turns < 500; ++turns) {
        auto reader = spawn([&]() -> Task<> {
          if (turns % 3 == 0) this_task().cancel();
          while (auto entry = co_await walk.next()) names.push_back(relative(entry->path()));
        });
        co_await test::settle(turns % 9);
        reader.cancel();
        auto ended = co_await as_outcome(reader);
        if (!ended && ended.error().is_cancelled()) ++cancelled;
        EXPECT_TRUE(ended || ended.error().is_cancelled());
        if (bottom_up) walk.skip();  // nothing, also where it was cancelled on its way down
      }
      while (auto entry = co_await walk.next()) names.push_back(relative(entry->path()));
      EXPECT_GT(cancelled, 0);
      EXPECT_EQ(names.size(), whole_tree.size() + 42);
    });
  }
}

TEST_P(Walk, LeavesNothingBehindWhereMemoryFails) {
  make_tree();
  for (const bool bottom_up : {false, true}) {
    const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
      run([&]() -> Task<> {
        std::size_t count = 0;
        bool done = false;
        memory.arm();
        try {
          auto walk = fs::walk(path("tree"), {.bottom_up = bottom_up});
          while (co_await walk.next()) ++count;
          done = true;
        } catch (const std::bad_alloc&) {
        }
        memory.disarm();
        EXPECT_TRUE(!done || count == whole_tree.size());
      });
    });
    EXPECT_GT(failed, 5u);
  }
}

}  // namespace
