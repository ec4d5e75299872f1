#include <eddy/file/internal/glob_pattern.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/file/fnmatch.hpp>

#include <algorithm>

namespace eddy::internal {
namespace {

bool is_dots(std::string_view part) noexcept { return part == "." || part == ".."; }

}  // namespace

GlobPattern::GlobPattern(std::string_view pattern, bool include_hidden)
    : include_hidden_(include_hidden) {
  parse(pattern, true);
}

GlobPattern::GlobPattern(std::string_view base, std::string_view pattern, bool include_hidden)
    : base_(base), include_hidden_(include_hidden) {
  parse(pattern, false);
}

// Several slashes are one. The last part is never of the base: somebody has to look for it.
void GlobPattern::parse(std::string_view pattern, bool finds_base) {
  std::size_t at = pattern.find_first_not_of('/');
  if (finds_base && pattern.starts_with('/')) base_ += '/';
  while (at < pattern.size()) {
    const std::size_t end = std::min(pattern.find('/', at), pattern.size());
    const std::string_view part = pattern.substr(at, end - at);
    at = pattern.find_first_not_of('/', end);
    const bool is_last = at == std::string_view::npos;
    only_directories_ = is_last && end < pattern.size();
    if (finds_base && parts_.empty() && !is_last && !fs::has_magic(part)) {
      if (!base_.empty() && !base_.ends_with('/')) base_ += '/';
      base_ += part;
    } else {
      add(part);
    }
  }
}

void GlobPattern::add(std::string_view part) {
  Kind kind = Kind::literal;
  if (fs::has_magic(part)) kind = part == "**" ? Kind::stars : Kind::magic;
  if (kind == Kind::stars && !parts_.empty() && parts_.back().kind == Kind::stars) return;
  if (parts_.size() == most_parts) throw UsageError("a pattern of more than 60 parts");
  parts_.push_back({kind, std::string(part)});
}

// A "**" may stand for no directory at all.
GlobPattern::Places GlobPattern::with_none(Places places) const noexcept {
  Places more = places;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].kind == Kind::stars && places >> i & 1) more |= Places{2} << i;
  }
  return more & ((Places{1} << parts_.size()) - 1);
}

bool GlobPattern::matches(const Part& part, std::string_view name) const noexcept {
  if (part.kind == Kind::literal) return part.text == name;
  const bool hidden = name.starts_with('.') && !include_hidden_;
  if (hidden && !part.text.starts_with('.')) return false;
  return part.kind == Kind::stars || fs::fnmatch(name, part.text);
}

GlobPattern::Step GlobPattern::step(Places places, std::string_view name) const noexcept {
  Step step;
  for (Places left = places; left != 0; left &= left - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(left));
    EDDY_ASSERT(i < parts_.size());
    const Part& part = parts_[i];
    if (!matches(part, name)) continue;
    const bool is_last = i + 1 == parts_.size();
    step.matches = step.matches || is_last;
    if (part.kind == Kind::stars) {
      step.below |= Places{1} << i;
    } else if (!is_last) {
      step.below_link |= Places{2} << i;
      const bool then_stars = i + 2 == parts_.size() && parts_[i + 1].kind == Kind::stars;
      step.matches_as_directory = step.matches_as_directory || then_stars;
    }
  }
  step.below_link = with_none(step.below_link);
  step.below = with_none(step.below) | step.below_link;
  return step;
}

GlobPattern::Places GlobPattern::literals(Places places, bool only_dots) const noexcept {
  Places found = 0;
  for (Places left = places; left != 0; left &= left - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(left));
    if (parts_[i].kind != Kind::literal) continue;
    if (!only_dots || is_dots(parts_[i].text)) found |= left & -left;
  }
  return found;
}

}  // namespace eddy::internal
