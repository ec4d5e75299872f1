// How a transfer fails: libcurl's codes and texts as eddy's.
#include <eddy/http/internal/client_state.hpp>
#include <eddy/http/internal/transfer.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

namespace eddy::http::internal {
using namespace eddy::internal;

namespace {

Kind kind_of(CURLcode code, bool head_there) noexcept {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return Kind::resolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_NO_CONNECTION_AVAILABLE: return Kind::connect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED: return Kind::tls;
    case CURLE_PROXY: return Kind::proxy;
    case CURLE_SEND_ERROR: return Kind::send;
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:  // as for what a server that goes away does not answer any more
    case CURLE_HTTP2_STREAM: return Kind::receive;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WRITE_ERROR: return Kind::protocol;
    case CURLE_READ_ERROR:
    case CURLE_SEND_FAIL_REWIND: return Kind::body;
    case CURLE_OK: return head_there ? Kind::other : Kind::protocol;
    default: return Kind::other;
  }
}

// libcurl says where to and how long it took, and leaves out why. Noexcept, as who calls it.
std::string_view with_reason(std::span<char> into, std::string_view said, int number) noexcept {
  const char* why = ::strerrordesc_np(number);
  const std::string_view where = said.substr(0, said.find(" after "));
  if (!why || said.find(why) != said.npos) return said;
  const int size = std::snprintf(into.data(), into.size(), "%.*s: %s",
                                 static_cast<int>(where.size()), where.data(), why);
  return {into.data(), std::min(static_cast<std::size_t>(size), into.size() - 1)};
}

}  // namespace

void Transfer::fail(Exchange& self, const Wire& wire, CURLcode code) noexcept {
  // Once the request goes out it is what libcurl calls a line of the head that is longer than 100
  // KB, or 64 MB that compression has made of a piece.
  const bool too_much = code == CURLE_OUT_OF_MEMORY && self.phase_ >= Phase::send;
  if (code == CURLE_OUT_OF_MEMORY && !too_much) self.no_memory_ = true;
  Kind kind = too_much ? Kind::protocol : kind_of(code, self.head_there_);
  if (self.lost_) kind = Kind::receive;
  long tunnel = 0;
  long number = 0;
  curl_easy_getinfo(wire.easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
  curl_easy_getinfo(wire.easy, CURLINFO_OS_ERRNO, &number);
  if (tunnel >= 300 && self.status_ == 0) kind = Kind::proxy;
  std::string_view said = wire.error;
  // libcurl has no code of its own for it.
  if (said.ends_with("in chunked-encoding")) kind = Kind::protocol;
  if (code == CURLE_OK) said = "the server sent no response";
  if (code == CURLE_WRITE_ERROR) said = "the head of the response is too long, or has two lengths";
  if (too_much) said = "more came at once than libcurl holds: a line of the head, or of the body";
  if (self.lost_) said = "the connection ended before an answer came, and this is not sent again";
  if (said.empty()) said = curl_easy_strerror(code);
  if (kind == Kind::connect) {  // the next request asks for the addresses again
    for (Host* host : {self.host_, self.client_->proxy_host()}) {
      if (host) host->fresh_until = Instant::min();
    }
  }
  if (kind == Kind::connect && number > 0) {
    char text[CURL_ERROR_SIZE + 64];
    said = with_reason(text, said, static_cast<int>(number));
    self.fail_with(kind, {static_cast<int>(number), std::system_category()}, said);
  } else {
    self.fail_with(kind, said);
  }
}

}  // namespace eddy::http::internal
