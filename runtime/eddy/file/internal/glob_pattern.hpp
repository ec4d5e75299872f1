// GlobPattern: the parts of a pattern of glob(), and how far the names on a way down match them.
//
// A set of places, one bit each: all that is before a place has matched. So each name of a tree is
// looked at once, however many "**" there are, and nothing matches twice.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::internal {

class GlobPattern {
 public:
  using Places = std::uint64_t;
  static constexpr std::size_t most_parts = 60;

  // What a name makes of the places before it.
  struct Step {
    Places below = 0;                   // for what is in it, if it is a directory
    Places below_link = 0;              // the same, without those where a "**" goes on
    bool matches = false;               // the whole pattern
    bool matches_as_directory = false;  // ... if it is one
  };

  // Throws UsageError for too many parts. What is before the first magic is base().
  GlobPattern(std::string_view pattern, bool include_hidden);
  // That has no magic; the whole pattern is behind it.
  GlobPattern(std::string_view base, std::string_view pattern, bool include_hidden);

  // Empty for the working directory.
  const std::string& base() const noexcept { return base_; }
  bool only_directories() const noexcept { return only_directories_; }
  // "/", and "base/**".
  bool matches_base() const noexcept {
    return !base_.empty() &&
           (parts_.empty() || (parts_.size() == 1 && parts_[0].kind == Kind::stars));
  }

  // At the base.
  Places first() const noexcept { return with_none(1); }
  Step step(Places places, std::string_view name) const noexcept;
  // Of the places those that want one name, and so no list of names.
  Places literals(Places places, bool only_dots) const noexcept;
  const std::string& text(Places place) const noexcept {
    return parts_[static_cast<std::size_t>(std::countr_zero(place))].text;
  }

 private:
  enum class Kind : std::uint8_t { literal, magic, stars };
  struct Part {
    Kind kind;
    std::string text;
  };

  void parse(std::string_view pattern, bool finds_base);
  void add(std::string_view part);
  Places with_none(Places places) const noexcept;
  bool matches(const Part& part, std::string_view name) const noexcept;

  std::string base_;
  std::vector<Part> parts_;
  bool only_directories_ = false;
  bool include_hidden_;
};

}  // namespace eddy::internal
