// How much of the disk directories take, in KiB, like `du`: a file with several names counts once.
//
// Run:    examples/run du [-s] [-a] [PATH...]   -s: the sum of each path alone; -a: files, too
// Prints: what `du` prints; a directory comes after what is in it.
#include <eddy/eddy.hpp>

#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace eddy;

struct Options {
  bool only_sums = false;
  bool files = false;
};

class Usage {
 public:
  explicit Usage(Options options) : options_(options) {}

  Task<> of(std::string path) {
    const FileStat root = co_await fs::lstat(path);
    std::vector<std::uint64_t> below(1);  // by depth: the blocks of what was met there
    if (root.is_dir()) {
      const auto on_error = [this](const Error& error, std::string_view) { report(error); };
      auto walk = fs::walk(path, {.bottom_up = true}, on_error);
      while (auto entry = co_await walk.next()) {
        const auto stat = co_await as_result(entry->lstat());
        if (!stat) continue;  // it has gone meanwhile
        const std::size_t depth = walk.depth();
        if (below.size() < depth + 2) below.resize(depth + 2);
        std::uint64_t blocks = count(*stat);
        if (stat->is_dir()) blocks += std::exchange(below[depth + 1], 0);
        below[depth] += blocks;
        if (!options_.only_sums && (stat->is_dir() || options_.files)) print(blocks, entry->path());
      }
    }
    if (below.size() > 1) below[0] = below[1];
    print(below[0] + count(root), path);
  }
  int status() const { return status_; }

 private:
  // Nothing, of what was counted under another name.
  std::uint64_t count(const FileStat& stat) {
    const bool several = stat.links > 1 && !stat.is_dir();
    return several && !seen_.emplace(stat.device, stat.inode).second ? 0 : stat.blocks;
  }
  static void print(std::uint64_t blocks, std::string_view path) {
    std::printf("%lu\t%.*s\n", (blocks + 1) / 2, static_cast<int>(path.size()), path.data());
  }
  void report(const Error& error) {
    std::fprintf(stderr, "du: %s\n", error.what());
    status_ = 1;
  }

  Options options_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
  int status_ = 0;
};

static Task<int> amain(Options options, std::vector<std::string> paths) {
  Usage usage(options);
  int status = 0;
  for (const std::string& path : paths) {
    try {
      co_await usage.of(path);
    } catch (const Error& error) {
      std::fprintf(stderr, "du: %s\n", error.what());
      status = 1;
    }
  }
  co_return status | usage.status();
}

int main(int count, char** arguments) {
  Options options;
  std::vector<std::string> paths;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = arguments[i];
    if (word == "-s") {
      options.only_sums = true;
    } else if (word == "-a") {
      options.files = true;
    } else {
      paths.emplace_back(word);
    }
  }
  if (paths.empty()) paths.emplace_back(".");
  // Nobody else runs here who would have to wait while a call takes long.
  return run(amain(options, std::move(paths)),
             {.file_policy = FilePolicy::inline_, .handle_sigint = true});
}
