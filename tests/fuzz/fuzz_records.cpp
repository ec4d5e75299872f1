// Whatever bytes come where TLS is meant: an error, and never text that nobody sent. Records that
// are good give their text however they are cut.
#include "fuzz.hpp"

#include "tls/by_hand.hpp"
#include "tls/contexts.hpp"

#include <eddy/eddy.hpp>
#include <eddy/tls.hpp>

#include <algorithm>

namespace {

using namespace eddy;
using namespace test;

// In pieces, whose sizes the bytes themselves say, or one after the other.
Task<> send_cut(DuplexStream& wire, std::string_view bytes, std::string_view sizes) {
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const std::size_t wanted =
        sizes.empty() ? bytes.size() : 1 + static_cast<unsigned char>(sizes[i % sizes.size()]);
    const std::size_t count = std::min(bytes.size(), wanted);
    const auto sent = co_await as_result(wire.write_all(Bytes(bytes.data(), count)));
    if (!sent) break;
    bytes.remove_prefix(count);
    if (i < 64) co_await yield();
  }
}

Task<> shake(bool as_server, DuplexStream wire, tls::Stream& into) {
  if (as_server) {
    into = co_await tls::handshake(std::move(wire), server_context());
  } else {
    into = co_await tls::handshake(std::move(wire), client_context(), "localhost");
  }
}

// Nobody's handshake succeeds by bytes that answer nothing. What comes out is an Error, and no
// other exception.
Task<> in_a_handshake(bool as_server, std::string_view bytes) {
  auto [ours, theirs] = duplex();
  tls::Stream stream;
  auto shaking = spawn(shake(as_server, std::move(ours), stream));
  co_await send_cut(theirs, bytes, {});
  theirs.shutdown_write();
  static_cast<void>(co_await as_result(theirs.read_all()));
  const auto shaken = co_await as_result(shaking);
  fuzz::require(!shaken, "a handshake needs a peer");
}

struct Connected {
  tls::Stream stream;
  ByHand peer{ByHand::server(certificates().localhost)};
};
Task<> connect(Connected& both, DuplexStream ours, DuplexStream& theirs) {
  auto shaking = spawn(shake(false, std::move(ours), both.stream));
  co_await shake_hands(both.peer, theirs);
  co_await shaking;
}

// Text, and then bytes that are none of the peer's: the text comes, and nothing else.
Task<> after_text(std::string_view text, std::string_view bytes, std::string_view sizes) {
  auto [ours, theirs] = duplex();
  Connected both;
  co_await connect(both, std::move(ours), theirs);
  if (!text.empty()) both.peer.write(text);
  const bool whole = bytes.empty();
  if (whole) both.peer.close_notify();
  const std::string wire = both.peer.take() + std::string(bytes);
  auto sending = spawn([&]() -> Task<> {
    co_await send_cut(theirs, wire, sizes);
    theirs.shutdown_write();
  });
  std::string got;
  bool failed = false;
  for (;;) {
    const auto came = co_await as_result(both.stream.fill());
    failed = !came;
    if (failed || *came == 0) break;
    got += both.stream.buffered().text();
    both.stream.consume(both.stream.buffered().size());
  }
  fuzz::require(got == text, "the text that was sent, and no other");
  fuzz::require(failed != whole, "the end is what the peer said");
  static_cast<void>(co_await as_result(both.stream.write_all("and?")));
  both.stream = tls::Stream();
  static_cast<void>(co_await as_outcome(sending));
}

}  // namespace

// The first byte says what the rest is.
void fuzz::records(std::string_view input) {
  if (input.empty()) return;
  static Loop loop;
  const unsigned kind = static_cast<unsigned char>(input[0]) % 4;
  input.remove_prefix(1);
  const std::size_t half = input.size() / 2;
  if (kind < 2) {
    loop.run(in_a_handshake(kind == 0, input));
  } else if (kind == 2) {
    loop.run(after_text(input.substr(0, half), {}, input.substr(half)));
  } else if (!input.empty()) {
    loop.run(after_text("text", input, input.substr(0, 1)));
  }
}

FUZZ(fuzz::records)
