// Response: the answer to a request: its head is there, its body comes in as it is read.
//
//   http::Response response = co_await client.get(url);
//   response.raise_for_status();
//   std::string page = co_await response.text();
//
// A Response that is dropped before its body has come in full ends its transfer at once, and the
// connection with it, which would be half-read. Where the body is there in full the connection
// serves the next request already. It may outlive the client and the loop: what has come in can be
// read, and what has not fails with Kind::closed.
//
// Back-pressure: at most 64 KiB, and what one read of the socket brings, wait for who reads; then
// the transfer pauses, and over HTTP/1 the server with it. Over HTTP/2 it is 1 MiB, and libcurl has
// the server send up to its window of 32 MiB; before its version 8 a response that is paused holds
// up the others of its connection, and new requests to that host make one of their own.
//
// One task reads at a time; a second one throws UsageError. Cancelling a read loses no byte, and
// the transfer goes on. Bodies are as the server made them: compression is undone; where it breaks
// off within a length that is told truly, libcurl takes what there is for all of it.
#pragma once

#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/http/download.hpp>
#include <eddy/http/headers.hpp>
#include <eddy/http/internal/exchange_source.hpp>
#include <eddy/http/json.hpp>
#include <eddy/http/version.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::http {

class Response {
  using Source = internal::ExchangeSource;
  template <class Verb>
  using AtOnce = eddy::internal::AtOnce<Verb>;  // a Task, and made only where something waits

 public:
  static constexpr std::size_t no_limit = ~std::size_t{0};

  Response() noexcept = default;  // of no request: its verbs throw UsageError
  explicit Response(eddy::internal::Counted<internal::Exchange> exchange) noexcept
      : exchange_(std::move(exchange)) {}
  Response(Response&&) noexcept = default;
  Response& operator=(Response&&) noexcept = default;

  int status() const { return to_use()->status(); }
  bool ok() const { return status() < 400; }
  // As the server says it: "Not Found". HTTP/2 has none: empty.
  std::string_view reason() const { return to_use()->reason(); }
  const Headers& headers() const { return to_use()->headers(); }
  // Where it came from, after redirects.
  std::string_view url() const { return to_use()->url(); }
  std::string_view method() const { return to_use()->method(); }
  Version version() const { return to_use()->version(); }
  unsigned redirects() const { return to_use()->redirects(); }  // how many were followed
  // "Content-Length", where the body comes as it was sent: not where compression was undone.
  std::optional<std::uint64_t> content_length() const { return to_use()->content_length(); }

  // Throws StatusError when the status is 400 or more.
  const Response& raise_for_status() const {
    to_use()->raise_for_status();
    return *this;
  }

  // -- the body, in full --

  // What of it was not read before: a second call gives "". Cancelled, or failed: what came until
  // then stays to be read. Throws LimitExceeded when it is longer than `limit`, with nothing taken;
  // http::Error when the transfer fails.
  Task<std::string> text(std::size_t limit = no_limit) {
    return internal::read_body(source(), limit);
  }
  Task<std::vector<std::byte>> bytes(std::size_t limit = no_limit) {
    return internal::read_body_bytes(source(), limit);
  }
  // By way of JsonHook<T>. Throws what that throws for what is no JSON.
  template <ReadsJson T>
  Task<T> json(std::size_t limit = no_limit) {
    return json_of<T>(source(), limit);
  }
  // Writes the body to `path`, made or truncated first, in pieces as they come. How many bytes.
  // Failed or cancelled: what was written stays there, to be resumed from, and the piece whose
  // writing had no end can still be read. Throws Error for the file, http::Error for the transfer.
  Task<std::uint64_t> download_to(std::string path, DownloadOptions options = {}) {
    return internal::download(source(), std::move(path), {}, options);
  }
  // `progress` is called after each piece, and once in the beginning.
  template <class F>
    requires std::constructible_from<DownloadProgress, F&&>
  Task<std::uint64_t> download_to(std::string path, F&& progress, DownloadOptions options = {}) {
    EDDY_CHECK_KEPT(F);
    return internal::download(source(), std::move(path),
                              DownloadProgress(std::forward<F>(progress)), options);
  }

  // -- the body as a byte stream: as Stream's, each of them --

  // Some bytes, at least one; 0 at the end. ∅
  AtOnce<eddy::internal::TakeSome<Source>> read_some(MutableBytes into) {
    return {source(), into};
  }
  AtOnce<eddy::internal::TakeExactly<Source>> read_exactly(MutableBytes into) {
    return {source(), into};
  }
  AtOnce<eddy::internal::ReadUntil<Source>> read_until(
      Delimiters delimiters, std::size_t limit = eddy::internal::default_limit) {
    return {source(), delimiters, limit};
  }
  AtOnce<eddy::internal::ReadLine<eddy::internal::LinesAhead<Source>>> readline(
      std::size_t limit = eddy::internal::default_limit) {
    return {eddy::internal::LinesAhead(source(), limit)};
  }
  // auto lines = response.lines(); while (auto line = co_await lines.next()) ...
  // Each with its "\n", which the last may lack. Keeps the body alive by itself.
  eddy::internal::LinesOf<Source> lines(std::size_t limit = eddy::internal::default_limit) {
    return eddy::internal::LinesOf<Source>(source(), limit);
  }
  Task<std::string> read_all() { return text(); }

  // Reads more ahead: how many bytes came, 0 at the end. ∅
  Task<std::size_t> fill() { return internal::Exchange::fill(to_use()); }
  Bytes buffered() const noexcept { return exchange_ ? exchange_->ahead().view() : Bytes(); }
  void consume(std::size_t count) {
    to_use()->require_free_to_read();
    if (count > exchange_->ahead().size()) throw UsageError("consume() of more than is read ahead");
    exchange_->ahead().consume(count);
  }

  // The transfer has ended, and nothing is left to be read.
  bool at_end() const noexcept { return !exchange_ || exchange_->at_end(); }

 private:
  template <class T>
  static Task<T> json_of(Source source, std::size_t limit) {
    EDDY_TRY(const std::string text, internal::read_body(std::move(source), limit));
    co_return JsonHook<T>::read(text);
  }
  const eddy::internal::Counted<internal::Exchange>& to_use() const {
    if (!exchange_) [[unlikely]] throw UsageError("a call on an empty http::Response");
    return exchange_;
  }
  Source source() const { return Source(to_use()); }

  eddy::internal::Counted<internal::Exchange> exchange_;
};

}  // namespace eddy::http
