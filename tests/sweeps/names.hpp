// The world of the calls on names in a directory.
#pragma once

#include "support/awaitables.hpp"
#include "support/directory.hpp"

#include <filesystem>
#include <set>

namespace test {

// A file `a`, a directory `d` and a link `l`. After the call each is what it was, or what the call
// makes of it: as a whole, and with nothing beside it.
struct Names {
  Names() {
    directory.write("a", "old text");
    std::filesystem::create_directory(directory.path("d"));
    std::filesystem::create_symlink("a", directory.path("l"));
  }
  Text path(const char* name) const { return Text(directory.path(name)); }
  // What else may be there afterwards, and what a file may hold.
  Names& may(const char* name, std::string text = {}) {
    names.insert(name);
    if (!text.empty()) texts.insert(std::move(text));
    return *this;
  }
  Task<> check() {
    for (const auto& entry : std::filesystem::directory_iterator(directory.path(""))) {
      EXPECT_TRUE(names.contains(entry.path().filename())) << entry.path() << " was left behind";
      if (!entry.is_regular_file()) continue;
      const std::string text = directory.read(entry.path().filename());
      EXPECT_TRUE(texts.contains(text)) << entry.path() << " holds a part: " << text;
    }
    co_return;
  }
  Directory directory;
  std::set<std::string> names{"a", "d", "l"};
  std::set<std::string> texts{"old text"};
};

}  // namespace test
