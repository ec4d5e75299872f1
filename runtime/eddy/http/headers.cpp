#include <eddy/http/headers.hpp>

#include <algorithm>

namespace eddy::http {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr std::string_view without_blanks(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  for (std::size_t place = 0; place < size(); ++place) {
    const Field field = (*this)[place];
    if (same_name(field.name, name)) return field.value;
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
  const auto name_size = static_cast<std::uint32_t>(name.size());
  lines_.push_back({begin, name_size, begin + name_size, static_cast<std::uint32_t>(value.size())});
  try {
    text_.append(name).append(value);
  } catch (...) {
    lines_.pop_back();
    text_.resize(begin);
    throw;
  }
}

void Headers::clear() noexcept {
  text_.clear();
  lines_.clear();
}

}  // namespace eddy::http
