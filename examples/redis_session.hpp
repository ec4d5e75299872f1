// Session: one client of a small Redis: its requests run on the keys that all share.
#pragma once

#include "resp.hpp"

#include <eddy/eddy.hpp>

#include <algorithm>
#include <functional>
#include <unordered_map>

// Found by a view, without making a string of it.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};
using Keys = std::unordered_map<std::string, std::string, TextHash, std::equal_to<>>;

class Session {
 public:
  explicit Session(Keys& keys) : keys_(keys) {}

  // Runs the requests that are whole, as long as their replies are not too many to be kept. How
  // much of `input` that was.
  std::size_t take(std::string_view input) {
    std::size_t taken = 0;
    needed_ = 1;
    full_ = false;
    while (!over_ && taken < input.size()) {
      full_ = replies_.text().size() >= most_kept;
      if (full_) break;
      const resp::Parsed parsed = resp::parse(input.substr(taken), words_);
      if (parsed.state == resp::State::part) {
        needed_ = parsed.size;
        break;
      }
      if (parsed.state == resp::State::bad) {
        replies_.error("Protocol error: " + std::string(parsed.problem));
        over_ = true;
        break;
      }
      if (!words_.empty()) answer();
      taken += parsed.size;
    }
    return taken;
  }

  // Worth another take(): there must be so many bytes.
  std::size_t needed() const noexcept { return needed_; }
  // take() left requests behind, for when the replies were sent.
  bool full() const noexcept { return full_; }
  // Nothing more is taken: close when the replies were sent.
  bool over() const noexcept { return over_; }

  std::string_view replies() const noexcept { return replies_.text(); }
  void sent() { replies_.clear(2 * most_kept); }

 private:
  static constexpr std::size_t most_kept = 64 << 10;

  struct Command {
    std::string_view name;
    std::size_t fewest, most;  // words, the name included
    void (Session::*run)();
  };
  static const Command commands[12];

  static bool same(std::string_view name, std::string_view word) noexcept {
    constexpr auto upper = [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; };
    return name.size() == word.size() && std::ranges::equal(name, word, {}, {}, upper);
  }

  void answer() {
    for (const Command& command : commands) {
      if (!same(command.name, words_[0])) continue;
      if (words_.size() >= command.fewest && words_.size() <= command.most) {
        return (this->*command.run)();
      }
      return replies_.error("wrong number of arguments for '" + std::string(command.name) +
                            "' command");
    }
    replies_.error("unknown command '" + shown(words_[0]) + "'");
  }

  // Part of a line, whatever the client sent.
  static std::string shown(std::string_view word) {
    std::string text(word.substr(0, 128));
    std::ranges::replace_if(text, [](unsigned char c) { return c < ' '; }, ' ');
    return text;
  }

  void ping() { words_.size() == 1 ? replies_.simple("PONG") : replies_.bulk(words_[1]); }
  void echo() { replies_.bulk(words_[1]); }
  void get() {
    const auto found = keys_.find(words_[1]);
    found == keys_.end() ? replies_.nil() : replies_.bulk(found->second);
  }
  void set() {
    const auto found = keys_.find(words_[1]);
    if (found == keys_.end()) {
      keys_.emplace(words_[1], words_[2]);
    } else {
      found->second = words_[2];
    }
    replies_.simple("OK");
  }
  void del() {
    std::int64_t gone = 0;
    for (std::size_t i = 1; i < words_.size(); ++i) {
      const auto found = keys_.find(words_[i]);
      if (found == keys_.end()) continue;
      keys_.erase(found);
      ++gone;
    }
    replies_.integer(gone);
  }
  void exists() {
    replies_.integer(std::count_if(words_.begin() + 1, words_.end(),
                                   [&](std::string_view word) { return keys_.contains(word); }));
  }
  void incr() {
    auto found = keys_.find(words_[1]);
    if (found == keys_.end()) found = keys_.emplace(words_[1], "0").first;
    std::string& value = found->second;
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (stop != end || error != std::errc() || number == INT64_MAX) {
      return replies_.error("value is not an integer or out of range");
    }
    value = std::to_string(++number);
    replies_.integer(number);
  }
  void dbsize() { replies_.integer(static_cast<std::int64_t>(keys_.size())); }
  void flushall() {
    keys_.clear();
    replies_.simple("OK");
  }
  void command() { replies_.empty_array(); }
  void config() {
    if (same("GET", words_[1])) return replies_.empty_array();
    replies_.error("only CONFIG GET is supported");
  }
  void quit() {
    replies_.simple("OK");
    over_ = true;
  }

  Keys& keys_;
  resp::Words words_;
  resp::Replies replies_;
  std::size_t needed_ = 1;
  bool full_ = false;
  bool over_ = false;
};

inline constexpr Session::Command Session::commands[12] = {
    {"GET", 2, 2, &Session::get},
    {"SET", 3, 3, &Session::set},
    {"PING", 1, 2, &Session::ping},
    {"ECHO", 2, 2, &Session::echo},
    {"DEL", 2, resp::most_words, &Session::del},
    {"EXISTS", 2, resp::most_words, &Session::exists},
    {"INCR", 2, 2, &Session::incr},
    {"DBSIZE", 1, 1, &Session::dbsize},
    {"FLUSHALL", 1, 2, &Session::flushall},
    {"COMMAND", 1, resp::most_words, &Session::command},
    {"CONFIG", 2, resp::most_words, &Session::config},
    {"QUIT", 1, 1, &Session::quit},
};

// The whole conversation with one client. What is read ahead is parsed where it lies, and the
// replies to all requests that came together go out in one write. A request costs no allocation
// unless it makes a key or a value longer.
inline eddy::Task<> converse(Keys& keys, eddy::Stream stream) {
  Session session(keys);
  while (!session.over()) {
    const auto got = co_await eddy::as_result(stream.fill());
    if (!got || *got == 0) co_return;
    if (stream.buffered().size() < session.needed()) continue;
    do {
      stream.consume(session.take(stream.buffered().text()));
      if (session.replies().empty()) break;
      const auto sent = co_await eddy::as_result(stream.write_all(session.replies()));
      if (!sent) co_return;
      session.sent();
    } while (session.full());
  }
}
