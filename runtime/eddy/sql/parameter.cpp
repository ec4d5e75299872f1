#include <eddy/sql/parameter.hpp>

#include <eddy/base/error.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/sql/internal/parameters.hpp>

#include <charconv>
#include <cstring>

namespace eddy::sql {
namespace {

constexpr std::size_t longest_number = 32;
constexpr std::size_t largest_value = 1 << 30;  // of PostgreSQL's; libpq counts in int
constexpr unsigned bytea_type = 17;
constexpr char hexadecimal[] = "0123456789abcdef";

// How many bytes it needs, with its zero byte.
std::size_t room_for(const Parameter& value) {
  if (value.view().size() > largest_value) {
    throw UsageError("a value for PostgreSQL is at most a gigabyte");
  }
  switch (value.type()) {
    case Parameter::Type::null: return 0;
    case Parameter::Type::boolean: return 2;
    case Parameter::Type::integer:
    case Parameter::Type::natural:
    case Parameter::Type::real: return longest_number;
    case Parameter::Type::text:
      if (value.view().find('\0') != std::string_view::npos) {
        throw UsageError("a text for PostgreSQL cannot hold a zero byte");
      }
      [[fallthrough]];
    case Parameter::Type::bytes: break;
  }
  return value.view().size() + 1;
}

template <class N>
std::size_t put_number(char* to, N value) noexcept {
  return static_cast<std::size_t>(std::to_chars(to, to + longest_number - 1, value).ptr - to);
}

// Without its zero byte, which the caller adds.
std::size_t put(char* to, const Parameter& value) noexcept {
  switch (value.type()) {
    case Parameter::Type::null: return 0;
    case Parameter::Type::boolean: *to = value.integer() ? 't' : 'f'; return 1;
    case Parameter::Type::integer: return put_number(to, value.integer());
    case Parameter::Type::natural: return put_number(to, value.natural());
    case Parameter::Type::real:
      // A NaN has a sign for to_chars(), and none for PostgreSQL.
      if (value.real() != value.real()) return static_cast<std::size_t>(::stpcpy(to, "nan") - to);
      return put_number(to, value.real());
    case Parameter::Type::text:
    case Parameter::Type::bytes: break;
  }
  const std::string_view text = value.view();
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return text.size();
}

void append_hexadecimal(std::string& to, std::string_view bytes) {
  to += "\\\\x";  // the array's own backslash before that of the bytea
  for (const char c : bytes) {
    to += hexadecimal[static_cast<unsigned char>(c) >> 4];
    to += hexadecimal[c & 15];
  }
}

}  // namespace

void Parameter::append(const Parameter& item) {
  if (owned_.size() > 1) owned_ += ',';
  if (item.type() == Type::null) {
    owned_ += "NULL";
  } else if (item.type() == Type::text && item.is_owned_) {
    owned_ += item.view();  // an array in an array
  } else if (item.type() == Type::text) {
    owned_ += '"';
    for (const char c : item.view()) {
      if (c == '"' || c == '\\') owned_ += '\\';
      owned_ += c;
    }
    owned_ += '"';
  } else if (item.type() == Type::bytes) {
    owned_ += '"';
    append_hexadecimal(owned_, item.view());
    owned_ += '"';
  } else {
    char number[longest_number];
    owned_.append(number, put(number, item));
  }
}

namespace internal {

namespace {

constexpr std::size_t block_size(std::size_t count, std::size_t texts) noexcept {
  return count * (sizeof(char*) + 3 * sizeof(int)) + texts;
}

}  // namespace

Parameters::~Parameters() { if (block_) eddy::internal::Pool::release(block_, size_); }

int* Parameters::numbers(int which) const noexcept {
  return reinterpret_cast<int*>(block_ + count_ * sizeof(char*)) + which * count_;
}

void Parameters::write(std::span<const Parameter> values) {
  if (values.size() > 65535) throw UsageError("more than 65535 parameters of a statement");
  std::size_t texts = 0;
  for (const Parameter& value : values) texts += room_for(value);
  size_ = block_size(values.size(), texts);
  block_ = static_cast<char*>(eddy::internal::Pool::allocate(size_));
  count_ = static_cast<int>(values.size());
  const auto pointers = reinterpret_cast<const char**>(block_);
  char* place = block_ + block_size(values.size(), 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool is_bytes = values[i].type() == Parameter::Type::bytes;
    const bool is_null = values[i].type() == Parameter::Type::null;
    const std::size_t size = put(place, values[i]);
    pointers[i] = is_null ? nullptr : place;
    numbers(0)[i] = static_cast<int>(size);
    numbers(1)[i] = is_bytes ? 1 : 0;
    numbers(2)[i] = is_bytes ? static_cast<int>(bytea_type) : 0;
    if (is_null) continue;
    place[size] = '\0';
    place += size + 1;
  }
}

const char* const* Parameters::values() const noexcept {
  return reinterpret_cast<const char* const*>(block_);
}
const int* Parameters::lengths() const noexcept { return block_ ? numbers(0) : nullptr; }
const int* Parameters::formats() const noexcept { return block_ ? numbers(1) : nullptr; }
const unsigned* Parameters::types() const noexcept {
  return block_ ? reinterpret_cast<const unsigned*>(numbers(2)) : nullptr;
}

}  // namespace internal

}  // namespace eddy::sql
