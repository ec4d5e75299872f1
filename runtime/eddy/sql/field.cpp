#include <eddy/sql/error.hpp>
#include <eddy/sql/internal/field.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace eddy::sql {

void Field::refuse(std::string_view type) const {
  std::string said("'");
  said.append(text().substr(0, 40)).append("' is no ").append(type);
  if (is_null()) said = "NULL is no value";
  throw Error(ErrorKind::conversion, "read column", column_, said);
}

namespace internal {
namespace {

template <class N>
N read_whole(const Field& field, const char* type) {
  N value{};
  const std::string_view text = field.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) field.refuse(type);
  return value;
}

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Walks through an array's text.
class ItemReader {
 public:
  explicit ItemReader(const Field& field) : field_(field), text_(field.text()) {
    if (text_.starts_with('[')) {
      text_.remove_prefix(std::min(text_.find('='), text_.size() - 1) + 1);  // its bounds
    }
    if (text_.size() < 2 || text_.front() != '{' || text_.back() != '}') field.refuse("array");
    text_ = text_.substr(1, text_.size() - 2);
  }
  std::vector<std::optional<std::string>> read() {
    std::vector<std::optional<std::string>> items;
    if (text_.empty()) return items;
    for (;;) {
      items.push_back(item());
      if (text_.empty()) return items;
      if (text_.front() != ',') field_.refuse("array");
      text_.remove_prefix(1);
    }
  }

 private:
  std::optional<std::string> item() {
    if (text_.starts_with('"')) return quoted();
    if (text_.starts_with('{')) return nested();
    const std::string_view word = text_.substr(0, text_.find(','));
    text_.remove_prefix(word.size());
    if (word == "NULL") return std::nullopt;
    return std::string(word);
  }
  std::string quoted() {
    std::string item;
    for (std::size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        text_.remove_prefix(i + 1);
        return item;
      }
      if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
      item += text_[i];
    }
    field_.refuse("array");
  }
  // As it stands, for who reads it in turn.
  std::string nested() {
    int depth = 0;
    bool in_quotes = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_quotes = !in_quotes;
      } else if (!in_quotes) {
        depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      }
      if (depth == 0) {
        std::string item(text_.substr(0, i + 1));
        text_.remove_prefix(i + 1);
        return item;
      }
    }
    field_.refuse("array");
  }

  const Field& field_;
  std::string_view text_;
};

}  // namespace

bool read_bool(const Field& field) {
  const std::string_view text = field.text();
  if (text == "t" || text == "true") return true;
  if (text == "f" || text == "false") return false;
  field.refuse("boolean");
}

std::int64_t read_integer(const Field& field) {
  return read_whole<std::int64_t>(field, "integer");
}
std::uint64_t read_natural(const Field& field) {
  return read_whole<std::uint64_t>(field, "unsigned integer");
}

double read_real(const Field& field) {
  return read_whole<double>(field, "number");
}
float read_float(const Field& field) {
  const double value = read_real(field);
  if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
    field.refuse("number of that size");
  }
  return static_cast<float>(value);
}
char read_letter(const Field& field) {
  if (field.text().size() != 1) field.refuse("single character");
  return field.text().front();
}

std::vector<std::byte> read_bytes(const Field& field) {
  const std::string_view text = field.text();
  if (!text.starts_with("\\x") || text.size() % 2 != 0) field.refuse("bytea");
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2 - 1);
  for (std::size_t i = 2; i < text.size(); i += 2) {
    const int high = digit_of(text[i]);
    const int low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) field.refuse("bytea");
    bytes.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return bytes;
}

std::vector<std::optional<std::string>> read_items(const Field& field) {
  return ItemReader(field).read();
}

}  // namespace internal

}  // namespace eddy::sql
