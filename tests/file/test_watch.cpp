#include "file/policies.hpp"
#include "support/failing_memory.hpp"
#include "support/few_descriptors.hpp"
#include "support/seccomp.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

namespace {

using namespace eddy;
using fs::Change;
using fs::Watch;
using fs::WatchEvent;
using test::wait_until_done;

std::string name_of(Change kind) {
  switch (kind) {
    case Change::created: return "created";
    case Change::modified: return "modified";
    case Change::written: return "written";
    case Change::attributes: return "attributes";
    case Change::deleted: return "deleted";
    case Change::moved_from: return "moved_from";
    case Change::moved_to: return "moved_to";
    case Change::overflow: return "overflow";
    case Change::unmounted: return "unmounted";
    case Change::ended: return "ended";
    default: return "?";
  }
}

class WatchTest : public test::EveryPolicy {
 protected:
  // "created a/b/", with a slash behind directories.
  std::string text_of(const WatchEvent& event) const {
    std::string path(event.path.view());
    const std::string root = this->path("");
    if (path.starts_with(root)) path = path.substr(root.size());
    return name_of(event.kind) + (path.empty() ? "" : " " + path) + (event.is_dir ? "/" : "");
  }
  // What is told until the file "end" is created, which this does.
  Task<std::string> told_until_end(Watch& watch, const std::string& end = "end") {
    directory.write(end, "");
    test::Log log;
    while (auto event = co_await watch.next()) {
      const std::string text = text_of(*event);
      if (text == "created " + end) break;
      log(text);
    }
    co_await drain(watch, "written " + end);
    co_return log.text();
  }
  Task<> drain(Watch& watch, std::string last) {
    for (std::string text; text != last;) {
      auto event = co_await watch.next();
      if (!event) break;
      text = text_of(*event);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, WatchTest, test::every_policy(), test::name_of_policy);

TEST_P(WatchTest, TellsWhatHappensInADirectoryInOrder) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""));
    directory.write("a", "text");
    ::chmod(path("a").c_str(), 0600);
    ::mkdir(path("d").c_str(), 0777);
    ::unlink(path("a").c_str());
    ::rmdir(path("d").c_str());
    EXPECT_EQ(co_await told_until_end(watch),
              "created a modified a written a attributes a created d/ deleted a deleted d/");
  });
}

TEST_P(WatchTest, WaitsForAChangeThatComesLater) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""));
    auto next = spawn(watch.next());
    co_await test::settle(20);
    EXPECT_FALSE(next.done());
    ::mkdir(path("d").c_str(), 0777);
    EXPECT_EQ(text_of(*co_await next), "created d/");
  });
}

TEST_P(WatchTest, TellsBothNamesOfARenameWithOneCookie) {
  directory.write("a", "");
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""));
    ::rename(path("a").c_str(), path("b").c_str());
    const auto from = co_await watch.next();
    const auto to = co_await watch.next();
    EXPECT_EQ(text_of(*from), "moved_from a");
    EXPECT_EQ(text_of(*to), "moved_to b");
    EXPECT_EQ(from->cookie, to->cookie);
    EXPECT_NE(from->cookie, 0u);
  });
}

TEST_P(WatchTest, TellsOfSeveralPathsUntilTheLastHasEnded) {
  directory.write("a", "");
  ::mkdir(path("d").c_str(), 0777);
  run([&]() -> Task<> {
    const std::vector<std::string> paths = {path("a"), path("d")};
    Watch watch = co_await fs::watch(paths, {.kinds = Change::created | Change::deleted});
    EXPECT_EQ(watch.watched(), 2u);
    directory.write("d/x", "");
    ::unlink(path("a").c_str());
    ::unlink(path("d/x").c_str());
    ::rmdir(path("d").c_str());
    test::Log log;
    while (auto event = co_await watch.next()) log(text_of(*event));
    EXPECT_EQ(log.text(), "created d/x deleted a ended a deleted d/x deleted d ended d");
    EXPECT_EQ(watch.watched(), 0u);
    EXPECT_FALSE(co_await watch.next());
  });
}

TEST_P(WatchTest, TellsOnlyTheKindsThatAreWanted) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.kinds = Change::written});
    directory.write("a", "text");
    ::unlink(path("a").c_str());
    directory.write("b", "text");
    EXPECT_EQ(text_of(*co_await watch.next()), "written a");
    EXPECT_EQ(text_of(*co_await watch.next()), "written b");
  });
}

TEST_P(WatchTest, NamesThePathWhenItCannotBegin) {
  run([&]() -> Task<> {
    try {
      co_await fs::watch(path("none"));
      ADD_FAILURE() << "watches nothing";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "watch '" + path("none") + "': No such file or directory");
    }
    const std::string zero("a\0b", 3);
    EXPECT_THROW(co_await fs::watch(zero), UsageError);
    EXPECT_THROW(co_await fs::watch(std::vector<std::string>()), UsageError);
  });
}

// -- a tree --

class WatchTreeTest : public WatchTest {};
INSTANTIATE_TEST_SUITE_P(Policy, WatchTreeTest, test::every_policy(), test::name_of_policy);

TEST_P(WatchTreeTest, TellsWhatHappensBelow) {
  std::filesystem::create_directories(path("a/b/c"));
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.recursive = true});
    EXPECT_EQ(watch.watched(), 4u);
    ::unlink(path("a/b/c/x").c_str());
    ::mkdir(path("a/b/c/d").c_str(), 0777);
    ::rmdir(path("a/b/c/d").c_str());
    EXPECT_EQ(co_await told_until_end(watch), "created a/b/c/d/ deleted a/b/c/d/");
    EXPECT_EQ(watch.watched(), 4u);
  });
}

TEST_P(WatchTreeTest, LosesNothingThatIsMadeInANewDirectoryAtOnce) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""),
                                     {.kinds = Change::created | Change::deleted,
                                      .recursive = true});
    std::filesystem::create_directories(path("a/b"));
    directory.write("a/b/x", "text");
    EXPECT_EQ(text_of(*co_await watch.next()), "created a/");
    EXPECT_EQ(text_of(*co_await watch.next()), "created a/b/");
    EXPECT_EQ(text_of(*co_await watch.next()), "created a/b/x");
    ::unlink(path("a/b/x").c_str());
    EXPECT_EQ(text_of(*co_await watch.next()), "deleted a/b/x");
  });
}

TEST_P(WatchTreeTest, GoesOnUnderTheNewNameOfARenamedDirectory) {
  std::filesystem::create_directories(path("a/b/c"));
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.recursive = true});
    for (int i = 0; i < 3; ++i) {
      ::rename(path("a").c_str(), path("e").c_str());
      ::rename(path("e").c_str(), path("f").c_str());
      ::mkdir(path("f/b/c/d").c_str(), 0777);
      EXPECT_EQ(co_await told_until_end(watch),
                "moved_from a/ moved_to e/ moved_from e/ moved_to f/ created f/b/c/d/");
      EXPECT_EQ(watch.watched(), 5u);
      ::rmdir(path("f/b/c/d").c_str());
      ::rename(path("f").c_str(), path("a").c_str());
      ::unlink(path("end").c_str());
      EXPECT_EQ(co_await told_until_end(watch, "more"),
                "deleted f/b/c/d/ moved_from f/ moved_to a/ deleted end");
      ::unlink(path("more").c_str());
      co_await drain(watch, "deleted more");
      EXPECT_EQ(watch.watched(), 4u);
    }
  });
}

TEST_P(WatchTreeTest, LetsGoOfADirectoryThatLeavesAndTakesOneThatComes) {
  test::Directory other;
  std::filesystem::create_directories(path("a/b/c"));
  std::filesystem::create_directories(other.path("x/y"));
  other.write("x/y/z", "");
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.recursive = true});
    ::rename(path("a").c_str(), other.path("a").c_str());
    ::mkdir(other.path("a/b/c/d").c_str(), 0777);
    EXPECT_EQ(co_await told_until_end(watch), "moved_from a/");
    EXPECT_EQ(watch.watched(), 1u);
    ::unlink(path("end").c_str());
    ::rename(other.path("x").c_str(), path("x").c_str());
    EXPECT_EQ(co_await told_until_end(watch),
              "deleted end moved_to x/ created x/y/ created x/y/z");
    EXPECT_EQ(watch.watched(), 3u);
  });
}

TEST_P(WatchTreeTest, SaysOfWhatItCannotLookIntoOnceItsRootIsElsewhere) {
  std::filesystem::create_directories(path("t/old"));
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path("t"), {.kinds = Change::created, .recursive = true});
    std::filesystem::rename(path("t"), path("elsewhere"));
    std::filesystem::create_directory(path("t"));  // another one
    std::filesystem::create_directories(path("elsewhere/new/below"));
    directory.write("elsewhere/old/file", "");
    std::filesystem::create_directories(path("elsewhere/old/newer"));
    directory.write("elsewhere/end", "");
    test::Log log;
    for (std::string text; text != "created t/end";) {
      auto event = co_await watch.next();
      text = text_of(*event);
      log(text);
    }
    EXPECT_EQ(log.text(), "created t/new/ ended t/new/ created t/old/file created t/old/newer/ "
                          "ended t/old/newer/ created t/end");
    watch.close();
  });
}

TEST_P(WatchTreeTest, FollowsNoLink) {
  test::Directory other;
  ::symlink(other.path("").c_str(), path("before").c_str());
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.recursive = true});
    ::symlink(other.path("").c_str(), path("link").c_str());
    other.write("x", "");
    EXPECT_EQ(co_await told_until_end(watch), "created link");
    EXPECT_EQ(watch.watched(), 1u);
  });
}

TEST_P(WatchTreeTest, TellsThatNothingIsToldOfADirectoryThatMayNotBeRead) {
  if (::getuid() == 0) {
    ASSERT_EQ(::chmod(path("").c_str(), 0777), 0);
  }
  ::mkdir(path("before").c_str(), 0);
  test::in_a_child([&] {
    if (::getuid() == 0) {
      ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    }
    run([&]() -> Task<> {
      Watch watch = co_await fs::watch(path(""), {.recursive = true});
      ::mkdir(path("later").c_str(), 0);
      EXPECT_EQ(text_of(*co_await watch.next()), "ended before/");
      EXPECT_EQ(text_of(*co_await watch.next()), "created later/");
      EXPECT_EQ(text_of(*co_await watch.next()), "ended later/");
      ::rmdir(path("later").c_str());
      EXPECT_EQ(text_of(*co_await watch.next()), "deleted later/");
    });
  });
  ::rmdir(path("before").c_str());
}

TEST_P(WatchTreeTest, SaysThatNamesCrossedWhenTwoDirectoriesChangePlaces) {
  std::filesystem::create_directories(path("a/in_a"));
  std::filesystem::create_directories(path("b/in_b"));
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.recursive = true});
    ::renameat2(AT_FDCWD, path("a").c_str(), AT_FDCWD, path("b").c_str(), RENAME_EXCHANGE);
    const std::string told = co_await told_until_end(watch);
    EXPECT_NE(told.find("overflow"), std::string::npos) << told;
    ::mkdir(path("a/in_b/x").c_str(), 0777);
    ::mkdir(path("b/in_a/y").c_str(), 0777);
    ::unlink(path("end").c_str());
    EXPECT_EQ(co_await told_until_end(watch),
              "created a/in_b/x/ created b/in_a/y/ deleted end");
    EXPECT_EQ(watch.watched(), 7u);
  });
}

// More than the kernel keeps.
TEST_P(WatchTreeTest, TellsOfAnOverflowAndFindsWhatWasMissed) {
  std::filesystem::create_directories(path("old/below"));
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.recursive = true});
    std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
    int most = 0;
    limit >> most;
    EXPECT_TRUE(most > 0 && most <= 100'000) << most;
    const std::string busy[] = {path("x"), path("y")};
    for (int i = 0; i <= most; ++i) ::close(::creat(busy[i % 2].c_str(), 0666));
    ::mkdir(path("new").c_str(), 0777);
    directory.write("new/file", "");
    ::rename(path("old").c_str(), path("moved").c_str());
    bool overflow = false;
    std::string last;
    while (!last.starts_with("created new/file")) {
      const auto event = co_await watch.next();
      last = text_of(*event);
      if (event->kind == Change::overflow) overflow = true;
    }
    EXPECT_TRUE(overflow);
    ::mkdir(path("moved/below/d").c_str(), 0777);
    ::mkdir(path("new/d").c_str(), 0777);
    const std::string told = co_await told_until_end(watch);
    EXPECT_NE(told.find("created moved/below/d/"), std::string::npos) << told;
    EXPECT_NE(told.find("created new/d/"), std::string::npos) << told;
  });
}

// -- what runs out, and what goes away --

// In a child with a name space of its own, where a limit is nobody else's.
template <class F>
void with_limit(const char* file, int limit, F&& body) {
  test::in_a_child([&] {
    if (::unshare(CLONE_NEWUSER) != 0) return;
    std::ofstream to(file);
    if (!(to << limit << std::flush)) return;
    body();
  });
}

TEST_P(WatchTreeTest, NamesTheLimitWhenThereIsNoWatchLeft) {
  std::filesystem::create_directories(path("a/b"));
  with_limit("/proc/sys/user/max_inotify_watches", 2, [&] {
    run([&]() -> Task<> {
      try {
        co_await fs::watch(path(""), {.recursive = true});
        ADD_FAILURE() << "three watches of two";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::no_space_on_device);
        EXPECT_NE(std::string(error.what()).find("max_user_watches"), std::string::npos)
            << error.what();
      }
    });
  });
  with_limit("/proc/sys/user/max_inotify_watches", 3, [&] {
    run([&]() -> Task<> {
      Watch watch = co_await fs::watch(path(""), {.recursive = true});
      ::mkdir(path("c").c_str(), 0777);
      EXPECT_EQ(text_of(*co_await watch.next()), "created c/");
      EXPECT_EQ((co_await as_result(watch.next())).error(), std::errc::no_space_on_device);
      ::mkdir(path("a/d").c_str(), 0777);
      EXPECT_EQ(text_of(*co_await watch.next()), "created a/d/");
    });
  });
}

TEST_P(WatchTest, NamesTheLimitWhenThereIsNoInstanceLeft) {
  with_limit("/proc/sys/user/max_inotify_instances", 0, [&] {
    run([&]() -> Task<> {
      try {
        co_await fs::watch(path(""));
        ADD_FAILURE() << "an instance of none";
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("max_user_instances"), std::string::npos)
            << error.what();
      }
    });
  });
}

TEST_P(WatchTreeTest, FailsWithoutDescriptorsAndLeavesNoneOpen) {
  std::filesystem::create_directories(path("a/b"));
  const auto failed = test::fail_each_descriptor([&](test::LastDescriptors& few) {
    bool failed = false;
    run([&]() -> Task<> {
      co_await fs::exists(path("a"));
      few.arm();
      auto watch = co_await as_result(fs::watch(path(""), {.recursive = true}));
      few.disarm();
      failed = !watch;
      if (failed) {
        EXPECT_EQ(watch.error(), std::errc::too_many_files_open);
      }
    });
    return failed;
  });
  EXPECT_EQ(failed, GetParam() == FilePolicy::ring ? 4u : 3u);  // a thread has one of its own
}

TEST_P(WatchTest, TellsThatAPathWasUnmounted) {
  test::in_a_child([&] {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return;
    ::mkdir(path("m").c_str(), 0777);
    if (::mount("none", path("m").c_str(), "tmpfs", 0, nullptr) != 0) return;
    run([&]() -> Task<> {
      Watch watch = co_await fs::watch(path("m"));
      EXPECT_EQ(::umount(path("m").c_str()), 0);
      EXPECT_EQ(text_of(*co_await watch.next()), "unmounted m/");
      EXPECT_EQ(text_of(*co_await watch.next()), "ended m");
      EXPECT_FALSE(co_await watch.next());
    });
  });
}

// -- who goes away --

TEST_P(WatchTest, LosesNoChangeWhenAWaitIsCancelled) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.kinds = Change::created, .recursive = true});
    for (int turns = -1; turns < 12; ++turns) {
      const std::string name = "d" + std::to_string(turns);
      std::string got;
      auto task = spawn([&]() -> Task<> {
        if (turns < 0) this_task().cancel();
        auto event = co_await watch.next();
        got = text_of(*event);
      });
      co_await test::settle(turns / 2);
      std::filesystem::create_directories(path(name));
      co_await test::settle(turns - turns / 2);
      task.cancel();
      co_await wait_until_done(task);
      if (got.empty()) got = text_of(*co_await watch.next());
      EXPECT_EQ(got, "created " + name + "/") << turns;
    }
  });
}

TEST_P(WatchTest, ServesSeveralWaitersInOrder) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.kinds = Change::created});
    auto first = spawn(watch.next());
    auto second = spawn(watch.next());
    co_await test::settle(10);
    ::mkdir(path("a").c_str(), 0777);
    ::mkdir(path("b").c_str(), 0777);
    EXPECT_EQ(text_of(*co_await first), "created a/");
    EXPECT_EQ(text_of(*co_await second), "created b/");
  });
}

TEST_P(WatchTest, EndsItsWaitersWhenItIsClosedOrDropped) {
  run([&]() -> Task<> {
    for (const bool dropped : {false, true}) {
      auto watch = std::make_unique<Watch>(co_await fs::watch(path("")));
      auto first = spawn(watch->next());
      auto second = spawn(watch->next());
      co_await test::settle(10);
      if (dropped) {
        watch.reset();
      } else {
        watch->close();
        EXPECT_TRUE(watch->closed());
        watch->close();
      }
      EXPECT_EQ((co_await as_result(first)).error(), std::errc::operation_canceled);
      EXPECT_EQ((co_await as_result(second)).error(), std::errc::operation_canceled);
      if (watch) {
        EXPECT_THROW(co_await watch->next(), UsageError);
      }
    }
    Watch none;
    EXPECT_THROW(co_await none.next(), UsageError);
  });
}

TEST_P(WatchTest, BelongsToTheLoopThatItWasMadeOnAndOutlivesIt) {
  std::optional<Watch> watch;
  run([&]() -> Task<> { co_await test::settle(0); });
  const auto before = test::open_descriptors();
  {
    Loop loop(test::options({.file_policy = GetParam()}));
    loop.run([&]() -> Task<> { watch.emplace(co_await fs::watch(path(""))); }());
    Loop other(test::options());
    other.run([&]() -> Task<> { EXPECT_THROW(co_await watch->next(), UsageError); }());
  }
  watch.reset();
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_P(WatchTreeTest, LosesNothingForWantOfMemory) {
  run([&]() -> Task<> {
    Watch watch = co_await fs::watch(path(""), {.kinds = Change::created, .recursive = true});
    int round = 0;
    for (std::size_t which = 1;; ++which) {
      const std::string name = "r" + std::to_string(++round);
      std::filesystem::create_directories(path(name + "/a/b"));
      test::FailingMemory memory(which, 1);
      std::set<std::string> all;  // some twice: what a thread looks into begins anew
      const std::string last = "created " + name + "/a/b/";
      for (std::string text; text != last;) {
        memory.arm();
        std::optional<WatchEvent> event;
        bool told = false;
        try {
          event = co_await watch.next();
          told = true;
        } catch (const std::bad_alloc&) {
        } catch (const Error&) {
        }
        memory.disarm();
        if (!told) continue;
        text = text_of(*event);
        all.insert(text);
      }
      EXPECT_TRUE(all.contains("created " + name + "/")) << which;
      EXPECT_TRUE(all.contains("created " + name + "/a/")) << which;
      if (!memory.failed()) break;
    }
    EXPECT_GT(round, 3);
  });
}

}  // namespace
