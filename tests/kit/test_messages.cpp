// Names of functions are tested here: in no namespace but its own.
// What serve() tells of a handler that fails, and of a connection that is lost: the texts.
#include "support/run.hpp"
#include "support/seccomp.hpp"

#include <eddy/base/description.hpp>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::wait_until_done;

Task<> throws(Stream stream) {
  char byte;
  static_cast<void>(co_await stream.read_some(MutableBytes(&byte, 1)));
  throw std::runtime_error("why");
}
Task<> throws_from_within(Stream stream) {
  co_await yield();
  co_await throws(std::move(stream));
}
Task<> throws_with_a_stream_of_its_own(Stream given) {
  const Stream stream = std::move(given);
  co_await yield();
  throw std::runtime_error("why");
}
Task<> fails_without_a_throw(Stream given) {
  Stream stream = std::move(given);
  co_await fail(Failure::error(EIO, "read", "disk"));
}
Task<> closes_and_throws(Stream stream) {
  co_await stream.close();
  throw std::runtime_error("why");
}
Task<> closes(Stream stream) { co_await stream.close(); }

struct ThrowsAtOnce {
  Task<> operator()(Stream) const { throw std::runtime_error("why"); }
};

std::string without_place(std::string text) {
  const std::size_t at = text.find(" (/") != std::string::npos ? text.find(" (/")
                                                                : text.find(" (");
  return at == std::string::npos ? text : text.erase(at, text.find(')', at) + 1 - at);
}

// What is reported while one client connects and says something; PEER stands for its address.
template <class F>
std::vector<std::string> reports_of(F handler) {
  Loop loop(test::options());
  std::vector<std::string> reports;
  std::string peer;
  loop.on_exception([&](const ExceptionReport& report) {
    std::string text = without_place(std::string(report.message) + ": " +
                                     to_text(report.exception));
    const std::size_t at = text.find(peer);
    if (at != std::string::npos) text.replace(at, peer.size(), "PEER");
    reports.push_back(text);
  });
  loop.run([&]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto server = spawn(serve(listener, handler));
    {
      Stream client = co_await connect(listener.local());
      peer = client.socket().local().format();
      static_cast<void>(co_await as_result(client.write_all("x")));
      static_cast<void>(co_await as_result(client.read_all()));
    }
    EXPECT_FALSE(server.done());
    server.cancel();
    co_await wait_until_done(server);
  }());
  loop.close();
  return reports;
}

TEST(ServeText, NamesTheHandlerAndThePeer) {
  const auto said = [](const std::string& handler) {
    return std::vector<std::string>{"the handler " + handler +
                                    " of a connection from PEER failed: why"};
  };
  EXPECT_EQ(reports_of(&throws), said("throws()"));
  EXPECT_EQ(reports_of(&throws_from_within), said("throws_from_within()"));
  EXPECT_EQ(reports_of(&throws_with_a_stream_of_its_own),
            said("throws_with_a_stream_of_its_own()"));
  EXPECT_EQ(reports_of(&closes_and_throws), said("closes_and_throws()"));
  EXPECT_EQ(reports_of(ThrowsAtOnce()), said("ThrowsAtOnce"));
  EXPECT_EQ(reports_of(&fails_without_a_throw),
            std::vector<std::string>{"the handler fails_without_a_throw() of a connection from "
                                     "PEER failed: read 'disk': Input/output error"});
  EXPECT_EQ(reports_of(&closes), std::vector<std::string>{});
}

TEST(ServeText, HasTheHandlersPlace) {
  Loop loop(test::options());
  std::string function;
  loop.on_exception([&](const ExceptionReport& report) {
    function = short_name(report.where.function_name());
  });
  loop.run([&]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    auto server = spawn(serve(listener, &closes_and_throws));
    Stream client = co_await connect(listener.local());
    static_cast<void>(co_await as_result(client.read_all()));
    server.cancel();
    co_await wait_until_done(server);
  }());
  EXPECT_EQ(function, "closes_and_throws()");
}

// Where the kernel refuses TCP_NODELAY of what was accepted.
template <class F>
void without_options(F&& body) {
  test::in_a_child([&] {
    Loop loop(test::options());
    loop.run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      Stream client = co_await connect(listener.local());
      test::refuse(SYS_setsockopt, EINVAL);
      co_await body(loop, listener, client);
    }());
  });
}

TEST(AcceptText, SaysWhoseConnectionIsLostWithoutNoDelay) {
  without_options([](Loop&, Listener& listener, Stream& client) -> Task<> {
    std::string said = "nothing";
    try {
      static_cast<void>(co_await listener.accept());
    } catch (const Error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "set TCP_NODELAY of '" + client.socket().local().format() +
                        "': Invalid argument");
    EXPECT_EQ(co_await client.read_all(), "") << "it is closed";
  });
}

TEST(ServeText, SaysWhoseConnectionIsLostWithoutNoDelayAndGoesOn) {
  without_options([](Loop& loop, Listener& listener, Stream& client) -> Task<> {
    std::vector<std::string> reports;
    loop.on_exception([&](const ExceptionReport& report) {
      reports.push_back(std::string(report.message) + ": " + to_text(report.exception));
    });
    auto server = spawn(serve(listener, &throws));
    EXPECT_EQ(co_await client.read_all(), "") << "it is closed";
    EXPECT_FALSE(server.done());
    server.cancel();
    co_await wait_until_done(server);
    EXPECT_EQ(reports, std::vector<std::string>{
                           "a connection was lost while it was accepted: set TCP_NODELAY of '" +
                           client.socket().local().format() + "': Invalid argument"});
  });
}

}  // namespace
