#include "validators.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace http {
namespace {

constexpr std::uint64_t beyond = std::numeric_limits<std::uint64_t>::max();

char* put_hex(char* to, char* end, std::uint64_t number) {
  return std::to_chars(to, end, number, 16).ptr;
}

// Quoted, as it stands in a header.
struct Etag {
  explicit Etag(const Validators& of) {
    char* const end = text + sizeof text;
    char* at = text;
    *at++ = '"';
    at = put_hex(at, end, static_cast<std::uint64_t>(of.modified));
    *at++ = '.';
    at = put_hex(at, end, of.nanoseconds);
    *at++ = '-';
    at = put_hex(at, end, of.size);
    *at++ = '"';
    length = static_cast<std::size_t>(at - text);
  }
  std::string_view view() const { return {text, length}; }

  char text[48];
  std::size_t length;
};

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// One of a list, or "*". Weakly compared: what was told of a file is never weak, but who stands
// between may have made it so.
bool matches(std::string_view list, std::string_view etag) {
  if (trimmed(list) == "*") return true;
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    one = trimmed(one);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag) return true;
  }
  return false;
}

// The digits at the front of `text`, which gets shorter. More than a number holds is `beyond`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::invalid_argument) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc::result_out_of_range ? beyond : number;
}

// "bytes=2-5", "bytes=2-", "bytes=-5".
std::optional<Part> parse_range(std::string_view range, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (range.size() < unit.size() || ::strncasecmp(range.data(), unit.data(), unit.size()) != 0) {
    return std::nullopt;
  }
  range.remove_prefix(unit.size());
  const auto first = take_number(range);
  if (!range.starts_with('-')) return std::nullopt;
  range.remove_prefix(1);
  const auto last = take_number(range);
  if (!range.empty() || (!first && !last)) return std::nullopt;
  if (!first) {  // the last so many bytes
    const std::uint64_t count = std::min(*last, size);
    return Part{size - count, count, count > 0 ? 206 : 416};
  }
  if (last && *last < *first) return std::nullopt;
  if (*first >= size) return Part{0, 0, 416};
  const std::uint64_t end = std::min(last.value_or(beyond), size - 1);
  return Part{*first, end - *first + 1, 206};
}

// A part fits only to a version that is the same byte for byte. A date says so when a second has
// gone by since: RFC 9110, 8.8.2.2.
bool fits(const std::string& if_range, const Validators& of, std::time_t now) {
  if (if_range.empty()) return true;
  if (if_range.starts_with('"')) return if_range == Etag(of).view();
  return parse_date(if_range) == of.modified && of.modified < now - 1;
}

}  // namespace

void append_etag(std::string& into, const Validators& of) { into += Etag(of).view(); }

void append_date(std::string& into, std::time_t date) {
  char text[32];
  std::tm parts{};
  into.append(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT",
                                  ::gmtime_r(&date, &parts)));
}

std::optional<std::time_t> parse_date(const std::string& text) {
  for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                           "%a %b %d %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

void Conditions::clear() {
  none_match.clear();
  modified_since.clear();
  range.clear();
  if_range.clear();
}

bool is_known(const Conditions& conditions, const Validators& of) {
  if (!conditions.none_match.empty()) return matches(conditions.none_match, Etag(of).view());
  const auto since = parse_date(conditions.modified_since);
  return since && of.modified <= *since;
}

Part part_of(const Conditions& conditions, const Validators& of, std::time_t now) {
  const Part whole{0, of.size, 200};
  if (conditions.range.empty() || of.size == 0) return whole;
  if (!fits(conditions.if_range, of, now)) return whole;
  return parse_range(conditions.range, of.size).value_or(whole);
}

}  // namespace http
