#include <eddy/sql/internal/result_data.hpp>

#include <eddy/base/error.hpp>
#include <eddy/sql/error.hpp>

#include <libpq-fe.h>

#include <charconv>
#include <cstring>
#include <string>

namespace eddy::sql::internal {

ResultData::~ResultData() { ::PQclear(result_); }

std::size_t ResultData::rows() const noexcept {
  return static_cast<std::size_t>(::PQntuples(result_));
}
std::size_t ResultData::columns() const noexcept {
  return static_cast<std::size_t>(::PQnfields(result_));
}
std::string_view ResultData::name(std::size_t column) const {
  require_column(column);
  return ::PQfname(result_, static_cast<int>(column));
}

// PQfnumber() folds letters to small ones.
bool ResultData::has(std::string_view name) const noexcept {
  for (int i = 0; i < ::PQnfields(result_); ++i) {
    if (name == ::PQfname(result_, i)) return true;
  }
  return false;
}
std::size_t ResultData::index_of(std::string_view name) const {
  std::string all;
  for (int i = 0; i < ::PQnfields(result_); ++i) {
    if (name == ::PQfname(result_, i)) return static_cast<std::size_t>(i);
  }
  for (int i = 0; i < ::PQnfields(result_); ++i) {
    all.append(i ? ", " : "").append(::PQfname(result_, i));
  }
  throw UsageError("no column '" + std::string(name) + "' in a row of " +
                   (all.empty() ? "none" : all));
}

Field ResultData::field(std::size_t row, std::size_t column) const {
  require_column(column);
  const int at = static_cast<int>(column);
  const int in = static_cast<int>(row);
  std::optional<std::string_view> text;
  if (!::PQgetisnull(result_, in, at)) {
    text = std::string_view(::PQgetvalue(result_, in, at),
                            static_cast<std::size_t>(::PQgetlength(result_, in, at)));
  }
  return Field(::PQfname(result_, at), text);
}

std::string_view ResultData::status() const noexcept { return ::PQcmdStatus(result_); }
std::uint64_t ResultData::affected() const noexcept {
  const std::string_view text = ::PQcmdTuples(result_);
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

void ResultData::require_row(std::size_t row) const {
  if (row < rows()) return;
  throw UsageError("row " + std::to_string(row) + " of " + std::to_string(rows()));
}
void ResultData::require_column(std::size_t column) const {
  if (column < columns()) return;
  throw UsageError("column " + std::to_string(column) + " of a row of " +
                   std::to_string(columns()));
}
void ResultData::require_columns(std::size_t count) const {
  if (count == columns()) return;
  throw Error(ErrorKind::conversion, "read row", {},
              std::to_string(columns()) + " columns for " + std::to_string(count) + " values");
}

void throw_no_rows() { throw UsageError("a Rows without an answer"); }

}  // namespace eddy::sql::internal
