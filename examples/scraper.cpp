// Scrapes a site for its articles: a few pages at a time, each within a time limit, again where the
// server stumbled; what fails in the end is left out, and nobody else suffers.
//
// Run:    examples/run scraper [PAGES] [AT_ONCE] [MILLISECONDS]      20 5 1000
// Prints: what failed, and why; how many articles there are, and what the site saw: it is the
//         program's own, where of 20 pages 5 always fail, 2 never answer, and one fails at first.
//         Progress goes to stderr.
#include "local_site.hpp"

#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace eddy;
using namespace std::chrono_literals;

struct Article {
  std::string title;
  std::string url;
  std::chrono::system_clock::time_point fetched_at;
};

struct Options {
  std::size_t pages = 20;
  std::size_t at_once = 5;
  std::chrono::milliseconds patience = 1000ms;  // with one request, from the call to the last byte
};

static std::string title_of(const std::string& html) {
  const auto begin = html.find("<title>");
  const auto end = html.find("</title>");
  if (begin == html.npos || end == html.npos) throw std::runtime_error("a page without a title");
  return html.substr(begin + 7, end - begin - 7);
}

class Scraper {
 public:
  explicit Scraper(const Options& options)
      : semaphore_(options.at_once),
        client_({.max_connections = static_cast<unsigned>(options.at_once),
                 .timeouts = {.total = options.patience}}) {
    // What the server or the network got wrong may go better; who did not answer in time had his.
    policy_.stop_after_attempt(3)
        .wait(wait_exponential(10ms, {.max = 1s}))
        .retry_if<http::StatusError, http::TransferError>();
  }

  // Of all that could be had.
  Task<std::vector<Article>> scrape_website(std::vector<std::string> urls) {
    std::vector<Task<std::optional<Article>>> tasks;
    for (const std::string& url : urls) tasks.push_back(scrape_article(url));
    const auto results = co_await gather_settled_with_progress(std::move(tasks), "scraping");
    std::vector<Article> articles;
    for (const auto& result : results) {
      if (result && result.value()) articles.push_back(*result.value());
    }
    co_await client_.close();
    co_return articles;
  }

 private:
  // Nothing for what failed. A cancellation is no failure, and ends it.
  Task<std::optional<Article>> scrape_article(std::string url) {
    std::optional<Article> article;
    try {
      const auto attempt = [&] { return fetch(url); };
      const std::string html = co_await retry(attempt, policy_);
      article.emplace(title_of(html), url, std::chrono::system_clock::now());
    } catch (const std::exception& error) {
      std::printf("Failed to scrape %s: %s\n", url.c_str(), error.what());
    }
    co_return article;
  }

  // Holds a place only while it asks, not while it waits for another attempt.
  Task<std::string> fetch(const std::string& url) {
    const auto place = co_await semaphore_.scoped();
    http::Response response = co_await client_.get(url);
    response.raise_for_status();
    co_return co_await response.text();
  }

  Semaphore semaphore_;
  http::Client client_;
  RetryPolicy policy_;
};

// The pages are "/0", "/1" ...
static LocalSite::Page page_for(const LocalSite::Request& request, std::vector<bool>& seen) {
  const auto number = std::stoul(request.path.substr(1));
  LocalSite::Page page("<title>Article " + std::to_string(number) + "</title>\n");
  const auto kind = number % 20;
  if (kind % 4 == 3) page.status = 500;
  if (kind == 2 && !seen.at(number)) page.status = 503;
  page.stalls = kind == 5 || kind == 13;
  seen.at(number) = true;
  return page;
}

static Task<int> amain(Options options) {
  std::vector<bool> seen(options.pages);
  LocalSite site([&](const LocalSite::Request& request) { return page_for(request, seen); });
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < options.pages; ++i) urls.push_back(site.url("/" + std::to_string(i)));
  Scraper scraper(options);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Article> articles = co_await scraper.scrape_website(std::move(urls));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%zu articles, %zu requests, at most %zu connections at once\n", articles.size(),
              site.requests(), site.peak());
  if (!articles.empty()) std::printf("the last one: %s\n", articles.back().title.c_str());
  std::fprintf(stderr, "in %.2f s\n", took.count());
  co_return articles.empty() ? 1 : 0;
}

int main(int count, char** arguments) {
  Options options;
  if (count > 1) options.pages = std::strtoul(arguments[1], nullptr, 10);
  if (count > 2) options.at_once = std::strtoul(arguments[2], nullptr, 10);
  if (count > 3) options.patience = std::chrono::milliseconds(std::atoi(arguments[3]));
  return run(amain(options), {.handle_sigint = true});
}
