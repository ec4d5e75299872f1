// inspect for strangers: who is answered, how many at once, and what they cannot do; who gets a
// dump when a signal comes.
#include "support/run.hpp"
#include "support/said_by.hpp"
#include "support/seccomp.hpp"

#include <eddy/kit/connect.hpp>
#include <eddy/kit/inspect.hpp>

#include <csignal>
#include <fcntl.h>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {
using namespace eddy;
using namespace std::chrono_literals;

constexpr std::size_t most_clients = 32;

Address fresh_address() {
  static int number = 0;
  return Address::abstract("eddy-inspect-serve-" + std::to_string(::getpid()) + "-" +
                           std::to_string(++number));
}

Task<> ask(Stream& stream) { co_await stream.write_all("ps\n"); }

// An answer that no socket takes at once.
std::vector<JoinHandle<>> make_crowd() {
  std::vector<JoinHandle<>> crowd;
  for (int i = 0; i < 10000; ++i) crowd.push_back(spawn(sleep(1h)));
  return crowd;
}
Task<> disperse(std::vector<JoinHandle<>>& crowd) {
  for (auto& one : crowd) one.cancel();
  for (auto& one : crowd) co_await test::wait_until_done(one);
}

TEST(InspectServe, AnswersSoManyAtATimeAndTheNextWhenOneLeaves) {
  Loop loop({.virtual_time = true});
  loop.run([]() -> Task<> {
    const Address address = fresh_address();
    auto serves = spawn(inspect::serve(address));
    co_await test::settle();
    std::vector<Stream> silent;
    for (std::size_t i = 0; i < most_clients; ++i) silent.push_back(co_await connect(address));
    Stream next = co_await connect(address);  // by the kernel, so far
    co_await ask(next);
    auto answer = spawn(next.read_all());
    const auto began = Loop::current().now();
    co_await sleep(5s);
    EXPECT_FALSE(answer.done());
    EXPECT_EQ(inspect::tasks().size(), 3 + most_clients);
    silent.pop_back();
    EXPECT_TRUE(std::string(co_await answer).starts_with("ID\t"));
    EXPECT_LT(Loop::current().now() - began, 10s);  // nobody else has been let go of
    serves.cancel();
    co_await test::wait_until_done(serves);
  });
}

TEST(InspectServe, WhoDoesNotReadIsLetGoAfterTenSecondsUnreported) {
  Loop loop({.virtual_time = true});
  int reports = 0;
  loop.on_exception([&](const auto&) { ++reports; });
  loop.run([]() -> Task<> {
    auto crowd = make_crowd();
    const Address address = fresh_address();
    auto serves = spawn(inspect::serve(address));
    co_await test::settle();
    Stream slow = co_await connect(address);
    co_await ask(slow);
    co_await sleep(9s);
    EXPECT_EQ(inspect::tasks().size(), crowd.size() + 3);
    co_await sleep(2s);
    EXPECT_EQ(inspect::tasks().size(), crowd.size() + 2);
    EXPECT_FALSE(serves.done());
    serves.cancel();
    co_await test::wait_until_done(serves);
    co_await disperse(crowd);
  });
  EXPECT_EQ(reports, 0);
}

TEST(InspectServe, EndsInTheMiddleOfAnAnswer) {
  Loop loop;
  int reports = 0;
  loop.on_exception([&](const auto&) { ++reports; });
  loop.run([]() -> Task<> {
    auto crowd = make_crowd();
    const Address address = fresh_address();
    auto serves = spawn(inspect::serve(address));
    co_await test::settle();
    Stream client = co_await connect(address);
    co_await ask(client);
    char some[100];
    EXPECT_GT(co_await client.read_some(std::as_writable_bytes(std::span(some))), 0U);
    serves.cancel();
    co_await test::wait_until_done(serves);
    EXPECT_TRUE(serves.cancelled());
    EXPECT_EQ(inspect::tasks().size(), crowd.size() + 1);
    co_await disperse(crowd);
  });
  EXPECT_EQ(reports, 0);
}

TEST(InspectServe, AnotherUserIsNotAnswered) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  const Address address = fresh_address();
  Loop loop;
  loop.run([&]() -> Task<> {
    auto serves = spawn(inspect::serve(address));
    co_await test::settle();
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      const bool connected = ::connect(fd, address.data(), address.size()) == 0;
      char byte;
      static_cast<void>(!::write(fd, "ps\n", 3));
      ::_exit(connected && ::read(fd, &byte, 1) <= 0 ? 0 : 1);
    }
    int status = -1;
    while (::waitpid(child, &status, WNOHANG) == 0) co_await yield();
    EXPECT_EQ(status, 0);
    serves.cancel();
    co_await test::wait_until_done(serves);
  });
}

TEST(InspectServe, LeavesAPathThatIsThereAlready) {
  const std::string path = "/tmp/eddy-inspect-taken-" + std::to_string(::getpid());
  ::close(::open(path.c_str(), O_CREAT | O_CLOEXEC, 0600));
  try {
    Loop().run(inspect::serve(Address::unix_path(path)));
    ADD_FAILURE() << "it serves";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE) << error.what();
  }
  EXPECT_EQ(::unlink(path.c_str()), 0);
}

TEST(InspectDump, InAChildAfterForkIsAUsageError) {
  Loop loop;
  loop.run([]() -> Task<> {
    test::in_a_child([] {
      EXPECT_THROW(static_cast<void>(inspect::tasks()), UsageError);
      EXPECT_THROW(static_cast<void>(inspect::table()), UsageError);
      EXPECT_THROW(static_cast<void>(inspect::dump()), UsageError);
    });
    co_return;
  });
}

TEST(InspectDump, OnASignalGoesToStderr) {
  Loop loop;
  testing::internal::CaptureStderr();
  loop.run([]() -> Task<> {
    Event came;
    auto listens = spawn(inspect::dump_on_signal(SIGUSR1), {.name = "listens"});
    auto knows = spawn(inspect::dump_on_signal(SIGUSR1, [&](std::string_view) { came.set(); }));
    co_await test::settle();
    ::raise(SIGUSR1);
    co_await came.wait();
    co_await test::settle();
    listens.cancel();
    knows.cancel();
    co_await test::wait_until_done(listens);
    co_await test::wait_until_done(knows);
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(said.starts_with("3 tasks, ")) << said;
}

TEST(InspectDump, OnASignalEndsWithWhatItsSinkThrowsAndMayBeginAgain) {
  Loop loop;
  loop.run([]() -> Task<> {
    auto fails = spawn(inspect::dump_on_signal(
        SIGUSR1, [](std::string_view) { throw std::runtime_error("the log is full"); }));
    co_await test::settle();
    ::raise(SIGUSR1);
    EXPECT_EQ(co_await test::said_by<std::runtime_error>(std::move(fails)), "the log is full");
    Event came;
    auto listens = spawn(inspect::dump_on_signal(SIGUSR1, [&](std::string_view) { came.set(); }));
    co_await test::settle();
    ::raise(SIGUSR1);
    co_await came.wait();
    listens.cancel();
    co_await test::wait_until_done(listens);
  });
}

}  // namespace
