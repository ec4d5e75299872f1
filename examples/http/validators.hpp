// Validators: by what a client tells one version of a file from another (RFC 9110, 8.8), and what
// it asks by them: whether there is a newer one, and for a part of the one it knows.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace http {

// Two versions of one second and one size differ by the nanoseconds, in which a file system counts
// more coarsely than it says: who changes a file twice within a few milliseconds keeps its size.
struct Validators {
  std::time_t modified = 0;
  std::uint32_t nanoseconds = 0;
  std::uint64_t size = 0;
};

// Appends "\"5e2b7c1a.3b9aca00-400\"".
void append_etag(std::string& into, const Validators& of);

// Appends "Sun, 06 Nov 1994 08:49:37 GMT".
void append_date(std::string& into, std::time_t date);

// Of the three forms that HTTP knows; nothing of anything else.
std::optional<std::time_t> parse_date(const std::string& text);

// What a request says of the version it knows; empty: it does not.
struct Conditions {
  std::string none_match, modified_since, range, if_range;

  void clear();
};

// The client has this version: the answer is 304.
bool is_known(const Conditions& conditions, const Validators& of);

struct Part {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
  int status = 200;  // 206 for a part, 416 where it lies behind the end
};

// The part to send at the time `now`: one range as it is asked for. Several, and what is no range,
// mean the whole, as RFC 9110, 14.2 allows.
Part part_of(const Conditions& conditions, const Validators& of, std::time_t now);

}  // namespace http
