#include "support/run.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <latch>
#include <thread>

namespace {

// What the resolver is made to do for names that begin with "held": waits, then knows 127.0.0.2.
struct Hold {
  std::latch begun{1};
  std::latch go{1};
  std::latch done{1};
};
std::atomic<Hold*> hold = nullptr;
std::atomic<int> asked_elsewhere = 0;  // calls on other threads than the tests'
const std::thread::id tests_thread = std::this_thread::get_id();

}  // namespace

// Stands before that of the C library, in this program.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (std::this_thread::get_id() == tests_thread) return real(host, service, hints, found);
  ++asked_elsewhere;
  if (!host || !std::string_view(host).starts_with("held")) {
    return real(host, service, hints, found);
  }
  Hold& held = *hold;
  held.begun.count_down();
  held.go.wait();
  const int error = real("127.0.0.2", service, hints, found);
  held.done.count_down();
  return error;
}

namespace {

using namespace eddy;
using test::wait_until_done;
using Addresses = std::vector<Address>;

Addresses only(const Address& address) { return Addresses(1, address); }

TEST(Resolve, AnswersWhatIsNumericAtOnce) {
  const int before = asked_elsewhere;
  test::run([]() -> Task<> {
    const auto turns = Loop::current().stats().turns;
    EXPECT_EQ(co_await resolve("127.0.0.1", "80"), only(Address::loopback(80)));
    EXPECT_EQ(co_await resolve("::1", 443), only(Address::loopback6(443)));
    EXPECT_EQ(co_await resolve("10.1.2.3"), only(Address::ip("10.1.2.3", 0)));
    EXPECT_EQ(co_await resolve("fe80::1%1", 65535), only(Address::ip("fe80::1%1", 65535)));
    EXPECT_EQ(Loop::current().stats().turns, turns);
  });
  EXPECT_EQ(asked_elsewhere, before);
}

TEST(Resolve, TakesNoHostAsThisOne) {
  test::run([]() -> Task<> {
    const ResolveOptions v4{.family = AddressFamily::v4};
    const ResolveOptions v6{.family = AddressFamily::v6};
    EXPECT_EQ(co_await resolve("", "80", v4), only(Address::loopback(80)));
    EXPECT_EQ(co_await resolve("", "80", v6), only(Address::loopback6(80)));
    const ResolveOptions to_listen{.family = AddressFamily::v4, .passive = true};
    EXPECT_EQ(co_await resolve("", "80", to_listen), only(Address::any(80)));
    EXPECT_EQ(co_await resolve("", "", to_listen), only(Address::any(0)));
  });
}

TEST(Resolve, KnowsTheNamesOfTheSystem) {
  const int before = asked_elsewhere;
  test::run([]() -> Task<> {
    const ResolveOptions v4{.family = AddressFamily::v4};
    EXPECT_EQ(co_await resolve("localhost", "7", v4), only(Address::loopback(7)));
    const Addresses all = co_await resolve("localhost", 7);
    EXPECT_NE(std::ranges::find(all, Address::loopback(7)), all.end());
  });
  EXPECT_EQ(asked_elsewhere, before + 2);
}

// Longer than a label may be: fails without a question to anybody.
const std::string impossible = std::string(64, 'x') + ".invalid";

TEST(Resolve, SaysWhatIsWrongWithAName) {
  test::run([]() -> Task<> {
    for (const std::string& name : {impossible, std::string("nohost.invalid")}) {
      try {
        co_await resolve(name, 80);
        ADD_FAILURE() << "no exception";
      } catch (const ResolveError& error) {
        EXPECT_TRUE(error.eai() == EAI_NONAME || error.eai() == EAI_AGAIN) << error.what();
        EXPECT_EQ(error.what(), "resolve '" + name + "': " + ::gai_strerror(error.eai()));
      }
    }
    const auto result = co_await as_result(resolve(impossible, 80));
    EXPECT_TRUE(!result && (result.error() == std::errc::no_such_device_or_address ||
                            result.error() == std::errc::resource_unavailable_try_again));
  });
}

TEST(Resolve, RefusesWhatIsNoPortOrOfTheWrongFamily) {
  test::run([]() -> Task<> {
    for (const char* service : {"65536", "99999", "100000", "0065536", "+80", "+65616", " 65616",
                                "\t80", "-65456", "-1", "80 ", "0x50", "80.0"}) {
      const auto result = co_await as_result(resolve("127.0.0.1", service));
      EXPECT_TRUE(!result && result.error() == std::error_code(EAI_SERVICE, resolve_category()))
          << "'" << service << "'";
      const auto stream = co_await as_result(connect("127.0.0.1", std::string(service)));
      EXPECT_TRUE(!stream && stream.error() == std::error_code(EAI_SERVICE, resolve_category()));
    }
    EXPECT_THROW(co_await connect(std::string("a\0b", 3), "80"), UsageError);
    EXPECT_THROW(co_await connect("a", std::string("80\0", 3)), UsageError);
    EXPECT_EQ((co_await resolve("127.0.0.1", "00065535")).front(), Address::loopback(65535));
    EXPECT_THROW(co_await resolve("127.0.0.1", "no service of that name"), ResolveError);
    const ResolveOptions v6{.family = AddressFamily::v6};
    const auto result = co_await as_result(resolve("127.0.0.1", "80", v6));
    EXPECT_TRUE(!result && result.error() == std::errc::address_family_not_supported);
    EXPECT_THROW(co_await resolve(std::string("a\0b", 3), 80), UsageError);
  });
}

TEST(Resolve, DoesNotBlockTheLoop) {
  Hold held;
  hold = &held;
  test::run([&]() -> Task<> {
    auto task = spawn(resolve("held", 80));
    co_await yield();
    held.begun.wait();
    co_await test::settle();
    EXPECT_FALSE(task.done());
    held.go.count_down();
    EXPECT_EQ(co_await task, only(Address::ip("127.0.0.2", 80)));
  });
}

TEST(Resolve, EndsWithItsTimeLimit) {
  Hold held;
  hold = &held;
  test::run([&]() -> Task<> {
    const auto impatient = []() -> Task<> { co_await timeout(5s, resolve("held", 80)); };
    auto task = spawn(impatient());
    co_await yield();
    held.begun.wait();
    EXPECT_THROW(co_await task, TimeoutError);
  });
  held.go.count_down();
  held.done.wait();
}

// C1, C3
TEST(Resolve, IsAbandonedWhenItIsCancelled) {
  for (int turns = 0; turns < 4; ++turns) {
    Hold held;
    hold = &held;
    bool begun = false;
    test::run([&]() -> Task<> {
      auto task = spawn(resolve("held", 80));
      for (int i = 0; i < turns; ++i) co_await yield();
      begun = turns > 0;
      if (begun) held.begun.wait();
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
    });
    held.go.count_down();
    if (begun) held.done.wait();
  }
}

// F02: the late answer finds no loop
TEST(Resolve, EndsWithItsLoop) {
  Hold held;
  hold = &held;
  test::run([&]() -> Task<> {
    spawn(resolve("held", 80));
    co_await yield();
    held.begun.wait();
  });
  held.go.count_down();
  held.done.wait();
}

// F80: they have threads of their own
TEST(Resolve, WaitsForNoCallOfTheLoopsPool) {
  test::run([]() -> Task<> {
    const unsigned most = default_pool().stats().most_threads;
    std::latch begun(most);
    std::latch go(1);
    std::vector<JoinHandle<>> calls;
    while (calls.size() < most + 1) {  // one is queued
      calls.push_back(run_in_executor(nullptr, [&] {
        if (!go.try_wait()) begun.count_down();
        go.wait();
      }));
    }
    begun.wait();
    EXPECT_EQ(default_pool().stats().queued, 1u);
    const ResolveOptions v4{.family = AddressFamily::v4};
    EXPECT_EQ(co_await resolve("localhost", 80, v4), only(Address::loopback(80)));
    EXPECT_EQ(default_pool().stats().running, most);
    go.count_down();
    co_await gather(std::move(calls));
  });
}

TEST(Resolve, AnswersManyAtOnce) {
  test::run([]() -> Task<> {
    const ResolveOptions v4{.family = AddressFamily::v4};
    std::vector<Task<Addresses>> all;
    for (std::uint16_t port = 1; port <= 100; ++port) all.push_back(resolve("localhost", port, v4));
    const auto answers = co_await gather(std::move(all));
    for (std::uint16_t port = 1; port <= 100; ++port) {
      EXPECT_EQ(answers[port - 1u], only(Address::loopback(port)));
    }
  });
}

// The C library gives one for each type of socket.
TEST(Resolve, GivesEachAddressOnce) {
  test::run([]() -> Task<> {
    const ResolveOptions any_type{.family = AddressFamily::v4, .type = 0};
    const Addresses numeric = co_await resolve("127.0.0.1", 80, any_type);
    EXPECT_EQ(numeric, only(Address::loopback(80)));
    const Addresses named = co_await resolve("localhost", 80, any_type);
    EXPECT_EQ(named, only(Address::loopback(80)));
  });
}

}  // namespace
