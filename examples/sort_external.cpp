// Sorts the lines of a file that is larger than the memory it may use: sorts as much as fits, puts
// that into a file of its own, a run, and merges the runs in the end.
//
// Run:    examples/run sort_external [--memory BYTES] INPUT OUTPUT
// Prints: how many lines and runs. The output is that of `LC_ALL=C sort INPUT`, and is there as a
//         whole or not at all; the runs have no names, and are gone however the program ends.
#include <eddy/eddy.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

using namespace eddy;

// A line, without its end, among the bytes of all.
struct Line {
  std::size_t offset, size;
};

class Sorting {
 public:
  Sorting(std::string output, std::size_t memory) : output_(std::move(output)), memory_(memory) {}

  Task<> sort(std::string input) {
    File file = co_await open(input, "r", {.buffering = buffer_size(most_files)});
    bytes_.reserve(memory_ / 2);
    std::string line;
    while (co_await file.readline_into(line)) {
      if (line.ends_with('\n')) line.pop_back();
      if (!lines_.empty() && used() + line.size() + sizeof(Line) > memory_) co_await end_run();
      lines_.push_back({bytes_.size(), line.size()});
      bytes_ += line;
      ++count;
    }
    co_await file.close();
    co_await end_run();
    bytes_ = {};
    lines_ = {};
    co_await merge();
  }

  std::size_t count = 0, runs = 0;

 private:
  std::size_t used() const { return bytes_.size() + lines_.size() * sizeof(Line); }
  // Of each of so many files.
  int buffer_size(std::size_t files) const {
    return static_cast<int>(std::clamp<std::size_t>(memory_ / files, 4096, 1024 * 1024));
  }
  std::string_view text(const Line& line) const { return {bytes_.data() + line.offset, line.size}; }

  // What is in memory becomes a run.
  Task<> end_run() {
    std::ranges::sort(lines_, {}, [this](const Line& line) { return text(line); });
    File run = co_await new_run();
    for (const Line& line : lines_) co_await put(run, text(line));
    co_await run.seek(0);
    files_.push_back(std::move(run));
    ++runs;
    lines_.clear();
    bytes_.clear();
    if (files_.size() == most_files) co_await merge_to_one();
  }
  // Beside the output, where there is room.
  Task<File> new_run() {
    const auto slash = output_.rfind('/');
    const std::string directory = slash == output_.npos ? "." : output_.substr(0, slash + 1);
    File run = co_await temporary_file(
        {.directory = directory, .buffering = buffer_size(most_files)});
    co_return std::move(run);
  }
  static Task<> put(File& file, std::string_view line) {
    co_await file.write(line);
    co_await file.write("\n");
  }

  // Always the least of the first lines of all runs.
  Task<> merge_into(File& to) {
    std::vector<std::string> first(files_.size());
    const auto later = [&](std::size_t a, std::size_t b) { return first[a] > first[b]; };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> order(later);
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (co_await next_line(files_[i], first[i])) order.push(i);
    }
    while (!order.empty()) {
      const std::size_t least = order.top();
      order.pop();
      co_await put(to, first[least]);
      if (co_await next_line(files_[least], first[least])) order.push(least);
    }
  }
  static Task<bool> next_line(File& file, std::string& line) {
    const bool there = co_await file.readline_into(line);
    if (there && line.ends_with('\n')) line.pop_back();
    co_return there;
  }

  // So that descriptors and buffers are enough for any number of runs.
  Task<> merge_to_one() {
    File merged = co_await new_run();
    co_await merge_into(merged);
    co_await merged.seek(0);
    files_.clear();
    files_.push_back(std::move(merged));
  }
  Task<> merge() {
    const std::string name = output_ + ".part";
    const auto body = [&]() -> Task<> {
      File file = co_await open(name, "w", {.buffering = buffer_size(most_files)});
      co_await merge_into(file);
      co_await file.sync();
      co_await file.close();
      co_await fs::rename(name, output_);
    };
    const auto cleanup = [&] { return fs::unlink(name, {.missing_ok = true}); };
    co_await try_finally(body, cleanup);
  }

  static constexpr std::size_t most_files = 64;

  std::string output_;
  std::size_t memory_;
  std::string bytes_;
  std::vector<Line> lines_;
  std::vector<File> files_;
};

int main(int count, char** arguments) {
  std::size_t memory = 64 * 1024 * 1024;
  if (count > 2 && std::string_view(arguments[1]) == "--memory") {
    memory = std::strtoul(arguments[2], nullptr, 10);
    arguments += 2;
    count -= 2;
  }
  if (count != 3) {
    return std::fprintf(stderr, "usage: sort_external [--memory BYTES] INPUT OUTPUT\n"), 2;
  }
  try {
    Sorting sorting(arguments[2], memory);
    run(sorting.sort(arguments[1]), {.handle_sigint = true});
    std::printf("%zu lines in %zu runs\n", sorting.count, sorting.runs);
  } catch (const Error& error) {
    return std::fprintf(stderr, "sort_external: %s\n", error.what()), 1;
  }
}
