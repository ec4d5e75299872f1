// Three kinds of checks, by whose fault a failure is.
//
//   EDDY_VERIFY   always on: going on would corrupt memory that the kernel or a frame still uses
//   EDDY_ASSERT   our fault; off in release builds (NDEBUG)
//
// A caller's mistake is neither: it throws UsageError or InvalidState (base/error.hpp).
#pragma once

#include <eddy/base/internal/standard.hpp>

namespace eddy::internal {

// Prints the broken invariant and aborts. Never returns.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace eddy::internal

#define EDDY_VERIFY(condition) \
  ((condition) ? static_cast<void>(0) \
               : ::eddy::internal::assertion_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define EDDY_ASSERT(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#else
#define EDDY_ASSERT(condition) EDDY_VERIFY(condition)
#endif
