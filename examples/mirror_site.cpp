// Downloads a site to a folder: its first page, and whatever of the site that links to. Run again
// it goes on where it was stopped, in the middle of a file, and asks only for what is new.
//
// Run:    examples/run mirror_site [OPTIONS] URL FOLDER
//         examples/run http_server . & examples/run mirror_site http://127.0.0.1:8080/ copy
// Prints: what could not be had, and how many files are new, resumed and unchanged. Progress goes
//         to stderr.
//
// A file that is on its way is NAME.part, and NAME.part.etag says of which version of it that is:
// the rest is asked for on the condition that it still is that one (If-Range). A file that is there
// has the time at which the server says it was changed last: it is asked for on the condition that
// it was changed since.
#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

using namespace eddy;
using namespace std::chrono_literals;
using std::filesystem::path;

struct Options {
  int at_once = 4;
  std::size_t rate = 0;  // bytes a second, of all; 0: as many as come
};

// -- what is told by HTTP --

static std::string format_date(FileTime time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  char text[40];
  std::tm parts{};
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT",
                              ::gmtime_r(&seconds, &parts))};
}

static std::optional<FileTime> parse_date(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (!end || *end) return std::nullopt;
  return FileTime(std::chrono::seconds(::timegm(&parts)));
}

// Where the part begins that was sent: "bytes 1000-1999/5000".
static std::uint64_t begin_of(std::string_view content_range) {
  std::uint64_t begin = 0;
  if (content_range.starts_with("bytes ")) {
    std::from_chars(content_range.data() + 6, content_range.data() + content_range.size(), begin);
  }
  return begin;
}

// -- a site's names --

// The path on the site that `link` leads to from the page at `from`; empty: to elsewhere, or
// nowhere.
static std::string resolve_link(std::string_view link, const std::string& from) {
  link = link.substr(0, link.find_first_of("#?"));
  if (link.empty() || link.starts_with("//") || link.find(':') != link.npos) return {};
  const std::string whole = link.front() == '/'
                                ? std::string(link)
                                : from.substr(0, from.rfind('/') + 1) + std::string(link);
  return path(whole).lexically_normal().string();
}

static std::set<std::string> links_of(std::string_view page, const std::string& from) {
  std::set<std::string> links;
  for (const std::string_view mark : {"href=\"", "src=\""}) {
    for (auto at = page.find(mark); at != page.npos; at = page.find(mark, at)) {
      at += mark.size();
      const std::string link = resolve_link(page.substr(at, page.find('"', at) - at), from);
      if (!link.empty()) links.insert(link);
    }
  }
  return links;
}

// A page that is a folder is its index.
static path local_name(const std::string& on_site) {
  return path(on_site + (on_site.ends_with('/') ? "index.html" : "")).relative_path();
}

// -- the mirror --

class Mirror {
 public:
  Mirror(std::string site, path folder, const Options& options)
      : site_(std::move(site)),
        folder_(std::move(folder)),
        options_(options),
        // As it is stored: what is compressed on the way has no places to go on at.
        client_({.timeouts = {.total = Duration(0), .idle = 30s}, .compression = false}) {
    if (options.rate > 0) limiter_.emplace(options.rate, 1s, burst);
    policy_.stop_after_attempt(4)
        .wait(wait_random_exponential(100ms, {.max = 5s}))
        .retry_if([](const Failure& failure) { return may_pass(failure); });
  }

  Task<> copy(std::string start) {
    co_await task_group([&](TaskGroup& group) -> Task<> {
      note(std::move(start));
      for (int i = 0; i < options_.at_once; ++i) group.spawn(worker());
      co_await frontier_.join();
      frontier_.shutdown();
    });
    progress_.close();
    co_await client_.close();
  }

  int report() const {
    for (const auto& [name, why] : failed_) std::printf("%s: %s\n", name.c_str(), why.c_str());
    std::printf("%zu new, %zu resumed, %zu unchanged, %zu failed; %zu bytes came\n", new_, resumed_,
                unchanged_, failed_.size(), progress_.done());
    return failed_.empty() ? 0 : 1;
  }

 private:
  static constexpr std::size_t burst = 128 * 1024;

  static bool may_pass(const Failure& failure) {
    try {
      std::rethrow_exception(failure.exception());
    } catch (const http::Error& error) {
      return error.may_pass();
    } catch (...) {
      return false;
    }
  }

  void note(std::string on_site) {
    if (seen_.insert(local_name(on_site)).second) frontier_.put_nowait(std::move(on_site));
  }

  Task<> worker() {
    while (const auto on_site = co_await as_result(frontier_.get())) {
      co_await visit(*on_site);
      frontier_.task_done();
    }
  }

  Task<> visit(const std::string& on_site) {
    const path file = folder_ / local_name(on_site);
    try {
      co_await fs::makedirs(file.parent_path(), {.exist_ok = true});
      const auto attempt = [&] { return fetch(on_site, file); };
      co_await retry(attempt, policy_);
      if (file.extension() == ".html") {
        const std::string page = co_await read_text(file);
        for (const std::string& link : links_of(page, on_site)) note(link);
      }
    } catch (const std::exception& error) {
      failed_[on_site] = error.what();
    }
  }

  Task<> fetch(const std::string& on_site, const path& file) {
    const path part = file.string() + ".part";
    const path etag_file = part.string() + ".etag";
    std::uint64_t there = 0;
    std::string etag, known_since, range;
    std::vector<http::Field> conditions;
    const bool has_part = co_await fs::exists(part) && co_await fs::exists(etag_file);
    if (has_part) {
      there = co_await fs::size(part);
      etag = co_await read_text(etag_file);
    }
    if (there > 0) {
      range = "bytes=" + std::to_string(there) + "-";
      conditions = {{"Range", range}, {"If-Range", etag}};
    } else if (co_await fs::exists(file)) {
      known_since = format_date(co_await fs::modified(file));
      conditions = {{"If-Modified-Since", known_since}};
    }
    http::Response response = co_await client_.get(site_ + on_site, {.headers = conditions});
    if (response.status() == 304) {
      ++unchanged_;
      co_return;
    }
    const std::string_view content_range = response.headers().get("Content-Range", "");
    const bool complete =
        response.status() == 416 && content_range == "bytes */" + std::to_string(there);
    const bool goes_on = response.status() == 206 && begin_of(content_range) == there;
    if (!complete) response.raise_for_status();
    if (!complete && !goes_on) co_await begin_anew(response, part, etag_file);
    if (!complete) co_await append_body(response, part);
    co_await finish(response, part, file);
    co_await fs::remove(etag_file, {.missing_ok = true});
    ++(goes_on || complete ? resumed_ : new_);
  }

  // What there is of another version goes first; then it may be said which one follows.
  static Task<> begin_anew(const http::Response& response, const path& part,
                           const path& etag_file) {
    co_await fs::remove(etag_file, {.missing_ok = true});
    co_await write_text(part, "");
    const std::string etag(response.headers().get("ETag", ""));
    if (etag.starts_with('"')) co_await write_atomic(etag_file, etag);
  }

  Task<> append_body(http::Response& response, const path& part) {
    co_await with(open(part, "ab", {.buffering = 0}), [&](File& file) -> Task<> {
      std::size_t got = co_await response.fill();
      while (got > 0) {
        co_await file.write(response.buffered());
        response.consume(got);
        progress_.advance(got);
        if (limiter_) co_await limiter_->acquire(std::min(got, burst));
        got = co_await response.fill();
      }
    });
  }

  // It has its time before it has its name.
  static Task<> finish(const http::Response& response, const path& part, const path& file) {
    const auto date = parse_date(std::string(response.headers().get("Last-Modified", "")));
    if (date) co_await fs::utime(part, *date, *date);
    co_await fs::rename(part, file);
  }

  std::string site_;
  path folder_;
  Options options_;
  http::Client client_;
  RetryPolicy policy_;
  std::optional<RateLimiter> limiter_;
  Queue<std::string> frontier_;
  std::set<path> seen_;  // "/" and "/index.html" are one
  Progress progress_{std::nullopt, "mirroring", {.unit = " bytes"}};
  std::size_t new_ = 0, resumed_ = 0, unchanged_ = 0;
  std::map<std::string, std::string> failed_;
};

static Task<int> amain(std::string site, std::string start, path folder, Options options) {
  Mirror mirror(std::move(site), std::move(folder), options);
  co_await mirror.copy(std::move(start));
  co_return mirror.report();
}

constexpr const char* usage =
    "usage: mirror_site [OPTION N]... URL FOLDER\n"
    "  --at-once N     files                                4\n"
    "  --rate N        bytes a second, of all; 0: no limit  0\n";

int main(int count, char** arguments) try {
  Options options;
  int at = 1;
  for (; at + 1 < count && std::string_view(arguments[at]).starts_with("--"); at += 2) {
    const std::string_view word = arguments[at];
    const int number = std::atoi(arguments[at + 1]);
    if (word == "--at-once" && number > 0) {
      options.at_once = number;
    } else if (word == "--rate" && number >= 0) {
      options.rate = static_cast<std::size_t>(number);
    } else {
      return std::fputs(usage, stderr), 2;
    }
  }
  const std::string url = at < count ? arguments[at] : "";
  const auto host = url.find("://");
  if (at + 2 != count || host == url.npos) return std::fputs(usage, stderr), 2;
  const auto slash = std::min(url.find('/', host + 3), url.size());
  std::string start = slash < url.size() ? url.substr(slash) : "/";
  return run(amain(url.substr(0, slash), std::move(start), arguments[at + 1], options),
             {.handle_sigint = true});
} catch (const std::exception& error) {
  return std::fprintf(stderr, "mirror_site: %s\n", error.what()), 1;
}
