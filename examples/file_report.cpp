// Reads a tree of small files, 32 at a time, and a log by lines beside it, and puts what it has
// counted into a report that is replaced whole. file_report.py is the same on asyncio and aiofiles.
//
// Run:    examples/run file_report TREE LOG REPORT
// Writes: REPORT: files, bytes and lines for each suffix; lines of the log for each level, which is
//         its second word. On a terminal the progress is shown.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

using namespace eddy;
using namespace std::chrono_literals;

struct Kind {
  std::uint64_t files = 0, bytes = 0, lines = 0;
};

struct Report {
  std::map<std::string, Kind, std::less<>> kinds;  // by suffix
  std::uint64_t files = 0, log_bytes = 0, log_lines = 0;
  std::map<std::string, std::uint64_t, std::less<>> levels;
};

static std::string_view suffix(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  return dot == 0 || dot == name.npos ? "none" : name.substr(dot);
}

template <class Map>
static auto& entry_of(Map& map, std::string_view key) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : map[std::string(key)];
}

static Task<> count_files(Queue<std::string>& paths, Report& report) {
  for (;;) {
    const auto path = co_await as_result(paths.get());
    if (!path) co_return;  // shut down: there is none left
    const std::string text = co_await read_text(*path);
    Kind& kind = entry_of(report.kinds, suffix(*path));
    ++kind.files;
    kind.bytes += text.size();
    kind.lines += static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
    ++report.files;
  }
}

static Task<> find_files(std::string tree, Queue<std::string>& paths) {
  fs::Walk walk = fs::walk(tree);
  while (const auto entry = co_await walk.next()) {
    if (entry->is_file()) co_await paths.put(std::string(entry->path()));
  }
  paths.shutdown();
}

static std::string_view second_word(std::string_view line) {
  const auto begin = std::min(line.find(' '), line.size() - 1) + 1;
  return line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

static Task<> count_log(std::string path, Report& report) {
  File log = co_await open(path, "rb");
  Lines lines = log.lines();
  std::string line;
  while (co_await lines.next_into(line)) {
    ++report.log_lines;
    report.log_bytes += line.size();
    ++entry_of(report.levels, second_word(line));
  }
  co_await log.close();
}

static Task<> show(const Report& report) {
  for (;;) {
    std::fprintf(stderr, "\r%lu files, %lu MB of the log", report.files, report.log_bytes >> 20);
    co_await sleep(100ms);
  }
}

static std::string text_of(const Report& report) {
  std::string text;
  for (const auto& [name, kind] : report.kinds) {
    text += name + ": " + std::to_string(kind.files) + " files, " + std::to_string(kind.bytes) +
            " bytes, " + std::to_string(kind.lines) + " lines\n";
  }
  text += "log: " + std::to_string(report.log_lines) + " lines, " +
          std::to_string(report.log_bytes) + " bytes\n";
  for (const auto& [level, lines] : report.levels) {
    text += level + ": " + std::to_string(lines) + " lines\n";
  }
  return text;
}

static Task<> count_all(std::string tree, std::string log, Report& report) {
  constexpr int at_once = 32;
  Queue<std::string> paths(2 * at_once);
  co_await task_group([&](TaskGroup& group) -> Task<> {
    group.spawn(count_log(log, report));
    group.spawn(find_files(tree, paths));
    for (int i = 0; i < at_once; ++i) group.spawn(count_files(paths, report));
    co_return;
  });
}

static Task<> amain(std::string tree, std::string log, std::string target) {
  Report report;
  JoinHandle<> progress;
  if (::isatty(STDERR_FILENO)) progress = spawn(show(report));
  co_await count_all(tree, log, report);
  if (progress.valid()) {
    progress.cancel();
    std::fputc('\n', stderr);
  }
  co_await write_atomic(target, text_of(report));
}

int main(int count, char** arguments) {
  if (count != 4) return std::fprintf(stderr, "usage: file_report TREE LOG REPORT\n"), 2;
  try {
    run(amain(arguments[1], arguments[2], arguments[3]), {.handle_sigint = true});
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "file_report: %s\n", error.what()), 1;
  }
}
