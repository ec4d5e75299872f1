// tls::Stream: bytes to and from a peer, encrypted, over any stream of bytes: a Stream of TCP or a
// UNIX socket, a duplex(), another tls::Stream. Its verbs are theirs, so that code which is a
// template over its stream serves both.
//
// It is made by connect(), handshake() and serve(). One task reads and one writes at a time; a
// second one throws UsageError. It belongs to the loop it was made on. A stream that is dropped is
// closed at once, without a farewell: the peer sees a truncated connection; close() says goodbye.
//
// Cancelling a read loses no byte. Cancelling a write: a part may have gone; what was encrypted
// by then goes before whatever is written next, so that the connection stays sound.
//
// Its end: the peer's close_notify is the end of file. The transport's end without that is
// Errc::truncated, once everything that came before has been read: somebody may have cut it off.
//
// Reading and writing fail apart: a server whose peer has said everything and left reads all of it,
// although nothing can be sent any more.
//
// Memory: what is read waits in the transport, encrypted, and is decrypted where it is asked for;
// what is written is encrypted at most 64 KiB ahead of what the transport has taken.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/bytes/end_of_file.hpp>
#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/socket.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/tls/certificate.hpp>
#include <eddy/tls/context.hpp>
#include <eddy/tls/error.hpp>
#include <eddy/tls/internal/state.hpp>
#include <eddy/tls/internal/verbs.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy {
class File;
}  // namespace eddy

namespace eddy::tls {

class Stream {
  using Source = internal::TlsSource;
  template <class Verb>
  using AtOnce = eddy::internal::AtOnce<Verb>;  // a Task, and made only where something waits
  static constexpr std::size_t default_limit = eddy::internal::default_limit;

 public:
  Stream() noexcept = default;  // closed
  explicit Stream(eddy::internal::Counted<internal::TlsState> state) noexcept
      : state_(std::move(state)) {}

  // -- reading: as eddy::Stream's, each of them --

  // As many bytes as have come, at least one, at most `into`; 0 at the end. Decrypted straight into
  // `into`, which must stay until it resumes. ∅
  AtOnce<internal::ReadSome> read_some(MutableBytes into) { return {source(), into}; }
  AtOnce<internal::ReadExactly> read_exactly(MutableBytes into) {
    return {source(), into};
  }
  AtOnce<eddy::internal::ReadUntil<Source>> read_until(Delimiters delimiters,
                                                       std::size_t limit = default_limit) {
    return {source(), delimiters, limit};
  }
  AtOnce<eddy::internal::ReadLine<eddy::internal::LinesAhead<Source>>> readline(
      std::size_t limit = default_limit) {
    return {eddy::internal::LinesAhead(source(), limit)};
  }
  eddy::internal::LinesOf<Source> lines(std::size_t limit = default_limit) {
    return eddy::internal::LinesOf<Source>(source(), limit);
  }
  Task<std::string> read_all() { return eddy::internal::read_all_of(source()); }

  // Decrypts more ahead: how many bytes came, 0 at the end. ∅
  Task<std::size_t> fill() { return source().fill(); }
  Bytes buffered() const noexcept;
  void consume(std::size_t count);

  // -- writing; the bytes must stay until it resumes, unless they are those of a temporary --

  // Some of `bytes`, at most 64 KiB: waits until what was written before has gone, encrypts, and
  // resumes while that is on its way. Cancelled: nothing was taken. ∅
  Task<std::size_t> write(Bytes bytes);
  template <eddy::internal::TemporaryBytes R>
  Task<std::size_t> write(R&& bytes) {
    return kept(std::move(bytes),
                [](Counted state, Bytes held) { return internal::write_some(state, held); });
  }
  // All of them; resumes when the transport has taken them. Cancelled, or failed: a part may have
  // gone. ∅
  Task<> write_all(Bytes bytes);
  template <eddy::internal::TemporaryBytes R>
  Task<> write_all(R&& bytes) {
    return kept(std::move(bytes),
                [](Counted state, Bytes held) { return internal::write_all(state, held); });
  }
  // All of each, as if they stood one behind the other: small ones share a record. `pieces` itself
  // must stay as well, unless it is a temporary. ∅
  Task<> write_vectored(std::span<const Bytes> pieces);
  Task<> write_vectored(std::initializer_list<eddy::internal::Piece> pieces);
  template <eddy::internal::Temporary R>
    requires std::convertible_to<R&, std::span<const Bytes>>
  Task<> write_vectored(R&& pieces) {
    return kept(std::move(pieces),
                [](Counted state, R& held) { return internal::write_vectored(state, held); });
  }
  // `count` bytes of `file` from `offset` on, or up to its end; how many that were. Its position
  // neither matters nor moves. A file that is dropped meanwhile ends it with ECANCELED.
  Task<std::uint64_t> send_file(File& file, std::uint64_t offset = 0,
                                std::uint64_t count = ~std::uint64_t{0});

  // Tells the peer that nothing more comes: close_notify, and then the end of the transport's own
  // writing side. Both follow what was written, and go on their way by themselves; reading goes on.
  void shutdown_write();

  // New keys for what is written from now on; `both`: and asks the peer for new ones as well. They
  // change with the next write. TLS 1.3 alone: UsageError otherwise. (One key is good for 2^24
  // records and more; for connections that live long.)
  void update_keys(bool both = true);

  // -- the end --

  // Ends what is in progress, whose tasks get ECANCELED, sends what was written, and close_notify
  // unless shutdown_write() has, and closes the transport. A peer that takes nothing has one second
  // for that. Does not wait for the peer's own close_notify, except, as long, where this end is a
  // client that has never read: its server's tickets, unread, would reset the connection and lose
  // what was written. Idempotent; cancelled, it closes at once.
  Task<> close();
  bool closed() const noexcept;

  // Of the socket at the bottom. UsageError where there is none.
  Address local() const { return socket().local(); }
  Address peer() const { return socket().peer(); }
  Socket& socket() const;

  // -- what was agreed --

  Version version() const;
  // "TLS_AES_256_GCM_SHA384"
  std::string_view cipher() const;
  // The protocol that was chosen: "h2"; empty where there is none.
  std::string_view alpn() const;
  // The name that the client wanted (SNI), or was told to want; empty where it said none.
  std::string_view server_name() const;
  // By an earlier session: without certificates, which are those of then.
  bool resumed() const;
  // The peer's certificate; no value where it showed none.
  std::optional<CertificateInfo> peer_certificate() const;

 private:
  using Counted = eddy::internal::Counted<internal::TlsState>;

  // Throws UsageError when it is closed.
  const Counted& to_use() const;
  Source source() const { return Source(to_use()); }
  template <class Memory, class Call>
  auto kept(Memory memory, Call call,
            std::source_location verb = std::source_location::current()) {
    return eddy::internal::keeping(
        std::move(memory),
        [state = to_use(), call](Memory& held) { return call(state, held); }, verb);
  }

  eddy::internal::Handle<internal::TlsState> state_;
};

}  // namespace eddy::tls
