// Outgoing: what a request says, as the exchange's own: copied from what the caller showed.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/http/internal/upload.hpp>
#include <eddy/http/request.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::http::internal {

// Timeouts that are settled.
struct Limits {
  static constexpr Duration none = Duration::max();
  Duration total = std::chrono::seconds(300);
  Duration place = none;
  Duration connect = std::chrono::seconds(30);
  Duration head = none;
  Duration idle = none;

  // What `wanted` says, and of what it does not say what stands here. Zero is none.
  Limits with(const Timeouts& wanted) const noexcept;
  Duration of(TimeLimit limit) const noexcept;
};

struct Outgoing {
  // A line of the header, "Name: value", with a zero byte behind it.
  struct Line {
    std::uint32_t begin;
    bool of_body;   // gone with the body, where a redirect makes a GET of it
    bool secret;    // not for another host
  };

  void clear() noexcept;  // keeps the memory, if it is not much

  // Takes a URL apart. Throws UsageError for one that is none of http and https.
  void set_url(std::string_view text);
  void add_query(const Fields& fields);
  void add_line(std::string_view name, std::string_view value, bool of_body, bool secret);
  bool has_line(std::string_view name) const noexcept;
  std::string_view line(const Line& line) const noexcept { return text.c_str() + line.begin; }
  void set_body(const Body& body);
  bool is_plain_get() const noexcept { return method == "GET" && !upload && !has_body; }
  // A redirect makes a GET of it.
  void drop_body() noexcept;
  void drop_secrets() noexcept {
    std::erase_if(lines, [](const Line& line) { return line.secret; });
  }

  std::string method;
  std::string url;   // without user, password and fragment
  std::string next_url;  // while it is put together
  std::string host;  // without the brackets of IPv6
  std::uint16_t port = 0;
  bool tls = false;
  bool has_body = false;
  std::string text;  // of the lines
  std::vector<Line> lines;
  std::string body;                           // all of it, where it is not streamed
  eddy::internal::Counted<Upload> upload;     // what streams it
  unsigned redirects = 0;                     // how many may be followed
};

// Fills `out` in, which is clear. Throws UsageError for what cannot be said in HTTP.
void write_down(Outgoing& out, std::string_view method, std::string_view url,
                const RequestOptions& options, const Fields& always);

}  // namespace eddy::http::internal
