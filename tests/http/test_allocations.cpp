// What a request and a read cost in calls of malloc beside those that libcurl makes: none.
#include <eddy/http.hpp>

#include "http/run.hpp"
#include "support/allocations.hpp"

#include <curl/curl.h>

#include <cstdlib>
#include <cstring>

using namespace eddy;
using test::nginx;

namespace {

thread_local std::size_t made_by_libcurl = 0;

// libcurl takes its memory here from the first of its calls on.
const CURLcode counted = curl_global_init_mem(
    CURL_GLOBAL_DEFAULT,
    [](std::size_t size) {
      ++made_by_libcurl;
      return std::malloc(size);
    },
    [](void* memory) { std::free(memory); },
    [](void* memory, std::size_t size) {
      ++made_by_libcurl;
      return std::realloc(memory, size);
    },
    [](const char* text) {
      ++made_by_libcurl;
      return ::strdup(text);
    },
    [](std::size_t number, std::size_t size) {
      ++made_by_libcurl;
      return std::calloc(number, size);
    });

// What was allocated since it was made, by everybody and by libcurl.
struct Since {
  std::size_t all = test::allocations();
  std::size_t libcurls = made_by_libcurl;

  std::size_t by_libcurl() const { return made_by_libcurl - libcurls; }
  std::size_t by_others() const { return test::allocations() - all - by_libcurl(); }
};

TEST(HttpAllocations, ARequestMakesNoneBesideThoseOfLibcurl) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "allocations are not counted here";
  ASSERT_EQ(counted, CURLE_OK);
  test::run_http([]() -> Task<> {
    constexpr std::size_t times = 200;
    const std::string url = nginx().plain + "/file/kilobyte";
    http::Client client;
    std::array<char, 4096> buffer{};
    const auto ask = [&]() -> Task<> {
      http::Response response = co_await client.get(url);
      std::size_t size = 0;
      for (;;) {
        const std::size_t count = co_await response.read_some(buffer);
        if (count == 0) break;
        size += count;
      }
      EXPECT_EQ(size, 1024u);
    };
    for (std::size_t i = 0; i < times; ++i) co_await ask();
    const Since since;
    for (std::size_t i = 0; i < times; ++i) co_await ask();
    EXPECT_EQ(since.by_others(), 0u);
    EXPECT_GT(since.by_libcurl(), times);
    testing::Test::RecordProperty("by_libcurl", int(since.by_libcurl() / times));
  });
}

TEST(HttpAllocations, AReadOfABodyMakesNoneBesideThoseOfLibcurl) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "allocations are not counted here";
  test::run_http([]() -> Task<> {
    static_cast<void>(nginx().lines());
    http::Client client;
    http::Response response = co_await client.get(nginx().lines());
    std::array<char, 4096> buffer{};
    std::string line;
    auto lines = response.lines();
    const auto read = [&]() -> Task<> {
      for (int i = 0; i < 100'000; ++i) {
        const bool more = co_await lines.next_into(line);
        EXPECT_TRUE(more);
      }
      for (int i = 0; i < 1000; ++i) {
        const std::size_t count = co_await response.read_some(buffer);
        EXPECT_GT(count, 0u);
      }
    };
    // Until what holds a piece has the size of the largest, which chance brings sooner or later.
    std::size_t made = 1;
    for (int i = 0; i < 6 && made > 0; ++i) {
      const Since since;
      co_await read();
      made = since.by_others();
    }
    EXPECT_EQ(made, 0u);
  });
}

}  // namespace
