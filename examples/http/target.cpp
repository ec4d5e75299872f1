#include "target.hpp"

#include <cstdint>
#include <ranges>

namespace http {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One character at the front of `text`, which gets shorter. -1: a bad escape.
int decode_one(std::string_view& text) {
  const char first = text.front();
  if (first != '%') {
    text.remove_prefix(1);
    return static_cast<unsigned char>(first);
  }
  if (text.size() < 3 || hex(text[1]) < 0 || hex(text[2]) < 0) return -1;
  const int value = 16 * hex(text[1]) + hex(text[2]);
  text.remove_prefix(3);
  return value;
}

bool is_dots(std::string_view part) { return part == "." || part == ".."; }

// The length of the UTF-8 sequence at the front of `text`; 0 when it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  const bool shortest = length == 2 || (length == 3 ? code >= 0x800 : code >= 0x10000);
  return shortest && !surrogate && code < 0x110000 ? length : 0;
}

}  // namespace

Target split(std::string_view target) {
  if (target.starts_with("http://")) {
    const auto slash = target.find('/', 7);
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  const auto mark = target.find('?');
  if (mark == target.npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

bool decode_path(std::string_view path, std::string& into) {
  into.clear();
  if (!path.starts_with('/')) return false;
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  while (!path.empty()) {
    const bool escaped = path.front() == '%';
    const int c = decode_one(path);
    if (c <= 0 || (escaped && c == '/')) return false;
    into += static_cast<char>(c);
  }
  for (const auto part : std::views::split(std::string_view(into), '/')) {
    if (is_dots(std::string_view(part.begin(), part.end()))) return false;
  }
  return true;
}

bool decode_query(std::string_view query, std::string_view name, std::string& into) {
  into.clear();
  while (!query.empty()) {
    std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (!pair.starts_with(name) || pair.substr(name.size(), 1) != "=") continue;
    pair.remove_prefix(name.size() + 1);
    while (!pair.empty()) {
      const bool plus = pair.front() == '+';
      const int c = decode_one(pair);
      if (c < 0) return false;
      into += plus ? ' ' : static_cast<char>(c);
    }
    return true;
  }
  return false;
}

bool append_json(std::string_view text, std::string& into) {
  static constexpr char digits[] = "0123456789abcdef";
  into += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    const char c = text.front();
    if (c == '"' || c == '\\') {
      (into += '\\') += c;
    } else if (length == 1 && c < ' ') {
      ((into += "\\u00") += digits[c >> 4]) += digits[c & 15];
    } else {
      into += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  into += '"';
  return true;
}

}  // namespace http
