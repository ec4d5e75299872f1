#include <eddy/http/headers.hpp>

#include <algorithm>

namespace eddy::http {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

constexpr std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  return a == b || std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  for (const Line& line : lines_) {
    if (line.name_size != name.size()) continue;  // mostly: no look at the text
    const char* text = text_.data();
    if (same_name({text + line.name, line.name_size}, name)) {
      return std::string_view(text + line.value, line.value_size);
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : *this) {
    if (same_name(field.name, name)) values.push_back(field.value);
  }
  return values;
}

Field Headers::operator[](std::size_t place) const noexcept {
  const Line& line = lines_[place];
  const std::string_view text = text_;
  return {text.substr(line.name, line.name_size), text.substr(line.value, line.value_size)};
}

void Headers::add_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return;
  const std::string_view name = without_blanks(line.substr(0, colon));
  const std::string_view value = without_blanks(line.substr(colon + 1));
  const auto begin = static_cast<std::uint32_t>(text_.size());
  const auto place = [&](std::string_view part) {
    return begin + static_cast<std::uint32_t>(part.data() - line.data());
  };
  lines_.push_back({place(name), static_cast<std::uint32_t>(name.size()), place(value),
                    static_cast<std::uint32_t>(value.size())});
  try {
    text_.append(line);
  } catch (...) {
    lines_.pop_back();
    throw;
  }
}

void Headers::clear() noexcept {
  text_.clear();
  lines_.clear();
}

}  // namespace eddy::http
