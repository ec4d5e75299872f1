// sql::Error: what the server, or the way to it, has answered in place of a result.
//
//   insert into users values ($1, $2): duplicate key value violates unique constraint "users_pkey"
//   (23505)
//
// kind() is what a retry asks: a serialization failure and a deadlock are worth the whole
// transaction once more, a lost connection a new one. sqlstate() is the five letters of the
// manual's appendix A, empty where eddy found the error itself.
#pragma once

#include <eddy/base/error.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace eddy::sql {

enum class ErrorKind : std::uint8_t {
  other = 1,
  connect_failed,         // no connection was made: refused, password, no such database
  connection_lost,        // it broke, or was closed: whether the statement was done nobody knows
  serialization_failure,  // 40001: the transaction, again
  deadlock,               // 40P01: the same
  unique_violation,       // 23505
  foreign_key_violation,  // 23503
  not_null_violation,     // 23502
  check_violation,        // 23514
  exclusion_violation,    // 23P01
  lock_not_available,     // 55P03: NOWAIT, lock_timeout
  statement_cancelled,    // 57014: statement_timeout, or somebody's pg_cancel_backend()
  transaction_failed,     // 25P02: an earlier error ended the transaction
  syntax_error,           // 42601
  undefined,              // 42P01, 42703, 42883: no such table, column, function
  permission_denied,      // 42501
  out_of_resources,       // 53...: too many connections, disk full
  no_rows,                // one was asked for
  too_many_rows,          // one was asked for
  conversion,             // a value is not of the type that was asked for
};

// For retry policies: the same transaction may succeed when it is run again.
constexpr bool worth_a_retry(ErrorKind kind) noexcept {
  return kind == ErrorKind::serialization_failure || kind == ErrorKind::deadlock;
}

// What the server said beside the message; each may be empty.
struct ErrorFields {
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
  std::string schema;
  std::string table;
  std::string column;
  std::string constraint;
  int position = 0;  // in the statement, in characters from 1; 0: not known
};

// Of ErrorKind. connection_lost compares equal to std::errc::connection_reset, connect_failed to
// std::errc::connection_refused, statement_cancelled to std::errc::operation_canceled.
const std::error_category& category() noexcept;

class Error : public eddy::Error {
 public:
  // `subject` is the statement, of which the message has the beginning.
  Error(ErrorKind kind, std::string_view operation, std::string_view subject, ErrorFields fields);
  Error(ErrorKind kind, std::string_view operation, std::string_view subject,
        std::string_view message);

  ErrorKind kind() const noexcept { return static_cast<ErrorKind>(code().value()); }
  const std::string& sqlstate() const noexcept { return fields_->sqlstate; }
  const std::string& message() const noexcept { return fields_->message; }
  const std::string& detail() const noexcept { return fields_->detail; }
  const std::string& hint() const noexcept { return fields_->hint; }
  const std::string& constraint() const noexcept { return fields_->constraint; }
  const ErrorFields& fields() const noexcept { return *fields_; }

 private:
  std::shared_ptr<const ErrorFields> fields_;  // an exception is copied without a throw
};

// The kind of a SQLSTATE.
ErrorKind kind_of(std::string_view sqlstate) noexcept;

}  // namespace eddy::sql
