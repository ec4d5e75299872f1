// Refuses an older standard in one line: it comes before all that would fail for want of it.
#pragma once

// A file that is not there ends the compilation; after an #error it would go on for hundreds more.
#if __cplusplus < 202100L || !__has_include(<expected>)
#include "eddy needs C++23: compile with -std=c++23, GCC 12 or clang 19"
#endif
