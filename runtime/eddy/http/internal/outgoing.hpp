// Outgoing: what a request says, as the exchange's own: copied from what the caller showed.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/http/request.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::http::internal {

class Upload;

// Timeouts that are settled: Instant arithmetic takes them as they are.
struct Limits {
  static constexpr Duration none = Duration::max();
  Duration total = none;
  Duration place = none;
  Duration connect = none;
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

  Outgoing();
  ~Outgoing();

  void clear() noexcept;  // keeps the memory
  void add_line(std::string_view name, std::string_view value);
  bool has_line(std::string_view name) const noexcept;
  std::string_view line(const Line& line) const noexcept { return text.c_str() + line.begin; }

  std::string method;
  std::string url;
  std::string text;
  std::vector<Line> lines;
  bool has_body = false;
  std::string body;                 // all of it, where it is not streamed
  std::unique_ptr<Upload> upload;   // what streams it
  unsigned redirects = 0;           // how many may be followed
};

// Fills `out` in. Throws UsageError for what cannot be said in HTTP.
void write_down(Outgoing& out, std::string_view method, std::string_view url,
                const RequestOptions& options, const Fields& always);

// A part of a URL, so that its bytes mean nothing but themselves.
void append_encoded(std::string& to, std::string_view bytes, bool in_form);

}  // namespace eddy::http::internal
