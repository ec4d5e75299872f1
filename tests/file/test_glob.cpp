// fs::glob and fs::rglob: what matches. More in tests/differential, against Python's.
#include "file/policies.hpp"
#include "support/failing_kernel.hpp"
#include "support/said_by.hpp"
#include "support/seccomp.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace {

using namespace eddy;
namespace stdfs = std::filesystem;
using Names = std::vector<std::string>;

TEST(Fnmatch, KnowsStarsAndSetsOfCharacters) {
  using fs::fnmatch;
  for (const auto& [name, pattern] : std::vector<std::pair<const char*, const char*>>{
           {"", ""},           {"", "*"},          {"", "**"},          {"a", "a"},
           {"a", "?"},         {"abc", "*"},       {"abc", "a*"},       {"abc", "*c"},
           {"abc", "a*c"},     {"abc", "a**c"},    {"abcbc", "a*bc"},   {"b", "[abc]"},
           {"b", "[a-c]"},     {"d", "[!a-c]"},    {"]", "[]]"},        {"-", "[-a]"},
           {"-", "[a-]"},      {"x", "[!]]"},      {"[", "["},          {"[a", "[a"},
           {"*", "[*]"},       {".x", "*"},        {"a\nb", "a?b"},     {"\xc3\xa4", "?"},
           {"\xc3\xa4", "[\xc3\xa0-\xc3\xbf]"},    {"\xff", "?"},       {"\xff", "\xff"},
           {"\xff\xfe", "??"}, {"^", "[^]"},       {"-", "[a-c-e]"},    {"aXbXc", "a*X*c"}}) {
    EXPECT_TRUE(fnmatch(name, pattern)) << name << ' ' << pattern;
  }
  for (const auto& [name, pattern] : std::vector<std::pair<const char*, const char*>>{
           {"a", ""},       {"", "?"},        {"abc", "ab"},     {"abc", "b*"},  {"abc", "*b"},
           {"A", "a"},      {"d", "[a-c]"},   {"b", "[!a-c]"},   {"b", "[c-a]"}, {"]", "[!]]"},
           {"ab", "?"},     {"\xc3\xa4", "??"}, {"\xff", "\xfe"}, {"d", "[a-c-e]"}}) {
    EXPECT_FALSE(fnmatch(name, pattern)) << name << ' ' << pattern;
  }
}

TEST(Fnmatch, MatchesWhatIsEscapedToTheLetter) {
  EXPECT_EQ(fs::glob_escape("a*b?[c]"), "a[*]b[?][[]c]");
  EXPECT_TRUE(fs::fnmatch("a*b?[c]", fs::glob_escape("a*b?[c]")));
  EXPECT_FALSE(fs::has_magic("plain"));
  EXPECT_TRUE(fs::has_magic("[x]"));
}

TEST(Fnmatch, TakesNoTimeThatGrowsWithTheStars) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(fs::fnmatch(std::string(1000, 'a') + "b", pattern));
}

class Glob : public test::EveryPolicy {
 protected:
  Glob() {
    stdfs::create_directories(path("a/b/c"));
    stdfs::create_directories(path("d/.hidden/c"));
    for (const char* name : {"x.txt", "y.txt", ".dot", "a/x.txt", "a/b/x.txt", "a/b/c/x.txt",
                             "a/b/c/z", "d/x.txt", "d/.hidden/x.txt", "d/.hidden/c/x.txt"}) {
      directory.write(name, "x");
    }
    stdfs::create_directory_symlink("a", path("link"));
    stdfs::create_symlink("nowhere", path("dangling"));
  }
  Task<Names> found(DirectoryEntries entries) {
    Names names;
    const std::size_t root = path("").size();
    while (auto entry = co_await entries.next()) {
      names.emplace_back(entry->path().substr(std::min(root, entry->path().size())));
    }
    std::ranges::sort(names);
    co_return names;
  }
  Task<Names> matches(std::string pattern, fs::GlobOptions options = {}) {
    return found(fs::glob(path(pattern), options));
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, Glob, test::every_policy(), test::name_of_policy);

TEST_P(Glob, MatchesTheNamesOfADirectory) {
  run([&]() -> Task<> {
    const Names texts = {"x.txt", "y.txt"};
    EXPECT_EQ(co_await matches("*.txt"), texts);
    EXPECT_EQ(co_await matches("?.txt"), texts);
    EXPECT_EQ(co_await matches("[x-y].txt"), texts);
    const Names seen = {"a", "d", "dangling", "link", "x.txt", "y.txt"};
    EXPECT_EQ(co_await matches("*"), seen);
    EXPECT_EQ(co_await matches("none*"), Names());
    EXPECT_EQ(co_await matches("x.txt/*"), Names());
    EXPECT_EQ(co_await matches("none/*"), Names());
  });
}

TEST_P(Glob, LooksForNamesWithoutMagicToo) {
  run([&]() -> Task<> {
    EXPECT_EQ(co_await matches("a/b"), Names(1, "a/b"));
    EXPECT_EQ(co_await matches("dangling"), Names(1, "dangling"));
    EXPECT_EQ(co_await matches("*/b/x.txt"), (co_await matches("[al]*/b/x.txt")));
    EXPECT_EQ(co_await matches("a/b/"), Names(1, "a/b/"));
    EXPECT_EQ(co_await matches("link/"), Names(1, "link/"));
    EXPECT_EQ(co_await matches("x.txt/"), Names());
    EXPECT_EQ(co_await matches("none"), Names());
    EXPECT_EQ(co_await matches("a/../d/x*"), Names(1, "a/../d/x.txt"));
    EXPECT_EQ(co_await matches("*/../d/x.txt"), (co_await matches("[adl]*/../d/x.txt")));
    EXPECT_EQ((co_await matches("*/../d/x.txt")).size(), 3u);
  });
}

TEST_P(Glob, GoesThroughAnyNumberOfDirectoriesWithTwoStars) {
  run([&]() -> Task<> {
    const Names texts = {"a/b/c/x.txt", "a/b/x.txt", "a/x.txt", "d/x.txt", "x.txt"};
    EXPECT_EQ(co_await matches("**/x.txt"), texts);
    EXPECT_EQ(co_await matches("**/**/x.txt"), texts);
    EXPECT_EQ(co_await found(fs::rglob(path(""), "x.txt")), texts);
    const Names below = {"a/",          "a/b",       "a/b/c",  "a/b/c/x.txt",
                         "a/b/c/z",     "a/b/x.txt", "a/x.txt"};
    EXPECT_EQ(co_await matches("a/**"), below);
    const Names directories = {"a/b/", "a/b/c/"};
    EXPECT_EQ(co_await matches("a/**/*/"), directories);
    const Names below_b = {"a/b/c/x.txt", "a/b/x.txt"};
    EXPECT_EQ(co_await matches("**/b/**/x.txt"), below_b);
  });
}

TEST_P(Glob, FindsWhatIsHiddenOnlyWhereThatIsWritten) {
  run([&]() -> Task<> {
    EXPECT_EQ(co_await matches(".*"), Names(1, ".dot"));
    EXPECT_EQ(co_await matches("d/.h*/x.txt"), Names(1, "d/.hidden/x.txt"));
    EXPECT_EQ((co_await matches("**/x.txt", {.include_hidden = true})).size(), 7u);
    EXPECT_EQ((co_await matches("*", {.include_hidden = true})).size(), 7u);
  });
}

TEST_P(Glob, GoesThroughLinksWhereTheyAreWrittenAndElsewhereIfWanted) {
  stdfs::create_directory_symlink(".", path("a/loop"));
  run([&]() -> Task<> {
    EXPECT_EQ(co_await matches("l*/b/c/z"), Names(1, "link/b/c/z"));
    EXPECT_EQ(co_await matches("a/l*/l*/b/x.txt"), Names(1, "a/loop/loop/b/x.txt"));
    EXPECT_EQ(co_await matches("**/z"), Names(1, "a/b/c/z"));
    const Names both = {"a/b/c/z", "link/b/c/z"};
    EXPECT_EQ(co_await matches("**/z", {.follow_symlinks = true}), both);
  });
}

TEST_P(Glob, GivesPathsAsTheyAreWritten) {
  const auto before = stdfs::current_path();
  stdfs::current_path(path(""));
  run([&]() -> Task<> {
    const auto plain = [](DirectoryEntries entries) -> Task<Names> {
      Names names;
      while (auto entry = co_await entries.next()) names.emplace_back(entry->path());
      co_return names;
    };
    EXPECT_EQ(co_await plain(fs::glob("x*")), Names(1, "x.txt"));
    EXPECT_EQ(co_await plain(fs::glob("./x*")), Names(1, "./x.txt"));
    EXPECT_EQ(co_await plain(fs::glob("a//x*")), Names(1, "a/x.txt"));
    EXPECT_EQ(co_await plain(fs::glob("x.txt")), Names(1, "x.txt"));
    EXPECT_EQ(co_await plain(fs::glob("")), Names());
    EXPECT_EQ(co_await plain(fs::glob("/")), Names(1, "/"));
    EXPECT_EQ(co_await plain(fs::rglob("a/b", "z")), Names(1, "a/b/c/z"));
  });
  stdfs::current_path(before);
}

TEST_P(Glob, TellsNameAndType) {
  run([&]() -> Task<> {
    auto entries = fs::glob(path("*/"));
    std::size_t count = 0;
    for (; auto entry = co_await entries.next(); ++count) {
      EXPECT_EQ(entry->path(), path(std::string(entry->name()) + "/"));
      EXPECT_EQ(entry->is_symlink(), entry->name() == "link");
      EXPECT_TRUE((co_await entry->stat()).is_dir());
    }
    EXPECT_EQ(count, 3u);
  });
}

TEST_P(Glob, RefusesPatternsThatAreTooLong) {
  run([&]() -> Task<> {
    std::string pattern = "*";
    for (int i = 0; i < 59; ++i) pattern += "/*";
    EXPECT_EQ(co_await matches(pattern), Names());
    EXPECT_THROW(static_cast<void>(fs::glob(pattern + "/*")), UsageError);
    EXPECT_THROW(static_cast<void>(fs::glob(std::string("a\0*", 3))), UsageError);
    co_return;
  });
}

TEST_P(Glob, FindsNamesWithoutMagicAlsoWhereNothingMayBeListed) {
  ::chmod(path("").c_str(), 0311);
  ::chmod(path("a").c_str(), 0311);
  test::in_a_child([&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return;
    test::run([&]() -> Task<> {
      const Names inner = {"a/x.txt"}, outer = {"x.txt"};
      EXPECT_EQ(co_await matches("a/**/x.txt"), inner);
      EXPECT_EQ(co_await matches("**/a/x.txt"), inner);
      EXPECT_EQ(co_await matches("**/x.txt"), outer);
      EXPECT_EQ(co_await matches("a/*"), Names());
    }, {.file_policy = GetParam()});
  });
  ::chmod(path("").c_str(), 0755);
  ::chmod(path("a").c_str(), 0755);
}

TEST_P(Glob, ThrowsForANameThatCannotBeLookedForAndGoesOn) {
  const bool by_ring = GetParam() == FilePolicy::ring;
  if (by_ring && !test::can_refuse()) GTEST_SKIP() << "before 6.10";
  const auto body = [&]() -> Task<> {
    auto entries = fs::glob(path("[ad]/x.txt"));
    Names said;
    for (int i = 0; i < 2; ++i) {
      const std::string next = co_await test::said_by<Error>(entries.next());
      said.push_back(next);
    }
    std::ranges::sort(said);
    EXPECT_EQ(said, (Names{"glob '" + path("a/x.txt") + "': Input/output error",
                           "glob '" + path("d/x.txt") + "': Input/output error"}));
    EXPECT_FALSE(co_await entries.next());
    auto links = fs::glob(path("l[i]nk/"));
    EXPECT_EQ(co_await test::said_by<Error>(links.next()),
              "glob '" + path("link") + "': Input/output error");
    EXPECT_FALSE(co_await links.next());
  };
  test::in_a_child([&] {
    const LoopOptions options = test::options({.file_policy = GetParam()});
    if (by_ring) {
      Loop loop(options, std::make_unique<test::FailingKernel>(IORING_OP_STATX, EIO));
      loop.run(body());
      return loop.close();
    }
    test::refuse(SYS_statx, EIO);
    test::run(body, options);
  });
}

TEST_P(Glob, LosesNoEntryToACancel) {
  run([&]() -> Task<> {
    Names names;
    auto entries = fs::glob(path("**/*[xz]*"));
    for (int turns = 0; turns < 500; ++turns) {
      auto reader = spawn([&]() -> Task<> {
        if (turns % 3 == 0) this_task().cancel();
        while (auto entry = co_await entries.next()) names.emplace_back(entry->path());
      });
      co_await test::settle(turns % 9);
      reader.cancel();
      co_await test::wait_until_done(reader);
    }
    while (auto entry = co_await entries.next()) names.emplace_back(entry->path());
    std::ranges::sort(names);
    EXPECT_EQ(names.size(), 7u);
    EXPECT_EQ(std::ranges::unique(names).size(), 0u);
  });
}

}  // namespace
