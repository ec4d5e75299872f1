// Copies a file or a tree: eight reads of a big file in flight, progress on stderr.
//
// Run:    examples/run copy SOURCE TARGET
// Prints: how many files and bytes; `cmp` and `diff -r` find no difference.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

using namespace eddy;

static std::uint64_t copied = 0, expected = 0, files = 0;

static void show_progress() {
  if (!::isatty(STDERR_FILENO) || expected == 0) return;
  const int part = static_cast<int>(copied * 40 / expected);
  std::fprintf(stderr, "\r[%-40.*s] %3d%%", part, "########################################",
               static_cast<int>(copied * 100 / expected));
}

// One of several that share the work: each takes the next block that nobody has taken.
static Task<> copy_blocks(File& from, File& to, std::uint64_t size, std::uint64_t& next) {
  std::vector<char> block(256 * 1024);
  while (next < size) {
    const std::uint64_t place = next;
    next += block.size();
    const std::size_t got = co_await from.read_at(block, place);
    co_await to.write_at(Bytes(block.data(), got), place);
    copied += got;
    show_progress();
  }
}

static Task<> copy_file(std::string source, std::string target) {
  File from = co_await open(source, "rb");
  const FileStat stat = co_await from.stat();
  File to = co_await open(target, "wb", {.permissions = stat.mode & 07777});
  expected += stat.size;
  std::uint64_t next = 0;
  std::vector<JoinHandle<>> workers;
  const auto blocks = 1 + stat.size / (256 * 1024);
  for (unsigned i = 0; i < 8 && i < blocks; ++i) {
    workers.push_back(spawn(copy_blocks(from, to, stat.size, next)));
  }
  for (auto& worker : workers) co_await worker;
  co_await to.close();
  co_await from.close();
  ++files;
}

static Task<> copy(std::string source, std::string target) {
  if (!co_await fs::is_dir(source)) {
    co_await copy_file(source, target);
    co_return;
  }
  co_await fs::mkdir(target, {.exist_ok = true});
  for (const std::string& name : co_await fs::listdir(source)) {
    co_await copy(source + "/" + name, target + "/" + name);
  }
}

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: copy SOURCE TARGET\n"), 2;
  try {
    run(copy(arguments[1], arguments[2]), {.handle_sigint = true});
  } catch (const Error& error) {
    return std::fprintf(stderr, "copy: %s\n", error.what()), 1;
  }
  std::printf("copied %lu files, %lu bytes\n", files, copied);
}
