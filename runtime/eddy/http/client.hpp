// Client: HTTP/1.1 and HTTP/2 by libcurl, on the loop that it is first used on.
//
//   http::Client client({.max_connections = 20});
//   http::Response response = co_await client.get(url, {.timeouts = {.total = 10s}});
//
// Connections are kept and used again; who finds none free waits in order. Nothing is made before
// the first request. Names are resolved by eddy, so no thread is libcurl's; what it does between
// two waits it does on the loop's thread. Certificates are verified.
//
// Where a kept connection turns out to be dead, a request is sent again over a new one, unless it
// may not be done twice (POST, PATCH and what else RFC 9110, 9.2.2, does not name): Kind::receive.
//
// A request is cancelled at any time with its task: the transfer ends at once, and its connection
// is closed, or over HTTP/2 its stream reset. Who reads a body: see Response.
//
// Environment variables (http_proxy and the like) are not looked at. In a child after fork() a
// client of the parent's throws UsageError, and its connections are left alone.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/http/error.hpp>
#include <eddy/http/request.hpp>
#include <eddy/http/response.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace eddy::http::internal {
class ClientState;
}

namespace eddy::http {

enum class VersionWish : std::uint8_t {
  automatic,       // https: what ALPN agrees on, HTTP/2 or 1.1; http: 1.1
  http1_1,
  http2_prior_knowledge,  // h2c too: the server must be known to speak it
};

// Views, which the constructor copies. Trivially copyable.
struct ClientOptions {
  // And requests at once; the rest waits in order. Connections of requests that were cancelled
  // count until the kernel has closed them.
  unsigned max_connections = 100;
  unsigned max_connections_per_host = 0;  // the same for each host and port; 0: no such limit
  AnyDuration keep_alive = std::chrono::seconds(15);  // an idle connection older is not used again
  Timeouts timeouts = {};
  unsigned redirects = 10;               // how many are followed, unless a request says otherwise
  VersionWish version = VersionWish::automatic;
  bool compression = true;               // asks for gzip, br and what else libcurl can undo
  bool cookies = true;                   // keeps what servers set, for its requests; in memory
  Fields headers = {};                   // of each request
  std::string_view user_agent = "eddy";  // empty: none
  std::string_view proxy = {};  // "http://proxy:3128", "socks5h://user:password@proxy:1080"
  std::string_view no_proxy = {};        // names that are asked directly: "localhost,.lan"
  // TLS: PEM files. Empty: the system's roots; no certificate of our own.
  std::string_view ca_file = {};
  std::string_view certificate = {};
  std::string_view key = {};
  std::string_view key_password = {};
  bool verify = true;                    // false: anybody can be the server, and read along
  AnyDuration resolve_again = std::chrono::seconds(60);  // addresses older are asked for again
};

// Gauges and counters, for tests and for watching.
struct ClientStats {
  std::size_t running = 0;   // requests that have a place
  std::size_t waiting = 0;   // ... and that wait for one
  std::uint64_t requests = 0;     // begun
  std::uint64_t connections = 0;  // opened, since the client was made
  std::size_t open = 0;      // of them
};

class Client {
 public:
  // Throws UsageError for options that cannot be: no connections at all.
  explicit Client(const ClientOptions& options = {});
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  // As close(), without waiting for the kernel.
  ~Client();

  // Resumes when the head of the response is there; of a redirect that is followed, that of the
  // last. An answer of 400 and more is a response as well: raise_for_status(). The request is made,
  // and all that it was given copied, within this call; it begins when it is awaited or spawned.
  // Throws UsageError for what cannot be a request, and when the client is closed, or belongs to
  // another loop; http::Error. No allocation of eddy's own after warm-up, beside libcurl's. ∅
  Task<Response> request(std::string_view method, std::string_view url,
                         const RequestOptions& options = {});
  Task<Response> get(std::string_view url, const RequestOptions& options = {}) {
    return request("GET", url, options);
  }
  Task<Response> head(std::string_view url, const RequestOptions& options = {}) {
    return request("HEAD", url, options);
  }
  Task<Response> post(std::string_view url, const RequestOptions& options = {}) {
    return request("POST", url, options);
  }
  Task<Response> put(std::string_view url, const RequestOptions& options = {}) {
    return request("PUT", url, options);
  }
  Task<Response> patch(std::string_view url, const RequestOptions& options = {}) {
    return request("PATCH", url, options);
  }
  Task<Response> delete_(std::string_view url, const RequestOptions& options = {}) {
    return request("DELETE", url, options);
  }

  // Ends what runs (Kind::closed) and closes the connections; resumes when they are. Cancelled: it
  // is closed all the same. Idempotent.
  Task<> close();
  bool closed() const noexcept;

  ClientStats stats() const noexcept;

 private:
  eddy::internal::Handle<internal::ClientState> state_;
};

}  // namespace eddy::http
