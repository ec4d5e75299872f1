// Makes TARGET the same as SOURCE: copies what is new or has another size or time, eight files at a
// time, and removes what SOURCE has not. Killed at any moment, the next run goes on where it was.
//
// Run:    examples/run sync_dir SOURCE TARGET
// Prints: how many files and bytes were copied, kept and removed; a bar while it copies, if stderr
//         is a terminal. `diff -r` finds no difference.
#include <eddy/eddy.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;

static constexpr std::string_view part_prefix = ".sync-";

struct Job {
  Job(std::string below, const FileStat& there) : name(std::move(below)), stat(there) {}
  std::string name;  // below both directories
  FileStat stat;
};

class Mirror {
 public:
  Mirror(std::string source, std::string target) : source_(source + "/"), target_(target + "/") {}

  Task<int> run() {
    co_await fs::makedirs(target_, {.exist_ok = true});
    co_await make_directories_and_links();
    auto bar = isatty(STDERR_FILENO) ? spawn(show_bar()) : JoinHandle<>();
    co_await copy_files();
    if (bar.valid()) std::fputc('\n', stderr), bar.cancel();
    co_await remove_the_rest();
    co_await finish_directories();
    std::printf("copied %lu files, %lu bytes; kept %lu, removed %lu\n", copied_, bytes_, kept_,
                removed_);
    co_return failed_;
  }

 private:
  Task<> make_directories_and_links() {
    const FileStat root = co_await fs::stat(source_);
    directories_.push_back(Job("", root));
    fs::Walk walk = fs::walk(source_);
    while (const auto entry = co_await walk.next()) {
      const FileStat stat = co_await entry->lstat();
      Job job(std::string(entry->path().substr(source_.size())), stat);
      const auto there = co_await as_result(fs::lstat(target_ + job.name));
      const bool other_kind = there && (there->mode & S_IFMT) != (stat.mode & S_IFMT);
      if (other_kind) co_await remove(job.name, *there);
      if (entry->is_dir()) {
        co_await fs::mkdir(target_ + job.name, {.exist_ok = true});
        co_await fs::chmod(target_ + job.name, 0700);  // what it gets in the end may refuse us
        directories_.push_back(std::move(job));
      } else if (entry->is_symlink()) {
        co_await make_link(job.name);
      } else if (entry->is_file() && there && !other_kind && there->size == stat.size &&
                 there->modified == stat.modified) {
        ++kept_;
      } else if (entry->is_file()) {
        expected_ += stat.size;
        jobs_.push_back(std::move(job));
      }
    }
  }

  Task<> make_link(std::string name) {
    const std::string leads_to = co_await fs::readlink(source_ + name);
    const auto now = co_await as_result(fs::readlink(target_ + name));
    if (now && *now == leads_to) co_return;
    co_await fs::unlink(target_ + name, {.missing_ok = true});
    co_await fs::symlink(leads_to, target_ + name);
  }

  Task<> copy_files() {
    constexpr int at_once = 8;
    std::size_t next = 0;
    co_await task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < at_once; ++i) group.spawn(copy_some(next));
      co_return;
    });
  }

  // One of several that share the work.
  Task<> copy_some(std::size_t& next) {
    while (next < jobs_.size()) {
      const Job& job = jobs_[next++];
      const auto done = co_await as_result(copy(job));
      if (done) {
        ++copied_;
      } else {
        std::fprintf(stderr, "sync_dir: %s: %s\n", job.name.c_str(),
                     done.error().message().c_str());
        failed_ = 1;
      }
    }
  }

  // Into a part beside it, which takes its name when it is whole. The part is named after what it
  // is a part of, so that it is not gone on with after SOURCE has changed.
  Task<> copy(const Job& job) {
    constexpr std::uint64_t step = 8 << 20;
    const std::string part = part_of(job);
    File from = co_await open(source_ + job.name, "rb");
    co_await fs::touch(part, {.permissions = 0600});
    File to = co_await open(part, "r+b");
    std::uint64_t place = co_await to.seek(0, Whence::end);
    bytes_shown_ += place;
    while (place < job.stat.size) {
      const std::uint64_t rest = job.stat.size - place;
      const std::uint64_t got = co_await fs::sendfile(to, from, place, std::min(step, rest));
      if (got == 0) break;  // it was cut off meanwhile: the next run will see
      place += got, bytes_ += got, bytes_shown_ += got;
    }
    co_await to.datasync();
    co_await to.close();
    co_await from.close();
    co_await fs::chmod(part, job.stat.mode & 07777);
    co_await fs::utime(part, job.stat.accessed, job.stat.modified);
    co_await fs::replace(part, target_ + job.name);
  }

  std::string part_of(const Job& job) const {
    const auto slash = job.name.rfind('/') + 1;
    const std::string what = job.name.substr(slash) + "/" + std::to_string(job.stat.size) + "/" +
                             std::to_string(job.stat.modified.time_since_epoch().count());
    const std::size_t hash = std::hash<std::string>()(what);
    return target_ + job.name.substr(0, slash) + std::string(part_prefix) + std::to_string(hash);
  }

  Task<> remove_the_rest() {
    fs::Walk walk = fs::walk(target_);
    while (const auto entry = co_await walk.next()) {
      if (failed_ && entry->name().starts_with(part_prefix)) continue;  // the next run needs it
      const std::string name(entry->path().substr(target_.size()));
      const auto there = co_await as_result(fs::lstat(source_ + name));
      if (there) continue;
      if (there.error() != std::errc::no_such_file_or_directory) {
        throw std::system_error(there.error(), name);
      }
      walk.skip();
      co_await remove(name, co_await entry->lstat());
    }
  }

  // What changes in a directory changes its time, and it may be one that refuses changes.
  Task<> finish_directories() {
    for (auto job = directories_.rbegin(); job != directories_.rend(); ++job) {
      co_await fs::chmod(target_ + job->name, job->stat.mode & 07777);
      co_await fs::utime(target_ + job->name, job->stat.accessed, job->stat.modified);
    }
  }

  Task<> remove(std::string name, FileStat stat) {
    if (stat.is_dir()) {
      co_await fs::rmtree(target_ + name);
    } else {
      co_await fs::unlink(target_ + name);
    }
    ++removed_;
  }

  Task<> show_bar() const {
    for (;;) {
      const std::uint64_t percent = expected_ ? bytes_shown_ * 100 / expected_ : 100;
      std::fprintf(stderr, "\r[%-50.*s] %3lu%%", static_cast<int>(percent / 2),
                   "##################################################", percent);
      if (percent >= 100) co_return;
      co_await sleep(100ms);
    }
  }

  std::string source_, target_;  // with a slash
  std::vector<Job> jobs_, directories_;
  std::uint64_t expected_ = 0, bytes_ = 0, bytes_shown_ = 0, copied_ = 0, kept_ = 0, removed_ = 0;
  int failed_ = 0;
};

static Task<int> amain(std::string source, std::string target) {
  if (!co_await fs::is_dir(source)) {
    std::fprintf(stderr, "sync_dir: '%s' is no directory\n", source.c_str());
    co_return 1;
  }
  const std::string from = co_await fs::realpath(source) + "/";
  if ((co_await fs::realpath(target) + "/").starts_with(from)) {
    std::fprintf(stderr, "sync_dir: '%s' is in '%s'\n", target.c_str(), source.c_str());
    co_return 1;
  }
  Mirror mirror(std::move(source), std::move(target));
  co_return co_await mirror.run();
}

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: sync_dir SOURCE TARGET\n"), 2;
  try {
    return run(amain(arguments[1], arguments[2]), {.handle_sigint = true});
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "sync_dir: %s\n", error.what()), 1;
  }
}
