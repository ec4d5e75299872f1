// Requests that end before they are through: cancelled anywhere, out of memory, out of
// descriptors, in a child. Nothing is left behind, and the next one does not notice.
#include <eddy/http.hpp>

#include "http/odd_server.hpp"
#include "http/run.hpp"
#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/few_descriptors.hpp"
#include "support/watchdog.hpp"

#include <random>

using namespace eddy;
using test::nginx;
using test::page;

namespace {

TEST(HttpCancel, EndsTheTransferInEachState) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/never", &test::never_answer);
    server.on("/half", &test::stall_in_the_head);
    server.on("/stall", &test::stall_at_byte_one);
    http::Client client({.max_connections = 1});
    auto unbegun = spawn(page(client, server.url + "/x"));
    unbegun.cancel();
    co_await test::wait_until_done(unbegun);
    EXPECT_EQ(server.connections, 0);
    static constexpr std::array paths{"/never", "/half", "/stall"};
    int asked = 0;
    for (const char* path : paths) {
      auto running = spawn(page(client, server.url + path));
      auto waiting = spawn(page(client, server.url + "/x"));
      co_await server.until_requests(++asked);
      co_await test::settle();
      waiting.cancel();  // for its place
      co_await test::wait_until_done(waiting);
      EXPECT_TRUE(waiting.cancelled());
      EXPECT_EQ(client.stats().waiting, 0u);
      running.cancel();
      co_await test::wait_until_done(running);
      EXPECT_TRUE(running.cancelled());
      EXPECT_EQ(client.stats().running, 0u);
      co_await server.until_open(0);  // at once, and not when somebody asks next
    }
    const std::string text = co_await page(client, server.url + "/fine");
    EXPECT_EQ(text, "GET /fine\n");
    EXPECT_EQ(server.connections, 4) << "none was used again half-read";
    co_await client.close();
    co_await server.stop();
  });
}

// The request is cancelled after so many turns: while names are resolved, connections made, the
// answer comes in, or with it.
TEST(HttpCancel, InAnyTurnLosesNothing) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/slow", &test::answer_slowly);
    http::Client client;
    bool through = false;
    int cancelled = 0;
    for (int turns = 0; !through && turns < 2000; ++turns) {
      auto request = spawn(page(client, server.url + "/slow"));
      for (int turn = 0; turn < turns && !request.done(); ++turn) co_await yield();
      through = request.done();
      request.cancel();
      co_await test::wait_until_done(request);
      cancelled += request.cancelled();
      EXPECT_EQ(client.stats().running, 0u);
    }
    EXPECT_GT(cancelled, 10);
    const std::string text = co_await page(client, server.url + "/fine");
    EXPECT_EQ(text, "GET /fine\n");
    co_await client.close();
    co_await server.until_open(0);
    co_await server.stop();
  });
}

// One request to one of many places, which is cancelled or dropped at some point, or is not.
Task<> any_request(http::Client& client, test::OddServer& server, unsigned chance, bool& whole) {
  static constexpr std::array paths{"/fine", "/slow", "/chunks", "/count/2", "/middle"};
  const unsigned which = chance % 8;
  std::string url;
  if (which < paths.size()) {
    url = server.url + paths[which];
  } else if (which == paths.size()) {
    url = nginx().plain + "/file/zeros.txt";
  } else {
    url = nginx().plain + "/hello";
  }
  http::Response response = co_await client.get(url);
  if (chance / 8 % 4 == 0) co_return;
  const std::string text = co_await response.text();
  whole = !text.empty();
}

TEST(HttpCancel, TenThousandAtRandomLeaveNothing) {
  test::allow(180s);
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/slow", &test::answer_slowly);
    server.on("/chunks", &test::send_chunks);
    server.on("/count", &test::count_down);
    server.on("/middle", &test::close_in_the_middle);
    http::Client client({.max_connections = 20});
    std::mt19937 random(14);
    std::ptrdiff_t held = 0;
    unsigned open = 0;
    int cancelled = 0, whole = 0, failed = 0;
    constexpr int at_once = 40;
    for (int round = 0; round < 10'000 / at_once; ++round) {
      std::vector<JoinHandle<>> all;
      std::array<bool, at_once> wholes{};
      for (bool& each : wholes) all.push_back(spawn(any_request(client, server, random(), each)));
      for (int i = 0; i < at_once; ++i) {
        for (unsigned turns = random() % 6; turns > 0; --turns) co_await yield();
        if (random() % 5 > 0) all[random() % all.size()].cancel();
      }
      for (auto& each : all) {
        co_await test::wait_until_done(each);
        if (each.cancelled()) ++cancelled;
      }
      for (const bool each : wholes) whole += each;
      EXPECT_EQ(client.stats().running, 0u);
      EXPECT_EQ(client.stats().waiting, 0u);
      if (round == 125 || round == 10'000 / at_once - 1) {
        all = {};
        server.heads = {};
        co_await client.close();
        co_await server.until_open(0);
        client = http::Client({.max_connections = 20});
        eddy::internal::Pool::trim();  // what it keeps is no loss
        if (round == 125) held = test::bytes_held();
        if (round == 125) open = test::open_descriptors();
      }
    }
    failed = 10'000 - cancelled - whole;
    EXPECT_GT(cancelled, 1000);
    EXPECT_GT(whole, 1000);
    EXPECT_GT(failed, 0);
    EXPECT_LE(test::bytes_held() - held, 33 * 1024) << "memory is lost";
    EXPECT_EQ(test::open_descriptors(), open);
    co_await server.stop();
  });
}

TEST(HttpCancel, OfAReadLosesNoByte) {
  test::run_http([]() -> Task<> {
    test::OddServer server;
    server.on("/slow", &test::answer_slowly);
    http::Client client;
    for (int turns = 0; turns < 30; ++turns) {
      http::Response response = co_await client.get(server.url + "/slow");
      auto read = spawn(response.text());
      for (int turn = 0; turn < turns; ++turn) co_await yield();
      read.cancel();
      co_await test::wait_until_done(read);
      if (!read.cancelled()) continue;
      const std::string text = co_await response.text();
      EXPECT_EQ(text, "hello") << turns;
    }
    EXPECT_EQ(server.connections, 1) << "the transfers went on";
    co_await client.close();
    co_await server.stop();
  });
}

// Edges 14
TEST(HttpMemory, AnyAllocationMayFail) {
  const std::string url = nginx().plain;
  std::size_t good = 0;
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop;
    bool may_fail = true;
    const auto work = [&]() -> Task<> {
      http::Client client;
      memory.arm();
      bool well = false;
      try {
        http::Response response = co_await client.post(
            url + "/again",
            {.headers = {{"X-Test", "a header that is long enough to be allocated"}},
             .body = "some bytes that are long enough to be allocated as well"});
        const std::string text = co_await response.text();
        well = text.starts_with("POST|");
      } catch (const std::bad_alloc&) {
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::not_enough_memory);
      }
      memory.disarm();
      may_fail = false;
      good += well;
      // Whatever failed, the client serves on.
      const std::string text = co_await page(client, url + "/hello");
      EXPECT_EQ(text, "hello\n");
      EXPECT_EQ(client.stats().running, 0u);
    };
    loop.run(work());
    EXPECT_FALSE(may_fail);
  });
  EXPECT_GT(failed, 5u);
  EXPECT_GT(good, 0u);
}

// Edges 14
TEST(HttpMemory, ThatIsNotThereForABodyLeavesItToBeRead) {
  const std::string url = nginx().plain;
  std::size_t failed = 0;
  test::fail_each_allocation([&](test::FailingMemory& memory) {
    Loop loop;
    const auto work = [&]() -> Task<> {
      http::Client client;
      http::Response response = co_await client.get(url + "/hello");
      while (co_await response.fill() > 0) {
      }
      bool well = false;
      memory.arm();
      try {
        const std::vector<std::byte> bytes = co_await response.bytes();
        well = bytes.size() == 6;
      } catch (const std::bad_alloc&) {
      }
      memory.disarm();
      if (well) co_return;
      ++failed;
      const std::string text = co_await response.text();
      EXPECT_EQ(text, "hello\n");
    };
    loop.run(work());
  });
  EXPECT_GE(failed, 3u);  // two frames, the text and the bytes
}

// Edges 15
TEST(HttpDescriptors, AnyOfThemMayBeOneTooMany) {
  const std::string url = nginx().plain;
  const std::size_t failed = test::fail_each_descriptor([&](auto& few) {
    Loop loop;
    bool lacked = false;
    const auto work = [&]() -> Task<> {
      http::Client client;
      few.arm();
      try {
        const std::string text = co_await page(client, url + "/hello");
      } catch (const Error& error) {
        lacked = true;
      }
      few.disarm();
      const std::string text = co_await page(client, url + "/hello");
      EXPECT_EQ(text, "hello\n");
    };
    loop.run(work());
    return lacked;
  });
  EXPECT_GT(failed, 0u);
}

// Edges 7
TEST(HttpFork, LeavesTheParentsConnectionsAlone) {
  std::fflush(nullptr);
  test::run_http([]() -> Task<> {
    test::OddServer server;
    http::Client client;
    const std::string first = co_await page(client, server.url + "/a");
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);
      int result = 1;
      {
        http::Client moved = std::move(client);
        try {
          auto task = moved.get(server.url + "/of the child");
        } catch (const UsageError&) {
          result = 0;
        }
      }  // and dies
      ::_exit(result);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    const std::string second = co_await page(client, server.url + "/b");
    EXPECT_EQ(second, "GET /b\n");
    EXPECT_EQ(server.connections, 1);
    EXPECT_EQ(server.requests, 2);
    co_await client.close();
    co_await server.stop();
  });
}

TEST(HttpLoop, ThatEndsEndsItsRequests) {
  static_cast<void>(nginx().lines());
  const unsigned before = test::open_descriptors();
  {
    http::Client client({.max_connections = 3});
    Loop loop;
    test::expect_no_reports(loop);
    int cancelled = 0;
    const auto one = [&](std::string path) -> Task<> {
      try {
        const std::string text = co_await page(client, nginx().plain + path);
      } catch (const Cancelled&) {
        ++cancelled;
        throw;
      }
    };
    loop.run([&]() -> Task<> {
      for (int i = 0; i < 4; ++i) static_cast<void>(spawn(one("/slow/kilobyte")));
      static_cast<void>(spawn(one("/file/lines")));
      co_await sleep(20ms);
    });
    loop.close();
    EXPECT_EQ(cancelled, 5);
    EXPECT_EQ(loop.stats().in_flight, 0u);
  }
  EXPECT_EQ(test::open_descriptors_in_the_end(before), before);
}

}  // namespace
