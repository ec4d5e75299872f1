// Rows of http: a client, and what its server sends when it is told to.
#include "support/awaitables.hpp"

#include "http/json_hook.hpp"
#include "sweeps/plain_server.hpp"
#include "support/directory.hpp"

#include <eddy/http.hpp>

namespace {

using namespace test;
using test::Directory;

constexpr http::Timeouts no_limits{.total = 0s, .connect = 0s};

constexpr Traits asked_together = in_real_time(together);
constexpr Traits read_alone = in_real_time(refused);

// A server outside of the loop, that answers "/gate" when it is told to.
struct Asking {
  void wake() { server.open_gate(); }
  void take(http::Response response) { EXPECT_EQ(response.status(), 200); }
  Task<> check() {
    co_await client.close();
    EXPECT_EQ(client.stats().running, 0u);
    EXPECT_EQ(client.stats().waiting, 0u);
  }
  // What may end a transfer that the server has done all for: memory, the loop's end.
  bool excuses(const Failure& failure) const {
    try {
      failure.raise();
    } catch (const http::TransferError& error) {
      return error.kind() == http::Kind::closed;
    } catch (const std::bad_alloc&) {
      return true;
    } catch (...) {
      return failed || failure.is_cancelled();
    }
  }
  PlainServer server;
  http::Client client{{.timeouts = no_limits}};
  std::string url = server.url + "/gate";
  bool failed = false;
};

const Rows<Asking> asking = {
    {"http::Client::request",
     [](Asking& w) -> Task<> {
       http::Response response = co_await w.client.request("OPTIONS", w.url);
       w.take(std::move(response));
     },
     asked_together},
    {"http::Client::get",
     [](Asking& w) -> Task<> {
       http::Response response = co_await w.client.get(w.url, {.query = {{"a", "b"}}});
       w.take(std::move(response));
     },
     asked_together},
    {"http::Client::head", [](Asking& w) { return only(w.client.head(w.url)); }, asked_together},
    {"http::Client::post",
     [](Asking& w) -> Task<> {
       http::Response response = co_await w.client.post(w.url, {.body = "some bytes"});
       w.take(std::move(response));
     },
     asked_together},
    {"http::Client::put",
     [](Asking& w) -> Task<> {
       http::Response response = co_await w.client.put(w.url, {.body = http::json_text("{}")});
       w.take(std::move(response));
     },
     asked_together},
    {"http::Client::patch", [](Asking& w) { return only(w.client.patch(w.url)); }, asked_together},
    {"http::Client::delete_", [](Asking& w) { return only(w.client.delete_(w.url)); },
     asked_together},
};

// Who waits for the one place that there is, until the response that holds it is through.
struct Crowded : Asking {
  Task<> begin() {
    client = http::Client({.max_connections = 1, .timeouts = no_limits});
    holder = co_await client.get(server.url + "/hold");
  }
  Task<> check() {
    auto text = co_await as_outcome(holder.text());
    if (text) {
      EXPECT_EQ(*text, "held");
    } else {
      EXPECT_TRUE(excuses(text.error()));
    }
    co_await Asking::check();
  }
  http::Response holder;
};
const Rows<Crowded> crowded = {{"http::Client::get where_no_place_is_free",
                                [](Crowded& w) { return only(w.client.get(w.url)); },
                                asked_together}};

// Closed while a request runs, and with an idle connection.
struct Closing : Asking {
  Task<> begin() {
    http::Response idle = co_await client.get(server.url + "/idle");
    const std::string text = co_await idle.text();
    EXPECT_EQ(text, "GET /idle\n");
    running = spawn(ends_somehow(client.get(url)));
    while (server.requests < 2) co_await yield();
  }
  Task<> check() {
    co_await client.close();
    static_cast<void>(co_await as_outcome(running));
    co_await Asking::check();
  }
  static Task<> ends_somehow(Task<http::Response> request) {
    static_cast<void>(co_await as_outcome(std::move(request)));
  }
  JoinHandle<> running;
};
const Rows<Closing> closing = {
    {"http::Client::close", [](Closing& w) { return w.client.close(); }, in_real_time(by_itself)}};

// A response whose head is there, and whose body comes when it is told to.
struct Reading : Asking {
  static constexpr std::string_view body = PlainServer::body;
  Task<> begin() {
    got.reserve(64);  // taking what came needs no memory
    response = co_await client.get(server.url + "/body");
  }
  Task<> check() {
    wake();
    auto rest = co_await as_outcome(response.text());
    if (rest && twice) {
      EXPECT_TRUE(body.starts_with(got) && body.ends_with(*rest)) << got << *rest;
      EXPECT_GE(got.size() + rest->size(), body.size()) << "bytes were lost";
    } else if (rest) {
      got += *rest;
      EXPECT_EQ(got, body) << "bytes were lost, or came twice";
    } else {
      EXPECT_TRUE(excuses(rest.error()));
      EXPECT_TRUE(body.starts_with(got)) << got;
    }
    response = {};
    co_await Asking::check();
  }
  http::Response response;
  std::array<char, 64> buffer{};
  std::string got;
  bool twice = false;  // a piece that was taken can be read again
};
const Rows<Reading> reading = {
    {"http::Response::text",
     [](Reading& w) -> Task<> {
       const std::string piece = co_await w.response.text();
       w.got += piece;
     },
     read_alone},
    {"http::Response::read_all",
     [](Reading& w) -> Task<> {
       const std::string piece = co_await w.response.read_all();
       w.got += piece;
     },
     read_alone},
    {"http::Response::bytes",
     [](Reading& w) -> Task<> {
       const std::vector<std::byte> piece = co_await w.response.bytes();
       w.got += Bytes(piece).text();
     },
     read_alone},
    {"http::Response::json",
     [](Reading& w) -> Task<> {
       const test::Named value = co_await w.response.json<test::Named>();
       EXPECT_EQ(value.name, "eddy");
       w.got = Reading::body;
     },
     read_alone},
    {"http::Response::read_some",
     [](Reading& w) -> Task<> {
       const std::size_t count = co_await w.response.read_some(w.buffer);
       w.got += Bytes(w.buffer.data(), count).text();
     },
     read_alone},
    {"http::Response::read_exactly",
     [](Reading& w) -> Task<> {
       co_await w.response.read_exactly(MutableBytes(w.buffer.data(), 10));
       w.got += Bytes(w.buffer.data(), 10).text();
     },
     read_alone},
    {"http::Response::read_until",
     [](Reading& w) -> Task<> {
       const std::string piece = co_await w.response.read_until(",");
       w.got += piece;
     },
     read_alone},
    {"http::Response::readline",
     [](Reading& w) -> Task<> {
       const std::string piece = co_await w.response.readline();
       w.got += piece;
     },
     read_alone},
    {"LinesOf::next of_a_response",
     [](Reading& w) -> Task<> {
       auto lines = w.response.lines();
       const auto piece = co_await lines.next();
       if (piece) w.got += *piece;
     },
     read_alone},
    {"http::Response::fill", [](Reading& w) { return only(w.response.fill()); }, read_alone},
};

// The same, into a file.
struct Downloading : Reading {
  Task<> check() {
    if (std::filesystem::exists(path)) got = directory.read("file");
    twice = true;  // one whose writing had no end
    co_await Reading::check();
  }
  Directory directory;
  std::string path = directory.path("file");
};
const Rows<Downloading> downloading = {
    {"http::Response::download_to",
     [](Downloading& w) { return only(w.response.download_to(w.path)); }, read_alone}};

// A body that somebody makes when he is told to.
struct Sending : Asking {
  struct Source : http::BodySource {
    explicit Source(Event& gate) : gate(gate) {}
    Task<std::size_t> read_some(MutableBytes into) override {
      co_await gate.wait();
      if (std::exchange(done, true)) co_return 0;
      into.data()[0] = std::byte{'x'};
      co_return 1;
    }
    Event& gate;
    bool done = false;
  };
  void wake() { gate.set(); }
  Event gate;
  Source source{gate};
};
const Rows<Sending> sending = {{"http::BodySource::read_some",
                                [](Sending& w) -> Task<> {
                                  w.source.done = false;
                                  http::Response response = co_await w.client.put(
                                      w.server.url + "/x", {.body = w.source});
                                  const std::string text = co_await response.text();
                                  EXPECT_EQ(text, "PUT /x\nx");
                                },
                                in_real_time(apart)}};

}  // namespace
