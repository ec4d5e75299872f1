// Two ends of a TLS connection on one loop, and what each says when it comes to none.
#pragma once

#include "net/ends.hpp"
#include "support/run.hpp"
#include "tls/contexts.hpp"

#include <eddy/tls.hpp>

#include <string>
#include <utility>

namespace test {

struct TlsEnds {
  eddy::tls::Stream client, server;
};

// How the handshake of each end went: what it threw, or nothing.
struct Said {
  std::string client, server;
  std::error_code client_code, server_code;

  bool both_well() const { return client.empty() && server.empty(); }
};

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

template <class Wire>
eddy::Task<> shake_as_server(eddy::tls::Stream& into, Wire wire, eddy::tls::ServerContext context) {
  into = co_await eddy::tls::handshake(std::move(wire), context);
}
template <class Wire>
eddy::Task<> shake_as_client(eddy::tls::Stream& into, Wire wire, eddy::tls::ClientContext context,
                             std::string host) {
  into = co_await eddy::tls::handshake(std::move(wire), context, host);
}

template <class T>
void note(const eddy::Expected<T>& outcome, std::string& what, std::error_code& code) {
  if (outcome) return;
  what = outcome.error().is_error() ? "an error" : "something else";
  try {
    outcome.error().raise();
  } catch (const eddy::Error& error) {
    what = error.what();
    code = error.code();
  } catch (const std::exception& error) {
    what = error.what();
  }
}

// What it throws, as text, and its code.
struct Thrown {
  std::string what;
  std::error_code code;
};
template <class T>
eddy::Task<Thrown> thrown_by(eddy::Task<T> call) {
  Thrown thrown;
  const auto outcome = co_await eddy::as_outcome(std::move(call));
  note(outcome, thrown.what, thrown.code);
  co_return thrown;
}

// Both handshakes, over any two ends of a wire.
template <class Wire>
eddy::Task<Said> try_to_shake(TlsEnds& ends, Wire a, Wire b, eddy::tls::ClientContext client,
                              eddy::tls::ServerContext server, std::string host = "localhost") {
  Said said;
  auto serving = eddy::spawn(shake_as_server(ends.server, std::move(b), server));
  const auto connected =
      co_await eddy::as_outcome(shake_as_client(ends.client, std::move(a), client, host));
  const auto served = co_await eddy::as_outcome(serving);
  note(connected, said.client, said.client_code);
  note(served, said.server, said.server_code);
  // With TLS 1.3 a client is through before its server has looked at what it shows.
  co_return said;
}

// Over a UNIX socket.
inline eddy::Task<Said> try_to_shake(TlsEnds& ends, eddy::tls::ClientContext client,
                                     eddy::tls::ServerContext server,
                                     std::string host = "localhost") {
  Ends wire;
  return try_to_shake(ends, std::move(wire.a), std::move(wire.b), client, server, host);
}

inline eddy::Task<> shake(TlsEnds& ends, eddy::tls::ClientContext client,
                          eddy::tls::ServerContext server, std::string host = "localhost") {
  const Said said = co_await try_to_shake(ends, client, server, host);
  EXPECT_EQ(said.client, "");
  EXPECT_EQ(said.server, "");
}

// As most tests want it: our root, and a server that is localhost.
inline eddy::Task<> shake(TlsEnds& ends) {
  return shake(ends, trusting(), showing(certificates().localhost));
}

// What a server showed is told to the client that asked for `host`, and it believes it or not.
inline Said said_of(const Identity& shown, std::string host = "localhost",
                    eddy::tls::ClientOptions options = trusting_options()) {
  return test::run([&]() -> eddy::Task<Said> {
    TlsEnds ends;
    const Said said = co_await try_to_shake(ends, trusting(options), showing(shown), host);
    co_return said;
  });
}

inline eddy::Task<> end_both(TlsEnds& ends) {
  co_await ends.client.close();
  co_await ends.server.close();
}

// A few bytes each way.
inline eddy::Task<> expect_to_talk(TlsEnds& ends) {
  char buffer[4];
  co_await ends.client.write_all("ping");
  co_await ends.server.read_exactly(buffer);
  EXPECT_EQ(eddy::Bytes(buffer, 4).text(), "ping");
  co_await ends.server.write_all("pong");
  co_await ends.client.read_exactly(buffer);
  EXPECT_EQ(eddy::Bytes(buffer, 4).text(), "pong");
}

// 'r' where the session was resumed, '-' where it is a new one, both talking and then ended; 'x'
// where it was refused, with what was said.
inline eddy::Task<char> how_it_went(TlsEnds& ends, std::string_view refusal = {}) {
  if (!refusal.empty()) co_return 'x';
  co_await expect_to_talk(ends);
  EXPECT_EQ(ends.client.resumed(), ends.server.resumed());
  const char how = ends.client.resumed() ? 'r' : '-';
  co_await end_both(ends);
  co_return how;
}

}  // namespace test
