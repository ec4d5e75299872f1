// Resp: requests and replies of the Redis protocol, version 2, without input or output.
//
// parse() looks at what was received where it lies: words are views of it. Inline requests have no
// quotes.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace resp {

inline constexpr std::size_t most_words = 1024;
inline constexpr std::size_t longest_word = 4 << 20;
inline constexpr std::size_t longest_request = 8 << 20;
inline constexpr std::size_t longest_line = 64 << 10;  // of an inline request

using Words = std::vector<std::string_view>;

enum class State : std::uint8_t { whole, part, bad };

// What is at the front of the input.
struct Parsed {
  State state;
  std::size_t size = 0;       // whole: of the request. part: the input must be this long at least
  const char* problem = "";  // bad: what is wrong
};

inline Parsed bad(const char* problem) { return {State::bad, 0, problem}; }

// "number\r\n" at `at`, which moves behind it.
inline State parse_number(std::string_view input, std::size_t& at, std::int64_t& number) {
  constexpr std::size_t longest = 22;  // the sign and 19 digits
  const std::string_view line = input.substr(at, longest);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  const std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
  if (rest.starts_with("\r\n") && error == std::errc()) {
    at += line.size() - rest.size() + 2;
    return State::whole;
  }
  const bool may_become_one = rest.empty() || rest == "\r" || line == "-";
  return may_become_one && line.size() < longest ? State::part : State::bad;
}

inline Parsed parse_words(std::string_view input, Words& words) {
  std::size_t at = 1;
  std::int64_t count = 0;
  State state = parse_number(input, at, count);
  if (state == State::part) return {state, input.size() + 1};
  if (state == State::bad || count > std::int64_t{most_words}) {
    return bad("invalid multibulk length");
  }
  for (; count > 0; --count) {
    if (at == input.size()) return {State::part, at + 1};
    if (input[at++] != '$') return bad("expected '$'");
    std::int64_t length = 0;
    state = parse_number(input, at, length);
    if (state == State::part) return {state, input.size() + 1};
    if (state == State::bad || length < 0 || length > std::int64_t{longest_word}) {
      return bad("invalid bulk length");
    }
    const std::size_t end = at + static_cast<std::size_t>(length);
    if (end > longest_request) return bad("too big request");
    if (input.size() < end + 2) return {State::part, end + 2};
    if (input.substr(end, 2) != "\r\n") return bad("expected CRLF");
    words.push_back(input.substr(at, end - at));
    at = end + 2;
  }
  return {State::whole, at};
}

inline Parsed parse_line(std::string_view input, Words& words) {
  const std::size_t end = input.substr(0, longest_line).find('\n');
  if (end == std::string_view::npos) {
    if (input.size() >= longest_line) return bad("too big inline request");
    return {State::part, input.size() + 1};
  }
  constexpr std::string_view blanks = " \t\r";
  const std::string_view line = input.substr(0, end);
  std::size_t at = line.find_first_not_of(blanks);
  while (at != std::string_view::npos) {
    if (words.size() == most_words) return bad("too many words");
    const std::string_view rest = line.substr(at);
    words.push_back(rest.substr(0, rest.find_first_of(blanks)));
    at = line.find_first_not_of(blanks, at + words.back().size());
  }
  return {State::whole, end + 1};
}

// The first request of `input`, if it is whole. No words: it asks for nothing.
inline Parsed parse(std::string_view input, Words& words) {
  words.clear();
  if (input.empty()) return {State::part, 1};
  return input.front() == '*' ? parse_words(input, words) : parse_line(input, words);
}

// Replies one behind the other, ready to be sent. The memory is used again.
class Replies {
 public:
  void simple(std::string_view text) { append("+", text, "\r\n"); }
  void error(std::string_view text) { append("-ERR ", text, "\r\n"); }
  void integer(std::int64_t number) { append(":", Number(number).text(), "\r\n"); }
  void nil() { text_ += "$-1\r\n"; }
  void empty_array() { text_ += "*0\r\n"; }
  void bulk(std::string_view text) {
    append("$", Number(static_cast<std::int64_t>(text.size())).text(), "\r\n");
    append(text, "\r\n");
  }

  std::string_view text() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  // Keeps memory for as much as `kept`.
  void clear(std::size_t kept) {
    if (text_.capacity() > kept) text_ = std::string();
    text_.clear();
  }

 private:
  class Number {
   public:
    explicit Number(std::int64_t number)
        : end_(std::to_chars(digits_, digits_ + sizeof digits_, number).ptr) {}
    std::string_view text() const noexcept { return {digits_, end_}; }

   private:
    char digits_[24];
    char* end_;
  };

  template <class... Pieces>
  void append(Pieces... pieces) { (text_.append(pieces), ...); }

  std::string text_;
};

}  // namespace resp
