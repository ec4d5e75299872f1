// ResultData: an answer of libpq's, which rows share. Its memory is libpq's; this is one pooled
// block beside it.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/sql/internal/field.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

struct pg_result;  // libpq's PGresult

namespace eddy::sql::internal {

class ResultData : public eddy::internal::RefCounted<ResultData>, public eddy::internal::Pooled {
 public:
  // Takes it over; null: for adopt().
  explicit ResultData(pg_result* result) noexcept : result_(result) {}
  ~ResultData();

  std::size_t rows() const noexcept;
  std::size_t columns() const noexcept;
  std::string_view name(std::size_t column) const;
  bool has(std::string_view name) const noexcept;
  std::size_t index_of(std::string_view name) const;
  Field field(std::size_t row, std::size_t column) const;
  std::string_view status() const noexcept;
  std::uint64_t affected() const noexcept;
  pg_result* get() const noexcept { return result_; }
  // REQUIRES: it has none
  void adopt(pg_result* result) noexcept { result_ = result; }

  // Throw UsageError, or Error (conversion) where there are not as many columns.
  void require_row(std::size_t row) const;
  void require_column(std::size_t column) const;
  void require_columns(std::size_t count) const;

 private:
  pg_result* result_;
};

[[noreturn]] void throw_no_rows();

}  // namespace eddy::sql::internal
