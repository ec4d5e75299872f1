// The floor base: knows neither kernel nor coroutine.
#pragma once

#include <eddy/base/bytes.hpp>           // views of memory
#include <eddy/base/clock.hpp>           // Duration, Instant
#include <eddy/base/description.hpp>     // exceptions, lengths and places in words
#include <eddy/base/error.hpp>           // Error, TimeoutError, Cancelled, UsageError
#include <eddy/base/failure.hpp>         // a failure that was not thrown yet; Result<T>
#include <eddy/base/text.hpp>            // pooled, shared strings
#include <eddy/base/unique_fd.hpp>       // an owned file descriptor
