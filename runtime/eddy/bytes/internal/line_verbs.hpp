// The verbs that give a line, at once where it is read ahead (see AtOnce).
//
// What they read is copied in, and keeps alive what it reads from:
//   ahead()     what is read ahead and may be taken now; nothing where that takes more
//   consume(n)  the first of it are taken
//   limit()     a line that is longer takes more
//   readline(), next_line(), readline_into(line)   the Tasks that do what that is
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/internal/at_once.hpp>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace eddy::internal {

template <class Lines>
class OneLine {
 public:
  explicit OneLine(Lines lines) noexcept : lines_(std::move(lines)) {}
  bool ready() noexcept {
    const std::string_view text = lines_.ahead().text();
    if (text.empty()) return false;
    const void* end = std::memchr(text.data(), '\n', text.size());
    if (!end) return false;
    const auto before = static_cast<std::size_t>(static_cast<const char*>(end) - text.data());
    line_ = text.substr(0, before + 1);
    return line_.size() <= lines_.limit();
  }

 protected:
  // After ready(), with its "\n"; it stays until it is consumed.
  std::string_view line() const noexcept { return line_; }
  void consume() noexcept { lines_.consume(line_.size()); }

  Lines lines_;

 private:
  std::string_view line_;
};

template <class Lines>
class ReadLine : public OneLine<Lines> {
 public:
  using value_type = std::string;
  using OneLine<Lines>::OneLine;
  std::string now() {
    std::string taken(this->line());
    this->consume();
    return taken;
  }
  Task<std::string> task() { return std::move(this->lines_).readline(); }
};

template <class Lines>
class NextLine : public ReadLine<Lines> {
 public:
  using value_type = std::optional<std::string>;
  using ReadLine<Lines>::ReadLine;
  value_type now() { return ReadLine<Lines>::now(); }
  Task<value_type> task() { return std::move(this->lines_).next_line(); }
};

template <class Lines>
class ReadLineInto : public OneLine<Lines> {
 public:
  using value_type = bool;
  ReadLineInto(Lines lines, std::string& line) noexcept
      : OneLine<Lines>(std::move(lines)), into_(line) {}
  bool now() {
    const std::string_view from = this->line();
    // For half of what assign() takes. GCC 12 names more than the size, where the text grows.
    into_.resize_and_overwrite(from.size(), [from](char* to, std::size_t) {
      std::memcpy(to, from.data(), from.size());
      return from.size();
    });
    this->consume();
    return true;
  }
  Task<bool> task() { return std::move(this->lines_).readline_into(into_); }

 private:
  std::string& into_;
};

}  // namespace eddy::internal
