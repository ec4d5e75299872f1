// Everything of eddy, by floor. Each header can be included alone.
#pragma once

// base: knows neither kernel nor coroutine
#include <eddy/base/assert.hpp>     // EDDY_VERIFY, EDDY_ASSERT
#include <eddy/base/bytes.hpp>      // views of memory
#include <eddy/base/clock.hpp>      // Duration, Instant
#include <eddy/base/error.hpp>      // Error, TimeoutError, Cancelled, UsageError
#include <eddy/base/failure.hpp>    // a failure that was not thrown yet; Result<T>
#include <eddy/base/intrusive.hpp>  // the linked lists
#include <eddy/base/pool.hpp>       // the only allocator
#include <eddy/base/text.hpp>       // pooled, shared strings
#include <eddy/base/unique_fd.hpp>  // an owned file descriptor

// core: one ring, one loop, tasks
#include <eddy/core/as_result.hpp>     // failure as a value
#include <eddy/core/callable.hpp>      // what counts as a body
#include <eddy/core/context.hpp>       // ContextVar
#include <eddy/core/join_handle.hpp>   // a running task
#include <eddy/core/loop.hpp>          // Loop
#include <eddy/core/loop_options.hpp>  // LoopOptions, Stats
#include <eddy/core/operation.hpp>     // one request to the kernel as an awaitable
#include <eddy/core/sleep.hpp>         // sleep, sleep_until, yield
#include <eddy/core/spawn.hpp>         // spawn, run, this_task, all_tasks, run_from_thread
#include <eddy/core/task.hpp>          // Task

// sync: waiting for each other
#include <eddy/sync/lock.hpp>  // Lock

// flow: composing tasks
#include <eddy/flow/shield.hpp>       // shield
#include <eddy/flow/timeout.hpp>      // timeout, timeout_at, wait_for
#include <eddy/flow/try_finally.hpp>  // try_finally
