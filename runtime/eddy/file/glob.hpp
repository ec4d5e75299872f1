// fs::glob, fs::rglob: the names that match a pattern of a shell.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/file/directory_entry.hpp>
#include <eddy/file/fnmatch.hpp>

namespace eddy::fs {

struct GlobOptions {
  bool include_hidden = false;   // "*", "?" and "**" match a leading dot too
  bool follow_symlinks = false;  // "**" goes through links to directories
};

// Each path that matches, once, in any order; as it was written where that has no magic, so that
// "src/*.cpp" gives "src/a.cpp" and "*.cpp" gives "a.cpp". Each part between slashes is one of
// fnmatch(); "**" alone is any number of directories, none included, and at the end also all that
// is in them. A name with a leading dot is matched only by a part that begins with one. A pattern
// that ends in "/" matches directories, and gives their paths with it.
//
// Directories are read one entry at a time, and only where there is magic. "**" enters no loop of
// links. What is not there or may not be read matches nothing; any other failure is thrown by
// next(), and the one after it goes on. UsageError: a pattern of more than 60 parts behind its
// first magic.
DirectoryEntries glob(Text pattern, GlobOptions options = {});

// Below `root`, at any depth: root/**/pattern. There is no magic in the root.
DirectoryEntries rglob(Text root, Text pattern, GlobOptions options = {});

}  // namespace eddy::fs
