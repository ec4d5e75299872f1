// Searches many files at once, several of them open at a time; what is found comes in the order of
// the files.
//
// Run:    examples/run grep [-r] [-c] [-n] PATTERN [PATH...]
//         -r: also in what is below directories; -c: how many lines only; -n: with their numbers
// Prints: what `LC_ALL=C grep -aE` prints. A pattern without special characters is looked for by
//         memmem(3), any other by std::regex.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <deque>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

using namespace eddy;

struct Options {
  bool recursive = false, count = false, number = false, names = false;
};

// The first line in a text that matches, and those after it.
class Pattern {
 public:
  explicit Pattern(const std::string& text) : text_(text) {
    if (text.find_first_of(".[]\\()*+?{}|^$") == text.npos) return;
    regex_.emplace(text, std::regex::extended | std::regex::optimize | std::regex::nosubs);
  }
  // Where a line begins or lies that matches; null where there is none.
  const char* find(const char* from, const char* end) const {
    if (!regex_) {
      return static_cast<const char*>(::memmem(from, static_cast<std::size_t>(end - from),
                                               text_.data(), text_.size()));
    }
    for (const char* line = from; line < end;) {
      const auto* stop = static_cast<const char*>(
          std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
      if (!stop) stop = end;
      if (std::regex_search(line, stop, *regex_)) return line;
      line = stop + 1;
    }
    return nullptr;
  }

 private:
  std::string text_;
  std::optional<std::regex> regex_;
};

static std::size_t lines_in(const char* from, const char* end) {
  std::size_t lines = 0;
  while ((from = static_cast<const char*>(
              std::memchr(from, '\n', static_cast<std::size_t>(end - from))))) {
    ++lines;
    ++from;
  }
  return lines;
}

struct Found {
  std::string text;  // what is to be printed
  std::size_t lines = 0;
};

// What matches in a file, of which a piece of whole lines is looked through at a time.
class Search {
 public:
  Search(const Pattern& pattern, Options options, std::string name)
      : pattern_(pattern), options_(options), name_(std::move(name)) {}

  static Task<Found> run(Search search) {
    co_await search.all();
    co_return std::move(search.found_);
  }

 private:
  Task<> all() {
    File file = co_await open(name_, "rb", {.buffering = 0});
    std::vector<char> buffer(64 * 1024);
    std::size_t kept = 0;  // of a line that is not whole
    for (;;) {
      if (kept == buffer.size()) buffer.resize(2 * buffer.size());
      const std::size_t got = co_await file.read_some(MutableBytes(buffer).subspan(kept));
      if (got == 0) break;
      const char* const end = buffer.data() + kept + got;
      const auto* last = static_cast<const char*>(::memrchr(buffer.data() + kept, '\n', got));
      const char* const whole = last ? last + 1 : buffer.data();
      search(buffer.data(), whole);
      kept = static_cast<std::size_t>(end - whole);
      std::memmove(buffer.data(), whole, kept);
    }
    search(buffer.data(), buffer.data() + kept);
    co_await file.close();
    if (options_.count) (found_.text = prefix()).append(std::to_string(found_.lines)) += '\n';
  }
  std::string prefix() const { return options_.names ? name_ + ":" : std::string(); }

  void search(const char* from, const char* end) {
    const char* counted = from;
    while (const char* at = from < end ? pattern_.find(from, end) : nullptr) {
      const auto* before = static_cast<const char*>(
          ::memrchr(from, '\n', static_cast<std::size_t>(at - from)));
      const char* const begin = before ? before + 1 : from;
      const auto* stop = static_cast<const char*>(
          std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
      if (!stop) stop = end;
      ++found_.lines;
      if (!options_.count) {
        found_.text += prefix();
        if (options_.number) {
          number_ += lines_in(counted, begin);
          counted = begin;
          found_.text.append(std::to_string(number_ + 1)) += ':';
        }
        found_.text.append(begin, stop) += '\n';
      }
      from = stop + 1;
    }
    if (options_.number) number_ += lines_in(counted, end);
  }

  const Pattern& pattern_;
  Options options_;
  std::string name_;
  std::size_t number_ = 0;  // lines before
  Found found_;
};

// Searches that run, the oldest first: no more than a few.
class Searches {
 public:
  Searches(const Pattern& pattern, Options options) : pattern_(pattern), options_(options) {}

  Task<> add(std::string name) {
    if (running_.size() == at_once) co_await take();
    running_.push_back(spawn(Search::run(Search(pattern_, options_, std::move(name)))));
  }
  Task<> finish() {
    while (!running_.empty()) co_await take();
  }
  void report(const Error& error) {
    std::fprintf(stderr, "grep: %s\n", error.what());
    failed_ = true;
  }
  // As grep's.
  int status() const { return failed_ ? 2 : matched_ ? 0 : 1; }

 private:
  static constexpr std::size_t at_once = 32;

  Task<> take() {
    auto oldest = std::move(running_.front());
    running_.pop_front();
    try {
      const Found found = co_await oldest;
      matched_ |= found.lines > 0;
      std::fwrite(found.text.data(), 1, found.text.size(), stdout);
    } catch (const Error& error) {
      report(error);
    }
  }

  const Pattern& pattern_;
  Options options_;
  std::deque<JoinHandle<Found>> running_;
  bool matched_ = false;
  bool failed_ = false;
};

static Task<int> amain(Options options, std::string text, std::vector<std::string> paths) {
  const Pattern pattern(text);
  options.names = options.recursive || paths.size() > 1;
  Searches searches(pattern, options);
  for (const std::string& path : paths) {
    if (!options.recursive || !co_await fs::is_dir(path)) {
      co_await searches.add(path);
      continue;
    }
    const auto on_error = [&](const Error& error, std::string_view) { searches.report(error); };
    auto walk = fs::walk(path, {}, on_error);
    while (auto entry = co_await walk.next()) {
      if (entry->is_file()) co_await searches.add(std::string(entry->path()));
    }
  }
  co_await searches.finish();
  co_return searches.status();
}

int main(int count, char** arguments) {
  Options options;
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = arguments[i];
    if (word.size() < 2 || word[0] != '-' || !words.empty()) {
      words.emplace_back(word);
    } else {
      options.recursive |= word.find('r') != word.npos;
      options.count |= word.find('c') != word.npos;
      options.number |= word.find('n') != word.npos;
    }
  }
  if (words.empty()) return std::fprintf(stderr, "usage: grep [-rcn] PATTERN [PATH...]\n"), 2;
  std::string pattern = std::move(words.front());
  words.erase(words.begin());
  if (words.empty()) words.emplace_back(options.recursive ? "." : "/dev/stdin");
  return run(amain(options, std::move(pattern), std::move(words)), {.handle_sigint = true});
}
