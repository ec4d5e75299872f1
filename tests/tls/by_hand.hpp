// ByHand: the other side of a connection, as OpenSSL alone does it: what comes and what goes are
// strings, so that a test decides where a record is cut, what is left out and what is doubled.
#pragma once

#include "support/certificates.hpp"
#include "support/run.hpp"

#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace test {

class ByHand {
 public:
  // What it shows and whom it believes; nothing where it does neither.
  struct Wish {
    Wish() {}
    bool server = false;
    const Identity* shows = nullptr;
    std::string believes;   // a file of roots
    std::string protocols;  // in the order of preference, with spaces between
    std::string host;       // the name a client asks for
    int version = 0;        // TLS1_2_VERSION, TLS1_3_VERSION; 0: any
    int record = 16384;     // the most bytes of text in a record
    bool renegotiates = false;
    bool weak = false;      // keys may be of any size
    ssl_session_st* session = nullptr;
  };
  static Wish server(const Identity& shows);
  static Wish client();

  explicit ByHand(const Wish& wish);
  ByHand(ByHand&&) noexcept;
  ~ByHand();

  // What it has to send.
  std::string take();
  void give(std::string_view came);

  // Goes on; true once the handshake is over. A failure throws std::runtime_error with OpenSSL's
  // reason.
  bool shake();
  // The text that has come, and whether its end (close_notify) has.
  std::string read();
  bool ended() const noexcept { return ended_; }
  void write(std::string_view text);
  void close_notify();
  void update_keys(bool and_the_other_sides);
  void renegotiate();

  bool resumed() const;
  std::string protocol() const;       // by ALPN
  std::string asked_for() const;      // the name, by a client
  std::string who_it_is() const;      // the subject that the other side showed
  std::string serial() const;         // of what the other side showed
  ssl_st* raw() const noexcept { return ssl_.get(); }

 private:
  struct FreeContext { void operator()(ssl_ctx_st* gone) const; };
  struct Free { void operator()(ssl_st* gone) const; };

  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string protocols_;
  bool ended_ = false;
};

// How often OpenSSL has allocated something, on this thread.
std::size_t allocations_of_openssl() noexcept;

// -- over a stream --

// The handshake.
template <class Stream>
eddy::Task<> shake_hands(ByHand& peer, Stream& wire) {
  for (bool done = peer.shake();; done = peer.shake()) {
    const std::string out = peer.take();
    if (!out.empty()) co_await wire.write_all(out);
    if (done) break;
    char piece[4096];
    const std::size_t count = co_await wire.read_some(piece);
    if (count == 0) throw std::runtime_error("the wire has ended");
    peer.give({piece, count});
  }
}

// Sends what there is to send.
template <class Stream>
eddy::Task<> flush(ByHand& peer, Stream& wire) {
  const std::string out = peer.take();
  if (!out.empty()) co_await wire.write_all(out);
}

template <class Stream>
eddy::Task<> say(ByHand& peer, Stream& wire, std::string text) {
  peer.write(text);
  co_await flush(peer, wire);
}

// Some text, at least a byte; "" at its end, or at that of the wire.
template <class Stream>
eddy::Task<std::string> hear(ByHand& peer, Stream& wire) {
  for (;;) {
    const std::string text = peer.read();
    co_await flush(peer, wire);
    if (!text.empty() || peer.ended()) co_return text;
    char piece[4096];
    const std::size_t count = co_await wire.read_some(piece);
    if (count == 0) co_return "";
    peer.give({piece, count});
  }
}

// So many bytes.
template <class Stream>
eddy::Task<std::string> hear_exactly(ByHand& peer, Stream& wire, std::size_t count) {
  std::string all;
  while (all.size() < count) {
    const std::string some = co_await hear(peer, wire);
    if (some.empty()) break;
    all += some;
  }
  co_return all;
}

}  // namespace test
