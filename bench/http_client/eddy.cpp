// eddy-http asks for a page so many times, so many at once: http_client_eddy URL COUNT AT_ONCE
#include <eddy/eddy.hpp>
#include <eddy/http.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

double seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

eddy::Task<> ask(eddy::http::Client& client, const char* url, long& left) {
  while (left-- > 0) {
    eddy::http::Response response = co_await client.get(url);
    const std::string text = co_await response.text();
    if (response.status() != 200 || text.empty()) std::abort();
  }
}

eddy::Task<> ask_in_all(eddy::http::Client& client, const char* url, long count, int at_once) {
  std::vector<eddy::JoinHandle<>> tasks;
  for (int i = 0; i < at_once; ++i) tasks.push_back(eddy::spawn(ask(client, url, count)));
  for (auto& task : tasks) co_await task;
}

eddy::Task<> measure(const char* url, long count, int at_once) {
  eddy::http::Client client;
  co_await ask_in_all(client, url, 50L * at_once, at_once);
  const double began = seconds(CLOCK_MONOTONIC);
  const double used = seconds(CLOCK_PROCESS_CPUTIME_ID);
  co_await ask_in_all(client, url, count, at_once);
  std::printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"connections\": %lu}\n",
              seconds(CLOCK_MONOTONIC) - began, seconds(CLOCK_PROCESS_CPUTIME_ID) - used,
              static_cast<unsigned long>(client.stats().connections));
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  eddy::run(measure(words[1], std::atol(words[2]), std::atoi(words[3])));
}
