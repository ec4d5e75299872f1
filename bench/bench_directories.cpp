// Directories: a big one, and a tree. Each beside what C has for it.
#include "harness.hpp"

#include <eddy/core/loop.hpp>
#include <eddy/file/glob.hpp>
#include <eddy/file/scandir.hpp>
#include <eddy/file/walk.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

namespace {

// `width` directories of `width` names each, and one directory with as many names as all of them;
// in shared memory where there is some: what a disk does is not what is compared. Names of one
// file: the kernel needs less for these than for as many files.
struct Names {
  explicit Names(std::size_t width) : width(width), root(make_root()) {
    const std::string file = root + "/file";
    ::close(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    std::filesystem::create_directory(root + "/wide");
    std::filesystem::create_directory(root + "/tree");
    for (std::size_t i = 0; i < width; ++i) {
      const std::string branch = root + "/tree/branch" + std::to_string(i);
      std::filesystem::create_directory(branch);
      for (std::size_t j = 0; j < width; ++j) {
        const std::string name = "/name" + std::to_string(i * width + j);
        if (::link(file.c_str(), (branch + name).c_str()) < 0) std::abort();
        if (::link(file.c_str(), (root + "/wide" + name).c_str()) < 0) std::abort();
      }
    }
  }
  ~Names() { std::filesystem::remove_all(root); }
  static std::string make_root() {
    const bool shared = ::access("/dev/shm", W_OK) == 0;
    const auto above = shared ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string name = (above / "eddy-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    return name;
  }

  std::size_t width;
  std::string root;
};

void expect(std::size_t found, std::size_t expected) {
  if (found != expected) std::abort();
}

eddy::Task<std::size_t> count_of(eddy::DirectoryEntries entries) {
  std::size_t count = 0;
  while (auto entry = co_await entries.next()) count += entry->is_file();
  co_return count;
}

std::size_t count_plainly(const char* path) {
  std::size_t count = 0;
  DIR* directory = ::opendir(path);
  while (const dirent* entry = ::readdir(directory)) count += entry->d_type == DT_REG;
  ::closedir(directory);
  return count;
}

// With a path for each name, as eddy gives it.
std::size_t walk_plainly(std::string& path) {
  std::size_t count = 0;
  DIR* directory = ::opendir(path.c_str());
  while (const dirent* entry = ::readdir(directory)) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    const std::size_t before = path.size();
    path += '/';
    path += entry->d_name;
    if (entry->d_type == DT_DIR) count += walk_plainly(path);
    count += entry->d_type == DT_REG;
    path.resize(before);
  }
  ::closedir(directory);
  return count;
}

std::size_t counted = 0;
int count_one(const char*, const struct stat*, int type, FTW*) {
  counted += type == FTW_F;
  return 0;
}

// Both count the names.
bench::Row row_of(const Names& names, std::string name, std::string twin,
                  eddy::DirectoryEntries (*entries)(const Names&),
                  std::size_t (*by_twin)(const Names&)) {
  static eddy::Loop loop;
  const std::size_t all = names.width * names.width;
  return {.name = std::move(name),
          .eddy =
              [&names, all, entries](std::size_t count) {
                for (; count >= all; count -= all) {
                  expect(loop.run(count_of(entries(names))), all);
                }
              },
          .twin_name = std::move(twin),
          .twin =
              [&names, all, by_twin](std::size_t count) {
                for (; count >= all; count -= all) expect(by_twin(names), all);
              },
          .grain = all,
          .clock = bench::Clock::process,  // a thread may have read for us
          .rounds = 5};
}

}  // namespace

void add_rows() {
  static const Names names(bench::smoke() ? 30 : 1000);
  const auto scandir = [](const Names& n) { return eddy::fs::scandir(n.root + "/wide"); };
  const auto walk = [](const Names& n) -> eddy::DirectoryEntries {
    return eddy::fs::walk(n.root + "/tree");
  };
  const auto glob = [](const Names& n) { return eddy::fs::glob(n.root + "/tree/**/n*"); };
  const auto by_readdir = [](const Names& n) { return count_plainly((n.root + "/wide").c_str()); };
  const auto by_hand = [](const Names& n) {
    std::string path = n.root + "/tree";
    return walk_plainly(path);
  };
  const auto by_nftw = [](const Names& n) {
    counted = 0;
    ::nftw((n.root + "/tree").c_str(), &count_one, 32, FTW_PHYS);
    return counted;
  };
  bench::add(row_of(names, "scandir, 10^6 names in one", "readdir", scandir, by_readdir));
  bench::add(row_of(names, "walk, 10^6 names in 10^3", "readdir, paths by hand", walk, by_hand));
  auto against_nftw = row_of(names, "walk, 10^6 names in 10^3", "nftw", walk, by_nftw);
  against_nftw.goal = bench::ahead();
  bench::add(std::move(against_nftw));
  bench::add(row_of(names, "glob \"**/n*\", the same", "readdir, paths by hand", glob, by_hand));
}
