// The floor base: knows neither kernel nor coroutine.
#pragma once

#include <eddy/base/assert.hpp>          // EDDY_VERIFY, EDDY_ASSERT
#include <eddy/base/bytes.hpp>           // views of memory
#include <eddy/base/clock.hpp>           // Duration, Instant
#include <eddy/base/count.hpp>           // how many, never negative
#include <eddy/base/counted.hpp>         // a pointer to what counts its references
#include <eddy/base/description.hpp>     // names, lengths and exceptions as text
#include <eddy/base/error.hpp>           // Error, TimeoutError, Cancelled, UsageError
#include <eddy/base/failure.hpp>         // a failure that was not thrown yet; Result<T>
#include <eddy/base/intrusive.hpp>       // the linked lists
#include <eddy/base/no_broken_pipe.hpp>  // no SIGPIPE for a while
#include <eddy/base/pool.hpp>            // the only allocator
#include <eddy/base/process.hpp>         // which process this is, after fork()
#include <eddy/base/text.hpp>            // pooled, shared strings
#include <eddy/base/unique_fd.hpp>       // an owned file descriptor
