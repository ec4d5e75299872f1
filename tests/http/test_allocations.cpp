// What a request costs in calls of malloc: as many as libcurl makes by itself for the same.
#include <eddy/http.hpp>

#include "http/run.hpp"
#include "support/allocations.hpp"

#include <curl/curl.h>
#include <poll.h>

using namespace eddy;
using test::nginx;

namespace {

// libcurl by itself, driven by sockets as eddy drives it, with the same options.
class Raw {
 public:
  Raw() {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
    curl_share_cleanup(share_);
  }

  std::string get(const std::string& url, const std::string& body) {
    std::string text;
    text.reserve(1024);
    set_up(url, body, text);
    curl_multi_add_handle(multi_, easy_);
    int running = 1;
    act(CURL_SOCKET_TIMEOUT, 0, running);
    while (running > 0) wait(running);
    int left = 0;
    while (curl_multi_info_read(multi_, &left)) {
    }
    curl_multi_remove_handle(multi_, easy_);
    return text;
  }

 private:
  void set_up(const std::string& url, const std::string& body, std::string& text) {
    curl_easy_setopt(easy_, CURLOPT_COOKIEFILE, nullptr);
    curl_easy_reset(easy_);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &on_line);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &text);
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy_, CURLOPT_USERAGENT, "eddy");
    curl_easy_setopt(easy_, CURLOPT_COOKIEFILE, "");
    curl_easy_setopt(easy_, CURLOPT_SHARE, share_);
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, &lines_[0]);
    if (body.empty()) return;
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body.c_str());
  }

  void wait(int& running) {
    pollfd watched[4]{};
    nfds_t count = 0;
    for (const auto& [fd, what] : sockets_) {
      const short events = static_cast<short>((what & CURL_POLL_IN ? POLLIN : 0) |
                                              (what & CURL_POLL_OUT ? POLLOUT : 0));
      watched[count++] = {.fd = fd, .events = events, .revents = 0};
    }
    const int ready = ::poll(watched, count, milliseconds_ < 0 ? 1000 : int(milliseconds_));
    if (ready == 0) act(CURL_SOCKET_TIMEOUT, 0, running);
    for (nfds_t i = 0; i < count; ++i) {
      const int mask = (watched[i].revents & POLLIN ? CURL_CSELECT_IN : 0) |
                       (watched[i].revents & POLLOUT ? CURL_CSELECT_OUT : 0);
      if (mask) act(watched[i].fd, mask, running);
    }
  }
  void act(curl_socket_t fd, int mask, int& running) {
    curl_multi_socket_action(multi_, fd, mask, &running);
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& sockets = static_cast<Raw*>(self)->sockets_;
    for (auto& each : sockets) {
      if (each.first == fd || each.first < 0) {
        each = {what == CURL_POLL_REMOVE ? -1 : fd, what};
        break;
      }
    }
    return 0;
  }
  static int on_timer(CURLM*, long milliseconds, void* self) {
    static_cast<Raw*>(self)->milliseconds_ = milliseconds;
    return 0;
  }
  static std::size_t on_line(char*, std::size_t, std::size_t count, void*) { return count; }
  static std::size_t on_body(char* data, std::size_t, std::size_t count, void* text) {
    static_cast<std::string*>(text)->append(data, count);
    return count;
  }

  CURLM* multi_ = curl_multi_init();
  CURL* easy_ = curl_easy_init();
  CURLSH* share_ = curl_share_init();
  char error_[CURL_ERROR_SIZE];
  char expect_[8] = "Expect:", type_[16] = "Content-Type:";
  curl_slist lines_[2] = {{expect_, &lines_[1]}, {type_, nullptr}};
  std::array<std::pair<int, int>, 4> sockets_{{{-1, 0}, {-1, 0}, {-1, 0}, {-1, 0}}};
  long milliseconds_ = -1;
};

TEST(HttpAllocations, ARequestMakesNoneBesideThoseOfLibcurl) {
  constexpr std::size_t times = 200;
  static const std::string url = nginx().plain + "/file/kilobyte";
  std::size_t by_curl = 0, by_eddy = 0;
  {
    Raw raw;
    const auto ask = [&] { EXPECT_EQ(raw.get(url, "").size(), 1024u); };
    for (std::size_t i = 0; i < 50; ++i) ask();
    const std::size_t before = test::allocations();
    for (std::size_t i = 0; i < times; ++i) ask();
    by_curl = test::allocations() - before;
  }
  test::run_http([&]() -> Task<> {
    http::Client client;
    const auto ask = [&]() -> Task<> {
      http::Response response = co_await client.get(url);
      const std::string text = co_await response.text();
      EXPECT_EQ(text.size(), 1024u);
    };
    for (std::size_t i = 0; i < 200; ++i) co_await ask();
    const std::size_t before = test::allocations();
    for (std::size_t i = 0; i < times; ++i) co_await ask();
    by_eddy = test::allocations() - before;
  });
  testing::Test::RecordProperty("by_libcurl", int(by_curl / times));
  testing::Test::RecordProperty("by_eddy", int(by_eddy / times));
  if (!test::can_count_allocations()) GTEST_SKIP() << "allocations are not counted here";
  EXPECT_GT(by_curl, times);
  // What grows to its size now and then is no part of a request; and what libcurl makes depends on
  // when an answer comes: with each change of what it waits for.
  EXPECT_LE(by_eddy, by_curl + by_curl / 20)
      << by_eddy / times << " by eddy, " << by_curl / times << " by libcurl, each request";
}

// libcurl's own: with each pause it makes the entries of its tables anew, and a copy of what it
// holds back.
TEST(HttpAllocations, AReadOfABodyMakesNoneBesideLibcurlsForAPause) {
  test::run_http([]() -> Task<> {
    static_cast<void>(nginx().lines());
    http::Client client;
    http::Response response = co_await client.get(nginx().lines());
    std::array<char, 4096> buffer{};
    std::string line;
    auto lines = response.lines();
    for (int i = 0; i < 100'000; ++i) {
      const bool more = co_await lines.next_into(line);
      EXPECT_TRUE(more);
    }
    const std::size_t before = test::allocations();
    for (int i = 0; i < 100'000; ++i) {
      const bool more = co_await lines.next_into(line);
      EXPECT_TRUE(more);
    }
    for (int i = 0; i < 1000; ++i) {
      const std::size_t count = co_await response.read_some(buffer);
      EXPECT_GT(count, 0u);
    }
    const std::size_t made = test::allocations() - before;
    constexpr std::size_t pauses = (100'000 * 100 + 1000 * 4096) / (64 * 1024) + 1;
    EXPECT_LE(test::can_count_allocations() ? made : 0, 6 * pauses);
  });
}

}  // namespace
