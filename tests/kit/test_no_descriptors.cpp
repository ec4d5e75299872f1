// No descriptor left for what the kit does: an error that says so, and a server that waits.
#include "support/directory.hpp"
#include "support/few_descriptors.hpp"
#include "support/run.hpp"

namespace {

using namespace eddy;
using test::LastDescriptors;
using test::wait_until_done;

Task<> answer(Stream stream) { co_await stream.write_all("x"); }

// The client's end is there before; the server's is what there is no descriptor for.
TEST(NoDescriptors, ForAConnectionThatAServerAccepts) {
  const auto before = test::open_descriptors();
  test::run([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const Address address = listener.local();
    auto server = spawn(serve(listener, &answer));
    LastDescriptors few(1);
    few.arm();
    Stream client = co_await connect(address);
    co_await sleep(5s);
    EXPECT_FALSE(server.done()) << "it waits for one";
    few.disarm();
    const std::string got = co_await client.read_all();
    EXPECT_EQ(got, "x") << "and goes on with who had to wait";
    server.cancel();
    co_await wait_until_done(server);
  });
  EXPECT_EQ(test::open_descriptors(), before);
}

// A name that is in no file: how far the C library comes without descriptors is its own affair.
TEST(NoDescriptors, ToResolve) {
  const auto before = test::open_descriptors();
  for (const std::size_t count : {50u, 0u, 1u}) {
    test::run([&]() -> Task<> {
      LastDescriptors few(count);
      few.arm();
      const auto found = co_await as_result(resolve("no-such-host.invalid", "80"));
      few.disarm();
      EXPECT_FALSE(found.has_value());
      EXPECT_EQ((co_await resolve("127.0.0.1", "80")).size(), 1u);
    });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(NoDescriptors, ToConnectByName) {
  test::run([]() -> Task<> {  // for UBSan, as above: how it fails otherwise
    Listener listener = listen(Address::loopback(0));
    const Address address = listener.local();
    listener.close();
    EXPECT_FALSE((co_await as_result(connect("127.0.0.1", address.port()))).has_value());
  });
  const std::size_t failed = test::fail_each_descriptor([](LastDescriptors& few) {
    bool any = false;
    test::run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      const Address address = listener.local();
      few.arm();
      auto stream = co_await as_result(connect("127.0.0.1", address.port()));
      few.disarm();
      any = !stream;
      if (any) {
        EXPECT_EQ(stream.error().value(), EMFILE);
      }
    });
    return any;
  });
  EXPECT_EQ(failed, 1u);
}

}  // namespace
