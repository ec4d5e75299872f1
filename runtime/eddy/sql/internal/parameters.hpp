// Parameters: the values of one call, written out in one pooled block as libpq takes them.
#pragma once

#include <eddy/base/internal/standard.hpp>
#include <eddy/sql/parameter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace eddy::sql::internal {

class Parameters {
 public:
  Parameters() noexcept = default;
  template <class... Args>
    requires(sizeof...(Args) > 0)
  explicit Parameters(const Args&... args) {
    static_assert((std::convertible_to<const Args&, Parameter> && ...),
                  "a value that is no parameter of a statement: see eddy/sql/parameter.hpp; what "
                  "is of no type that stands there is given as text, or as a number");
    const std::array<Parameter, sizeof...(Args)> values{Parameter(args)...};
    write(values);
  }
  Parameters(Parameters&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        count_(std::exchange(other.count_, 0)) {}
  Parameters& operator=(Parameters&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Parameters();

  int count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return size_; }
  // As PQsendQueryPrepared wants them; null where there are none.
  const char* const* values() const noexcept;
  const int* lengths() const noexcept;
  const int* formats() const noexcept;
  const unsigned* types() const noexcept;  // of PQsendPrepare: 0, or that of bytea

 private:
  // The pointers, then the three numbers of each, then the texts.
  void write(std::span<const Parameter> values);
  int* numbers(int which) const noexcept;

  char* block_ = nullptr;
  std::size_t size_ = 0;
  int count_ = 0;
};

}  // namespace eddy::sql::internal
