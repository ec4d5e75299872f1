#include <eddy/sql/error.hpp>

#include <cctype>
#include <utility>

namespace eddy::sql {
namespace {

constexpr std::size_t shown_statement = 72;  // bytes of it in a message

// In one line, and not too long.
std::string shortened(std::string_view statement) {
  std::string text;
  for (const char c : statement) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (blank && (text.empty() || text.back() == ' ')) continue;
    text += blank ? ' ' : c;
    if (text.size() == shown_statement) break;
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  while (text.size() >= shown_statement - 3 && (text.back() & 0x80)) text.pop_back();  // UTF-8
  if (text.size() >= shown_statement - 3) text += "...";
  return text;
}

std::string message_with_state(const ErrorFields& fields) {
  std::string text = fields.message;
  if (!fields.sqlstate.empty()) text.append(" (").append(fields.sqlstate) += ')';
  return text;
}

ErrorFields only_message(std::string_view message) {
  ErrorFields fields;
  fields.message = message;
  return fields;
}

class SqlCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "sql"; }
  std::string message(int code) const override {
    switch (static_cast<ErrorKind>(code)) {
      case ErrorKind::connect_failed: return "no connection";
      case ErrorKind::connection_lost: return "connection lost";
      case ErrorKind::serialization_failure: return "serialization failure";
      case ErrorKind::deadlock: return "deadlock";
      case ErrorKind::unique_violation: return "unique violation";
      case ErrorKind::foreign_key_violation: return "foreign key violation";
      case ErrorKind::not_null_violation: return "not-null violation";
      case ErrorKind::check_violation: return "check violation";
      case ErrorKind::exclusion_violation: return "exclusion violation";
      case ErrorKind::lock_not_available: return "lock not available";
      case ErrorKind::statement_cancelled: return "statement cancelled";
      case ErrorKind::transaction_failed: return "transaction failed";
      case ErrorKind::syntax_error: return "syntax error";
      case ErrorKind::undefined: return "undefined name";
      case ErrorKind::permission_denied: return "permission denied";
      case ErrorKind::out_of_resources: return "server out of resources";
      case ErrorKind::no_rows: return "no rows";
      case ErrorKind::too_many_rows: return "too many rows";
      case ErrorKind::conversion: return "conversion";
      case ErrorKind::other: break;
    }
    return "error of the server";
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (static_cast<ErrorKind>(code)) {
      case ErrorKind::connect_failed: return std::errc::connection_refused;
      case ErrorKind::connection_lost: return std::errc::connection_reset;
      case ErrorKind::statement_cancelled: return std::errc::operation_canceled;
      default: return {code, *this};
    }
  }
};

}  // namespace

const std::error_category& category() noexcept {
  static const SqlCategory only;
  return only;
}

Error::Error(ErrorKind kind, std::string_view operation, std::string_view subject,
             ErrorFields fields)
    : eddy::Error({static_cast<int>(kind), category()}, operation, shortened(subject),
                  message_with_state(fields)),
      fields_(std::make_shared<const ErrorFields>(std::move(fields))) {}

Error::Error(ErrorKind kind, std::string_view operation, std::string_view subject,
             std::string_view message)
    : Error(kind, operation, subject, only_message(message)) {}

ErrorKind kind_of(std::string_view state) noexcept {
  struct Known {
    std::string_view state;
    ErrorKind kind;
  };
  static constexpr Known known[] = {
      {"40001", ErrorKind::serialization_failure}, {"40P01", ErrorKind::deadlock},
      {"23505", ErrorKind::unique_violation},      {"23503", ErrorKind::foreign_key_violation},
      {"23502", ErrorKind::not_null_violation},    {"23514", ErrorKind::check_violation},
      {"23P01", ErrorKind::exclusion_violation},   {"55P03", ErrorKind::lock_not_available},
      {"57014", ErrorKind::statement_cancelled},   {"25P02", ErrorKind::transaction_failed},
      {"42601", ErrorKind::syntax_error},          {"42P01", ErrorKind::undefined},
      {"42703", ErrorKind::undefined},             {"42883", ErrorKind::undefined},
      {"42704", ErrorKind::undefined},             {"42501", ErrorKind::permission_denied},
      {"57P01", ErrorKind::connection_lost},       {"57P02", ErrorKind::connection_lost},
      {"57P03", ErrorKind::connection_lost},       {"57P05", ErrorKind::connection_lost},
      {"25P03", ErrorKind::connection_lost},
  };
  for (const Known& each : known) {
    if (each.state == state) return each.kind;
  }
  // 08P01, a protocol violation, is what a wrong number of parameters is: the connection is well.
  if (state.starts_with("08") && state != "08P01") return ErrorKind::connection_lost;
  if (state.starts_with("53")) return ErrorKind::out_of_resources;
  return ErrorKind::other;
}

}  // namespace eddy::sql
