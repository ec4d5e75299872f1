// walk, glob, copytree, move and rmtree on random trees, and Python's on the same: each gives the
// same, and leaves the same. tree_programs.py makes the trees, and compares.
//
// What is eddy's own is not compared: an empty directory that may not be read is removed, and of a
// directory that stays because of what is in it nobody hears once more.
#include "support/directory.hpp"
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <sstream>

namespace {

using namespace eddy;
using Words = std::vector<std::string>;

// What a command prints.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::string text;
  char part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, pipe.get())) {
    text.append(part, size);
  }
  return text;
}

std::string told(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    char hexadecimal[8];
    std::snprintf(hexadecimal, sizeof hexadecimal, "\\x%02x", byte);
    if (byte > 32 && byte < 127 && c != '\\') {
      text += c;
    } else {
      text += hexadecimal;
    }
  }
  return text;
}

class Ours {
 public:
  explicit Ours(std::string at) : at_(std::move(at)) {}

  Task<Words> run(Words line) {
    if (line[0] == "walk") return walk(line[1] == "1");
    if (line[0] == "glob") return glob(line[1] == "1", line[2]);
    if (line[0] == "copytree") return copytree(line[1], path(line[2]), path(line[3]));
    if (line[0] == "move") return move(path(line[1]), path(line[2]));
    return rmtree(path(line[1]));
  }

 private:
  std::string path(const std::string& name) const { return at_ + "/" + name; }
  std::string shorter(std::string_view path) const { return told(path.substr(at_.size() + 1)); }

  // Both ways, which give the same.
  Task<Words> walk(bool follow) {
    Words both[2];
    for (const bool up : {false, true}) {
      auto entries = fs::walk(path("tree"), {.bottom_up = up, .follow_symlinks = follow},
                              [](const Error&, std::string_view) {});
      while (auto entry = co_await entries.next()) {
        constexpr std::string_view letters = "?-dlp";
        both[up].push_back(letters[static_cast<std::size_t>(entry->type())] +
                           shorter(entry->path()));
      }
      std::ranges::sort(both[up]);
    }
    EXPECT_EQ(both[0], both[1]);
    co_return both[0];
  }
  Task<Words> glob(bool hidden, std::string pattern) {
    std::set<std::string> found;
    auto entries = fs::glob(path("tree/") + pattern, {.include_hidden = hidden});
    while (auto entry = co_await entries.next()) {
      std::string_view name = entry->path().substr(path("tree/").size());
      if (!pattern.ends_with('/') && name.ends_with('/')) name.remove_suffix(1);
      EXPECT_TRUE(found.insert(told(name)).second) << name << " matches twice";
    }
    co_return Words(found.begin(), found.end());
  }
  Task<Words> copytree(std::string how, std::string from, std::string to) {
    std::set<std::string> failed;
    try {
      if (how == "again") {
        const fs::ignore_patterns ignored{"*a*"};
        co_await fs::copytree(from, to, {.dirs_exist_ok = true}, ignored);
      } else {
        co_await fs::copytree(from, to, {.symlinks = how == "links"});
      }
      failed.insert("done");
    } catch (const fs::CopytreeError& error) {
      for (const auto& item : error.items()) failed.insert(shorter(item.from));
    } catch (const Error& error) {
      failed.insert("failed " + std::to_string(error.code().value()));
    }
    co_return Words(failed.begin(), failed.end());
  }
  Task<Words> move(std::string from, std::string to) {
    auto moved = co_await as_result(fs::move(from, to));
    co_return Words(1, moved ? shorter(*moved) : std::string("failed"));
  }
  Task<Words> rmtree(std::string at) {
    std::set<std::string> failed;
    co_await fs::rmtree(at, [&](const Error&, std::string_view where) {
      failed.insert(shorter(where));
    });
    co_return Words(failed.begin(), failed.end());
  }

  std::string at_;
};

std::string joined(Words words) {
  std::ranges::sort(words);
  std::string text;
  for (const auto& word : words) text += word + ' ';
  return text.substr(0, text.empty() ? 0 : text.size() - 1);
}

// The lines of the program, each with its words.
std::vector<Words> read_program(const std::string& text) {
  std::vector<Words> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    lines.emplace_back();
    for (std::string word; std::getline(words, word, '\t');) lines.back().push_back(word);
  }
  return lines;
}

// Where no disk is waited for, if there is such a place.
std::unique_ptr<test::Directory> quick_directory() {
  const char* const usual = ::getenv("TMPDIR");
  const std::string before = usual ? usual : "/tmp";
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  auto directory = std::make_unique<test::Directory>();
  ::setenv("TMPDIR", before.c_str(), 1);
  return directory;
}

void compare(FilePolicy policy, int first, int count) {
  const auto made = quick_directory();
  const test::Directory& directory = *made;
  const std::string python = "python3 '" TREE_PROGRAMS_PY "' ";
  const std::string where = " '" + directory.path("") + "' " + std::to_string(first) + ' ' +
                            std::to_string(count) + " 2>&1";
  EXPECT_EQ(output_of(python + "make" + where), "");
  for (int seed = first; seed < first + count; ++seed) {
    const std::string name = std::to_string(seed) + "/";
    std::string results;
    LoopOptions options;
    options.file_policy = policy;
    test::run(
        [&]() -> Task<> {
          Ours ours(directory.path(name + "ours"));
          for (const auto& line : read_program(directory.read(name + "program"))) {
            results += joined(co_await ours.run(line)) + "\n";
          }
        },
        options);
    directory.write(name + "results", results);
  }
  EXPECT_EQ(output_of(python + "check" + where), "");
  output_of("chmod -R u+rwX '" + directory.path("") + "'");
}

class TreePrograms : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(From, TreePrograms, testing::Values(0, 50, 100),
                         testing::PrintToStringParamName());

TEST_P(TreePrograms, GiveAndLeaveWhatPythonsDo) { compare(FilePolicy::automatic, GetParam(), 50); }

TEST(TreeProgramsOnTheRing, GiveAndLeaveWhatPythonsDo) { compare(FilePolicy::ring, 150, 40); }

// Directories that may not be read or changed are none for root.
TEST_P(TreePrograms, GiveAndLeaveWhatPythonsDoForNobody) {
  if (::geteuid() != 0) GTEST_SKIP() << "the others were nobody's already";
  test::in_a_child([from = GetParam()] {
    constexpr unsigned nobody = 65534;
    ASSERT_EQ(::setgid(nobody), 0);
    ASSERT_EQ(::setuid(nobody), 0);
    if (::access(TREE_PROGRAMS_PY, R_OK) != 0) return;  // a tree that root keeps for itself
    compare(FilePolicy::inline_, from, 50);
  });
}

}  // namespace
