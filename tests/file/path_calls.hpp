// Every call that takes a path, as a table.
#pragma once

#include "support/directory.hpp"
#include "support/run.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

namespace test {

struct PathCall {
  const char* name;
  bool opens;  // what is there is opened, which may wait where that is a FIFO
  std::function<eddy::Task<>(std::string path, std::string other)> make;
};

// `other` is what calls with two paths are given as the second one: for "rename to" it is renamed.
inline const std::vector<PathCall>& path_calls() {
  using namespace eddy;
using namespace eddy::internal;
  using S = std::string;
  static const std::vector<PathCall> calls = {
      {"open to read", true, [](S path, S) -> Task<> { co_await open(path, "r"); }},
      {"open to write", true, [](S path, S) -> Task<> { co_await open(path, "w"); }},
      {"open to append", true, [](S path, S) -> Task<> { co_await open(path, "a"); }},
      {"open to create", false, [](S path, S) -> Task<> { co_await open(path, "x"); }},
      {"read_text", true, [](S path, S) -> Task<> { co_await read_text(path); }},
      {"read_bytes", true, [](S path, S) -> Task<> { co_await read_bytes(path); }},
      {"write_text", true, [](S path, S) -> Task<> { co_await write_text(path, "new"); }},
      {"write_bytes", true, [](S path, S) -> Task<> { co_await write_bytes(path, "new"); }},
      {"append_text", true, [](S path, S) -> Task<> { co_await append_text(path, "new"); }},
      {"write_atomic", false, [](S path, S) -> Task<> { co_await write_atomic(path, "new"); }},
      {"append_line", false, [](S path, S) -> Task<> { co_await append_line(path, "new"); }},
      {"copyfile from", false, [](S path, S to) -> Task<> { co_await fs::copyfile(path, to); }},
      {"copyfile to", false, [](S path, S from) -> Task<> { co_await fs::copyfile(from, path); }},
      {"copy from", false, [](S path, S to) -> Task<> { co_await fs::copy(path, to); }},
      {"copy to", false, [](S path, S from) -> Task<> { co_await fs::copy(from, path); }},
      {"copystat to", false, [](S path, S from) -> Task<> { co_await fs::copystat(from, path); }},
      {"stat", false, [](S path, S) -> Task<> { co_await fs::stat(path); }},
      {"lstat", false, [](S path, S) -> Task<> { co_await fs::lstat(path); }},
      {"exists", false, [](S path, S) -> Task<> { co_await fs::exists(path); }},
      {"is_file", false, [](S path, S) -> Task<> { co_await fs::is_file(path); }},
      {"is_dir", false, [](S path, S) -> Task<> { co_await fs::is_dir(path); }},
      {"size", false, [](S path, S) -> Task<> { co_await fs::size(path); }},
      {"access", false, [](S path, S) -> Task<> { co_await fs::access(path, F_OK); }},
      {"rename from", false, [](S path, S to) -> Task<> { co_await fs::rename(path, to); }},
      {"rename to", false, [](S path, S from) -> Task<> { co_await fs::rename(from, path); }},
      {"replace", false, [](S path, S to) -> Task<> { co_await fs::replace(path, to); }},
      {"remove", false, [](S path, S) -> Task<> { co_await fs::remove(path); }},
      {"unlink", false, [](S path, S) -> Task<> { co_await fs::unlink(path); }},
      {"rmdir", false, [](S path, S) -> Task<> { co_await fs::rmdir(path); }},
      {"mkdir", false, [](S path, S) -> Task<> { co_await fs::mkdir(path); }},
      {"makedirs", false, [](S path, S) -> Task<> { co_await fs::makedirs(path + "/a/b"); }},
      {"listdir", false, [](S path, S) -> Task<> { co_await fs::listdir(path); }},
      {"symlink to", false, [](S path, S at) -> Task<> { co_await fs::symlink(path, at); }},
      {"symlink at", false, [](S path, S) -> Task<> { co_await fs::symlink("x", path); }},
      {"link to", false, [](S path, S at) -> Task<> { co_await fs::link(path, at); }},
      {"link at", false, [](S path, S from) -> Task<> { co_await fs::link(from, path); }},
      {"readlink", false, [](S path, S) -> Task<> { co_await fs::readlink(path); }},
      {"chmod", false, [](S path, S) -> Task<> { co_await fs::chmod(path, 0640); }},
      {"utime", false, [](S path, S) -> Task<> { co_await fs::utime(path, {}, {}); }},
      {"truncate", false, [](S path, S) -> Task<> { co_await fs::truncate(path, 1); }},
  };
  return calls;
}

// Makes `directory` what the call of that name needs to succeed with the paths "it" and "other".
inline void prepare_for(const Directory& directory, const std::string& call) {
  for (const auto& entry : std::filesystem::directory_iterator(directory.path(""))) {
    std::filesystem::remove_all(entry);
  }
  const bool makes = call == "mkdir" || call == "makedirs" || call == "open to create" ||
                     call == "symlink at" || call == "link at";
  if (call == "rmdir" || call == "listdir") {
    std::filesystem::create_directory(directory.path("it"));
  } else if (call == "readlink") {
    std::filesystem::create_symlink("somewhere", directory.path("it"));
  } else if (call == "fifo") {
    static_cast<void>(::mkfifo(directory.path("it").c_str(), 0666));
  } else if (!makes) {
    directory.write("it", std::string(600'000, 'x'));
  }
  if (call == "rename to" || call == "copyfile to" || call == "copy to" ||
      call == "copystat to" || call == "link at") {
    directory.write("other", std::string(600'000, 'y'));
  }
}

}  // namespace test
