// Where temporary files and directories are made, and how they are called.
#pragma once

#include <eddy/core/task.hpp>

#include <string>
#include <string_view>

namespace eddy {

class File;

// $TMPDIR, or else $TEMP, $TMP, "/tmp"; as an absolute path. Whether one can write there, the first
// who does finds out. Never waits.
std::string gettempdir();

// Trivially copyable; what it points to need not stay once a call was made with it.
struct TemporaryOptions {
  std::string_view directory = {};  // gettempdir() where it is empty
  std::string_view prefix = "tmp";
  std::string_view suffix = {};
};

// A new directory that only this user may enter (0700); its path. Nobody removes it: see
// temporary_directory().
Task<std::string> mkdtemp(TemporaryOptions options = {});

// A new file that only this user may open (0600), for reading and writing ("w+b"); its name() is
// its path. Nobody removes it: see named_temporary_file().
Task<File> mkstemp(TemporaryOptions options = {});

}  // namespace eddy
