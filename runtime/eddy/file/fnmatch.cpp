#include <eddy/file/fnmatch.hpp>

#include <eddy/base/internal/assert.hpp>

#include <cstddef>

namespace eddy {
namespace {

constexpr std::size_t npos = std::string_view::npos;

// How many bytes follow the first one of a character; npos: it begins none.
std::size_t following(unsigned char first) noexcept {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first < 0xe0) return 1;
  if (first >= 0xe0 && first < 0xf0) return 2;
  return first >= 0xf0 && first < 0xf5 ? 3 : npos;
}

// Takes the first character of `text`. A byte that is none is one beyond all of them.
char32_t take(std::string_view& text) noexcept {
  constexpr char32_t no_character = 0x110000;
  EDDY_ASSERT(!text.empty());
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t more = following(first);
  if (more == 0 || more == npos || more >= text.size()) {
    text.remove_prefix(1);
    return more == 0 ? first : no_character + first;
  }
  char32_t character = first & (0x3fu >> more);
  for (std::size_t i = 1; i <= more; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) {
      text.remove_prefix(1);
      return no_character + first;
    }
    character = character << 6 | (byte & 0x3f);
  }
  text.remove_prefix(more + 1);
  return character;
}

// Where the set that begins `pattern` is closed; npos: the bracket is one.
std::size_t end_of_set(std::string_view pattern) noexcept {
  std::size_t at = 1;
  if (at < pattern.size() && pattern[at] == '!') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  return at < pattern.size() ? pattern.find(']', at) : npos;
}

// Whether `set`, what is between the brackets, has the character.
bool is_in_set(char32_t character, std::string_view set) noexcept {
  const bool negated = set.starts_with('!');
  if (negated) set.remove_prefix(1);
  bool found = false;
  while (!set.empty()) {
    const char32_t low = take(set);
    char32_t high = low;
    if (set.size() > 1 && set.front() == '-') {
      set.remove_prefix(1);
      high = take(set);
    }
    found = found || (low <= character && character <= high);
  }
  return found != negated;
}

// Takes what stands for one character off `pattern`, and whether it stands for this one.
bool take_match(char32_t character, std::string_view& pattern) noexcept {
  if (pattern.front() == '?') {
    pattern.remove_prefix(1);
    return true;
  }
  const std::size_t end = pattern.front() == '[' ? end_of_set(pattern) : npos;
  if (end == npos) return take(pattern) == character;
  const std::string_view set = pattern.substr(1, end - 1);
  pattern.remove_prefix(end + 1);
  return is_in_set(character, set);
}

}  // namespace

// What a star stands for grows where the rest does not match; of several stars only the last has
// to.
bool fs::fnmatch(std::string_view name, std::string_view pattern) noexcept {
  std::string_view after_star;
  std::string_view rest;  // the name from where the star ends
  bool star = false;
  for (;;) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      after_star = pattern;
      rest = name;
      star = true;
      continue;
    }
    if (name.empty() && pattern.empty()) return true;
    bool matches = false;
    if (!name.empty() && !pattern.empty()) matches = take_match(take(name), pattern);
    if (matches) continue;
    if (!star || rest.empty()) return false;
    take(rest);
    name = rest;
    pattern = after_star;
  }
}

bool fs::has_magic(std::string_view pattern) noexcept {
  return pattern.find_first_of("*?[") != npos;
}

std::string fs::glob_escape(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    const bool magic = has_magic({&letter, 1});
    if (magic) escaped += '[';
    escaped += letter;
    if (magic) escaped += ']';
  }
  return escaped;
}

}  // namespace eddy
