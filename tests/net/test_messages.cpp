// What is said of a call on a socket that takes too long: the texts.
#include "core/kernel.hpp"
#include "support/run.hpp"
#include "support/said_by.hpp"

#include <eddy/base/description.hpp>

namespace {

using namespace eddy;
using namespace eddy::internal;

template <class A>
Task<std::string> said_by(A awaitable) {
  return test::said_by<TimeoutError>(std::move(awaitable));
}

TEST(SocketTimeoutText, NamesTheVerbAndThePeer) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    Stream client = co_await connect(listener.local());
    Stream server = co_await listener.accept();
    const std::string peer = " '" + client.socket().peer().format() + "'";
    char byte;
    EXPECT_EQ(co_await said_by(timeout(5s, client.read_some(MutableBytes(&byte, 1)))),
              "read" + peer + ": timed out after 5s");
    EXPECT_EQ(co_await said_by(timeout(5s, client.read_exactly(MutableBytes(&byte, 1)))),
              "read" + peer + ": timed out after 5s");
    const std::string much(8 << 20, 'x');
    EXPECT_EQ(co_await said_by(timeout(5s, client.write_all(much))),
              "write" + peer + ": timed out after 5s");
    // A call that keeps its memory is named by its verb as well.
    EXPECT_EQ(co_await said_by(timeout(5s, client.write_all(std::string(much)))),
              "Stream::write_all(): timed out after 5s");
  });
}

TEST(SocketTimeoutText, NamesTheListener) {
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    EXPECT_EQ(co_await said_by(timeout(5s, listener.accept())),
              "accept '" + listener.local().format() + "': timed out after 5s");
  });
}

TEST(SocketTimeoutText, NamesAnOperationByItsVerb) {
  test::run([]() -> Task<> {
    test::Pipe pipe;
    char byte;
    EXPECT_EQ(co_await said_by(timeout(5s, test::read(pipe.out.get(), &byte, 1))),
              "read: timed out after 5s");
  });
}

TEST(SocketTimeoutText, NamesNoNamespaceOfEddysOwn) {
  EXPECT_EQ(short_name(signature_of<Waiter>()), "Waiter");
}

}  // namespace
