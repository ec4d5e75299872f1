// What accept(2) may fail with, and what serve() does about each.
#include "support/run.hpp"
#include "support/submissions.hpp"

#include <cstring>

namespace {

using namespace eddy;
using test::wait_until_done;

Task<> answer(Stream stream) { co_await stream.write_all("x"); }

// "x", or "" where nobody serves.
Task<std::string> ask(Address address) {
  Stream stream = co_await connect(address);
  const std::string got = co_await stream.read_all();
  co_return got;
}

// Has the kernel refuse each accept(), until it is cancelled. Looks in some turns of each virtual
// millisecond: time stands still while anything is ready.
Task<> refuse_accepts(test::Submissions& requests, int error, int& refused) {
  for (int turns = 0;; ++turns) {
    requests.each([&](io_uring_sqe& request) {
      if (request.opcode != IORING_OP_ACCEPT) return;
      test::refuse(request, error);
      ++refused;
    });
    if (turns % 10 == 9) co_await sleep(1ms);
    co_await yield();
  }
}

// What has ended answers nobody.
bool expect_going_on(const JoinHandle<>& server) {
  EXPECT_FALSE(server.done());
  return !server.done();
}

class ServeRefused : public testing::TestWithParam<int> {};
std::string name_of_error(const testing::TestParamInfo<int>& info) {
  return ::strerrorname_np(info.param);
}

// Those of the connection that was to be accepted, and those that pass: once now, the next accept
// is good.
class PassingErrors : public ServeRefused {};
INSTANTIATE_TEST_SUITE_P(Serve, PassingErrors,
                         testing::Values(EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO,
                                         ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
                                         EOPNOTSUPP, ENETUNREACH, EPERM),
                         name_of_error);

TEST_P(PassingErrors, DoNotEndIt) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const Address address = listener.local();
    test::Submissions requests(Loop::current());
    int refused = 0;
    auto server = spawn(serve(listener, &answer));
    auto refusing = spawn(refuse_accepts(requests, GetParam(), refused));
    co_await test::settle(1);
    refusing.cancel();
    co_await wait_until_done(refusing);
    EXPECT_EQ(refused, 1);
    for (int i = 0; i < 2 && expect_going_on(server); ++i) {
      EXPECT_EQ(co_await ask(address), "x");
    }
    server.cancel();
    co_await wait_until_done(server);
  });
}

// A shortage that stays: it tries again, at longer and longer intervals.
class Shortages : public ServeRefused {};
INSTANTIATE_TEST_SUITE_P(Serve, Shortages, testing::Values(EMFILE, ENFILE, ENOBUFS, ENOMEM),
                         name_of_error);

TEST_P(Shortages, AreWaitedOut) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const Address address = listener.local();
    test::Submissions requests(Loop::current());
    int refused = 0;
    auto server = spawn(serve(listener, &answer));
    auto refusing = spawn(refuse_accepts(requests, GetParam(), refused));
    co_await sleep(10s);
    EXPECT_GE(refused, 2) << "it tries again";
    EXPECT_LE(refused, 20) << "up to a second apart";
    refusing.cancel();
    co_await wait_until_done(refusing);
    if (expect_going_on(server)) {
      EXPECT_EQ(co_await ask(address), "x");
    }
    server.cancel();
    co_await wait_until_done(server);
  });
}

// Everything else is its caller's to know.
class OtherErrors : public ServeRefused {};
INSTANTIATE_TEST_SUITE_P(Serve, OtherErrors, testing::Values(EINVAL, EBADF, EFAULT),
                         name_of_error);

TEST_P(OtherErrors, EndIt) {
  if (!test::can_refuse()) GTEST_SKIP() << "a kernel before 6.10";
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    test::Submissions requests(Loop::current());
    int refused = 0;
    auto server = spawn(serve(listener, &answer));
    auto refusing = spawn(refuse_accepts(requests, GetParam(), refused));
    const auto ended = co_await as_result(server);
    EXPECT_TRUE(!ended && ended.error().value() == GetParam());
    EXPECT_EQ(refused, 1);
    EXPECT_TRUE(listener.closed());
    refusing.cancel();
    co_await wait_until_done(refusing);
  });
}

}  // namespace
