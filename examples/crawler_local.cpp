// Crawls a web site on which much goes wrong, and misses nothing that is there: what failed is
// asked for again, later and later; no section is asked by two at a time, nor too often; one that
// keeps failing is left alone; nobody waits for an answer for ever.
//
// Run:    examples/run crawler_local [OPTIONS]              a site of its own, in the same loop
//         examples/run crawler_local --serve ADDRESS        such a site alone
//         examples/run crawler_local --crawl ADDRESS        one that is there
// Prints: what was missing or out of reach, how many pages there are, and what was asked for again
//         and why. Progress goes to stderr.
#include "misbehaving_site.hpp"

#include <eddy/eddy.hpp>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>

using namespace eddy;
using namespace std::chrono_literals;

struct Answer {
  int status;
  std::string body;
};

static bool is_broken(const Answer& answer) { return answer.status >= 500; }

// By HTTP/1.0: the connection ends with the answer, which may be cut off.
static Task<Answer> get(Address site, std::string path) {
  Stream stream = co_await connect(site);
  co_await stream.write_all("GET " + path + " HTTP/1.0\r\n\r\n");
  std::string text = co_await stream.read_all();
  const auto end = text.find("\r\n\r\n");
  const auto length = text.find("Content-Length: ");
  if (!text.starts_with("HTTP/1.") || end == text.npos || length > end) {
    throw Error(EPROTO, "read the answer for", path);
  }
  const int status = std::atoi(text.c_str() + text.find(' '));
  const auto expected = std::strtoul(text.c_str() + length + 16, nullptr, 10);
  text.erase(0, end + 4);
  if (text.size() != expected) throw Error(EPROTO, "read the answer for", path);
  co_return Answer{status, std::move(text)};
}

// The links of a page, of this site.
static std::set<std::string> links_of(std::string_view body) {
  constexpr std::string_view mark = "href=\"/";
  std::set<std::string> links;
  for (auto at = body.find(mark); at != body.npos; at = body.find(mark, at)) {
    at += mark.size() - 1;
    links.emplace(body.substr(at, body.find('"', at) - at));
  }
  return links;
}

struct Options {
  int sections = 3;
  int at_once = 8;                         // requests, of all sections
  int rate = 100;                          // requests in a second, of each
  std::chrono::milliseconds patience{1000};  // for one answer
};

// What is asked of one part of the site.
struct Section {
  Section(const std::string& name, int rate)
      : limiter(rate, 1s, 10), breaker({.failures = 4, .open_for = 60s}, name) {}

  Lock turn;
  RateLimiter limiter;
  CircuitBreaker breaker;
};

class Crawler {
 public:
  Crawler(Address site, const Options& options) : site_(site), options_(options) {
    policy_.stop_after_attempt(6)
        .wait(wait_random_exponential(20ms, {.max = 1s}))
        .retry_if_not<CircuitOpen>()
        .before_sleep([this](const RetryState& state) { count_again(state); });
  }

  Task<> crawl() {
    co_await task_group([&](TaskGroup& group) -> Task<> {
      note("/");
      for (int i = 0; i < options_.at_once; ++i) group.spawn(worker());
      co_await frontier_.join();
      frontier_.shutdown();
    });
    progress_.close();
  }

  int report() const {
    for (const std::string& path : missing_) std::printf("missing: %s\n", path.c_str());
    for (const std::string& path : unreachable_) std::printf("out of reach: %s\n", path.c_str());
    std::printf("%zu pages in %zu sections, %zu missing, %zu out of reach\n", pages_,
                sections_.size(), missing_.size(), unreachable_.size());
    std::printf("asked again: %d after a failure of the server, %d after a reset, %d after silence"
                ", %d after others\n", broken_, reset_, silent_, others_);
    for (const auto& [name, section] : sections_) {
      const CircuitStatistics& calls = section.breaker.statistics();
      if (calls.opened == 0) continue;
      std::printf("left alone: '%s' after %zu failures, %zu requests were not made\n",
                  name.c_str(), calls.failed, calls.rejected);
    }
    return pages_ > 0 ? 0 : 1;
  }

 private:
  Task<> worker() {
    for (;;) {
      const auto path = co_await as_result(frontier_.get());
      if (!path) co_return;  // shut down, and nothing is left
      co_await visit(*path);
      progress_.advance();
      frontier_.task_done();
    }
  }

  Task<> visit(const std::string& path) {
    Section& section = section_of(path);
    const auto ask = [&] { return attempt(section, path); };
    const auto answer = co_await as_result(retry(ask, policy_, &is_broken));
    if (!answer) {
      unreachable_.insert(path);
    } else if (answer->status != 200) {
      missing_.insert(path);
    } else {
      ++pages_;
      for (const std::string& link : links_of(answer->body)) note(link);
    }
  }
  Task<Answer> attempt(Section& section, const std::string& path) {
    const auto turn = co_await section.turn.scoped();
    const auto request = [&]() -> Task<Answer> {
      co_await section.limiter.acquire();
      co_return co_await timeout(options_.patience, get(site_, path));
    };
    co_return co_await section.breaker.call(request, &is_broken);
  }

  // Each link once.
  void note(const std::string& path) {
    if (seen_.insert(path).second) frontier_.put_nowait(path);
  }
  Section& section_of(const std::string& path) {
    const std::string name = path.substr(0, path.rfind('/') + 1);
    return sections_.try_emplace(name, name, options_.rate).first->second;
  }
  void count_again(const RetryState& state) {
    if (!state.failure) {
      ++broken_;
    } else if (state.failure->error_code() == std::errc::connection_reset) {
      ++reset_;
    } else if (state.failure->error_code() == std::errc::timed_out) {
      ++silent_;
    } else {
      ++others_;
    }
  }

  Address site_;
  Options options_;
  RetryPolicy policy_;
  std::map<std::string, Section> sections_;
  std::set<std::string> seen_;
  Queue<std::string> frontier_;
  Progress progress_{std::nullopt, "crawling", {.unit = " pages"}};
  std::size_t pages_ = 0;
  std::set<std::string> missing_, unreachable_;
  int broken_ = 0, reset_ = 0, silent_ = 0, others_ = 0;
};

static Task<int> crawl(Address site, Options options) {
  Crawler crawler(site, options);
  co_await crawler.crawl();
  co_return crawler.report();
}

static Task<> serve_site(Listener& listener, Options options) {
  MisbehavingSite site(options.sections);
  const auto client = [&](Stream stream) { return site.converse(std::move(stream)); };
  co_await serve(listener, client);
}

static Task<int> serve_alone(Address address, Options options) {
  Listener listener = listen(address);
  std::printf("listening on %s\n", listener.local().format().c_str());
  std::fflush(stdout);
  co_await serve_site(listener, options);
  co_return 0;
}

static Task<int> crawl_own(Options options) {
  Listener listener = listen(Address::parse("127.0.0.1:0"));
  int status = 1;
  co_await task_group([&](TaskGroup& group) -> Task<> {
    group.spawn(serve_site(listener, options));
    status = co_await crawl(listener.local(), options);
    group.cancel();
  });
  co_return status;
}

constexpr const char* usage =
    "usage: crawler_local [--serve ADDRESS | --crawl ADDRESS] [OPTION N]...\n"
    "  --sections N    of the site, 20 pages each    3\n"
    "  --at-once N     requests, of all sections     8\n"
    "  --rate N        a second, of each section     100\n"
    "  --patience N    milliseconds for an answer    1000\n";

int main(int count, char** arguments) try {
  Options options;
  std::string serve_at, crawl_at;
  for (int i = 1; i < count; i += 2) {
    const std::string_view word = arguments[i];
    if (word == "--help") return std::fputs(usage, stdout), 0;
    const char* value = i + 1 < count ? arguments[i + 1] : "";
    const int number = std::atoi(value);
    if (word == "--serve" && *value) {
      serve_at = value;
    } else if (word == "--crawl" && *value) {
      crawl_at = value;
    } else if (word == "--sections" && number > 0) {
      options.sections = number;
    } else if (word == "--at-once" && number > 0) {
      options.at_once = number;
    } else if (word == "--rate" && number > 0) {
      options.rate = number;
    } else if (word == "--patience" && number > 0) {
      options.patience = std::chrono::milliseconds(number);
    } else {
      return std::fputs(usage, stderr), 2;
    }
  }
  const LoopOptions loop{.handle_sigint = true};
  if (!serve_at.empty()) return run(serve_alone(Address::parse(serve_at), options), loop);
  if (!crawl_at.empty()) return run(crawl(Address::parse(crawl_at), options), loop);
  return run(crawl_own(options), loop);
} catch (const std::exception& error) {
  return std::fprintf(stderr, "crawler_local: %s\n", error.what()), 1;
}
