#include <eddy/base/internal/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace eddy::internal {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "eddy: broken invariant at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace eddy::internal
