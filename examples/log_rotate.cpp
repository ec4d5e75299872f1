// Follows a log through its rotations, like `tail -F`, and loses no line: what was renamed is read
// to its end, also what was made and renamed again before anybody looked. Or writes such a log, and
// rotates it: LOG, LOG.1, LOG.2 ... The kernel says when there is more; nothing polls.
//
// Run:    examples/run log_rotate follow LOG [LINES]       ends after so many lines, if given
//         examples/run log_rotate write LOG SIZE [KEEP]    what comes from stdin, SIZE a file
// Prints: each line of the log, from its beginning.
#include <eddy/eddy.hpp>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace eddy;
using fs::Change;

class Follower {
 public:
  Follower(std::string path, long lines) : path_(std::move(path)), left_(lines) {
    const auto slash = path_.rfind('/');
    directory_ = slash == path_.npos ? "." : path_.substr(0, slash + 1);
    if (slash == path_.npos) path_.insert(0, "./");
    names_.insert(path_);
  }

  Task<> follow() {
    fs::Watch watch = co_await fs::watch(directory_);
    co_await look(path_);
    co_await read_all();
    while (left_ != 0) {
      const auto event = co_await watch.next();
      if (!event) break;
      co_await take(*event);
      co_await read_all();
    }
  }

 private:
  // A file that was the log once, and what of it has no end of line yet.
  struct Generation {
    File file;
    FileStat stat;
    std::string pending = {};
  };

  // Follows the names that our files get. Whatever stands under one of them and is not known is a
  // generation that was renamed before it was seen.
  Task<> take(const fs::WatchEvent& event) {
    const std::string name(event.path.view());
    if (event.kind == Change::moved_from && names_.contains(name)) {
      moving_[event.cookie] = name;
    } else if (event.kind == Change::moved_to && moving_.erase(event.cookie)) {
      names_.insert(name);
      co_await look(name);
    } else if (event.kind == Change::overflow || name == path_) {
      co_await look(path_);
    } else if (event.kind == Change::deleted && names_.erase(name)) {
      co_await forget_deleted();
    }
  }

  Task<> look(std::string name) {
    auto opened = co_await as_result(open(name));
    if (!opened) co_return;  // it has another name by now, which will be told
    Generation found{std::move(*opened), {}};
    found.stat = co_await found.file.stat();
    for (const Generation& known : generations_) {
      if (known.stat.inode == found.stat.inode) co_return;
    }
    // The one that has the log's own name is the newest.
    auto place = generations_.end();
    if (name != path_ && place != generations_.begin()) --place;
    generations_.insert(place, std::move(found));
  }

  // Until then nobody else can have its inode, and it may still be written.
  Task<> forget_deleted() {
    co_await read_all();
    for (std::size_t i = 0; i < generations_.size();) {
      const FileStat now = co_await generations_[i].file.stat();
      if (now.links > 0) {
        ++i;
      } else {
        generations_.erase(generations_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }

  Task<> read_all() {
    for (Generation& one : generations_) {
      std::string line;
      while (left_ != 0 && co_await one.file.readline_into(line)) {
        one.pending += line;
        if (!one.pending.ends_with('\n')) continue;
        std::fputs(std::exchange(one.pending, {}).c_str(), stdout);
        if (left_ > 0) --left_;
      }
    }
    std::fflush(stdout);
  }

  std::string path_;
  std::string directory_;
  long left_;
  std::set<std::string> names_;  // of all that was the log once
  std::map<std::uint32_t, std::string> moving_;
  std::vector<Generation> generations_;  // the oldest first
};

static Task<> write_rotating(std::string path, std::uint64_t limit, int keep) {
  File input = stdin_file();
  File log = co_await open(path, "a");
  std::uint64_t size = co_await log.tell();
  std::string line;
  const auto numbered = [&](int n) { return n == 0 ? path : path + "." + std::to_string(n); };
  while (co_await input.readline_into(line)) {
    if (size > 0 && size + line.size() > limit) {
      co_await log.close();
      for (int n = keep; n > 0; --n) {
        const std::string older = numbered(n - 1);
        const bool there = co_await fs::exists(older);
        if (there) co_await fs::rename(older, numbered(n));
      }
      log = co_await open(path, "a");
      size = 0;
    }
    co_await log.write(line);
    co_await log.flush();
    size += line.size();
  }
  co_await log.close();
}

int main(int count, char** arguments) {
  const std::string verb = count > 2 ? arguments[1] : "";
  const auto number = [&](int place, long usual) {
    return count > place ? std::atol(arguments[place]) : usual;
  };
  const LoopOptions options{.handle_sigint = true};
  try {
    if (verb == "follow") {
      Follower follower(arguments[2], number(3, -1));
      run(follower.follow(), options);
    } else if (verb == "write" && count > 3) {
      const auto size = static_cast<std::uint64_t>(number(3, 0));
      run(write_rotating(arguments[2], size, static_cast<int>(number(4, 5))), options);
    } else {
      return std::fprintf(stderr, "usage: log_rotate follow LOG [LINES] | write LOG SIZE [KEEP]\n"),
             2;
    }
  } catch (const Error& error) {
    return std::fprintf(stderr, "log_rotate: %s\n", error.what()), 1;
  }
}
