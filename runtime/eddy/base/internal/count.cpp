#include <eddy/base/error.hpp>
#include <eddy/base/internal/count.hpp>

namespace eddy::internal {

void Count::refuse(std::ptrdiff_t count) {
  throw UsageError("a count of " + std::to_string(count) + ": it cannot be negative");
}

}  // namespace eddy::internal
