// Transfer: the part of an exchange that is libcurl's: an easy handle while one is in use for it.
#pragma once

#include <eddy/http/internal/exchange.hpp>
#include <eddy/http/internal/settings.hpp>

#include <curl/curl.h>

#include <string>
#include <string_view>
#include <vector>

namespace eddy::http::internal {

// An easy handle, and what it points to while it is used. Kept by the client from use to use.
struct Wire {
  Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();

  CURL* easy;
  CURLU* parts;  // of the URL that it was told last, taken apart
  Exchange* exchange = nullptr;  // whose it is
  bool is_set_up = false;        // with what is the same for all requests
  // What it was told last, where that stays, since telling it again costs.
  std::string url;
  bool knows_lines = false;      // those of a request that has no lines of its own
  bool knows_addresses = false;
  long version = -1;
  long waits_for_pipe = -1;
  long fresh = -1;
  long connect_limit = -1;
  std::vector<curl_slist> lines;    // of the header, chained; the text is the exchange's
  std::vector<curl_slist> known;    // addresses, for CURLOPT_RESOLVE
  std::string known_text;
  char error[CURL_ERROR_SIZE] = "";
};

class Transfer {
 public:
  // Begins. Throws std::bad_alloc; UsageError for what libcurl refuses.
  static void put_on(Exchange& self);
  // Ends it, finished or not: a connection that is half-read is closed. Not inside of a callback.
  static void take_off(Exchange& self) noexcept;
  // libcurl has finished with it.
  static void done(Wire& wire, CURLcode code) noexcept;

  static void resume_receiving(Exchange& self) noexcept;
  static void resume_sending(Exchange& self) noexcept;
  // There is a connection over which something is to be read: the handshake of TLS.
  static void shakes_hands(CURL* easy) noexcept;
  // `place` as seen from `base`. Throws UsageError.
  static std::string absolute(const std::string& base, std::string_view place);

 private:
  static constexpr std::size_t most_waiting = 64 * 1024;  // of a body, for who reads it
  static constexpr std::size_t most_waiting_http2 = 1024 * 1024;
  static constexpr std::size_t most_dropped = 64 * 1024;  // of a redirect's body
  static constexpr std::size_t largest_head = 256 * 1024;

  // With prior knowledge of HTTP/2, libcurl 7.88 puts it on top of the HTTP/2 that a connection
  // has from its first request, and both fail. A request that shares a connection must not be told;
  // one that has a new connection must. Which it is, is seen before anything of it is sent.
  static bool switches_twice() noexcept;
  static void set_up(Exchange& self, Wire& wire);
  static void set_up_for_good(Exchange& self, Wire& wire);
  static void set_up_url(const Outgoing& out, Wire& wire);
  static void set_up_connection(Exchange& self, Wire& wire);
  static void set_up_security(const Settings& settings, Wire& wire);
  static void set_up_addresses(Exchange& self, Wire& wire);
  static void set_up_lines(Exchange& self, Wire& wire);
  static void set_up_body(Exchange& self, Wire& wire);
  static bool found_as_expected(Exchange& self) noexcept;
  static bool may_go_out(Exchange& self) noexcept;
  static void put_on_again(Exchange& self) noexcept;
  static void addresses_known(Exchange& self) noexcept;

  // A line of the head. False: libcurl is to end the transfer.
  static bool take_line(Exchange& self, std::string_view line);
  static void take_status(Exchange& self, std::string_view line);
  static bool end_head(Exchange& self);
  static std::size_t take_body(Exchange& self, Bytes bytes);
  static std::size_t pause(Exchange& self) noexcept;
  static void fail(Exchange& self, const Wire& wire, CURLcode code) noexcept;

  // What libcurl calls.
  static std::size_t on_line(char* data, std::size_t size, std::size_t count, void* wire) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* wire) noexcept;
  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* wire) noexcept;
  static int on_seek(void* wire, curl_off_t offset, int origin) noexcept;
  static int on_connected(void* wire, char*, char*, int, int) noexcept;
  static int on_resolve(void*, void*, void* wire) noexcept;
};

}  // namespace eddy::http::internal
