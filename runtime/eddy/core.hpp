// The floor core: one ring, one loop, tasks.
#pragma once

#include <eddy/core/as_result.hpp>        // failure as a value
#include <eddy/core/call_later.hpp>       // call_later, call_at
#include <eddy/core/callable.hpp>         // what counts as a body
#include <eddy/core/context.hpp>          // ContextVar
#include <eddy/core/fail.hpp>             // end a coroutine without an exception
#include <eddy/core/feature.hpp>          // what newer kernels have
#include <eddy/core/foreign.hpp>          // awaitables that are not eddy's
#include <eddy/core/histogram.hpp>        // how often which size was seen
#include <eddy/core/join_handle.hpp>      // a running task
#include <eddy/core/loop.hpp>             // Loop
#include <eddy/core/loop_options.hpp>     // LoopOptions, Stats
#include <eddy/core/poll_fd.hpp>          // readable, writable, poll_fd
#include <eddy/core/run_from_thread.hpp>  // run_from_thread
#include <eddy/core/sleep.hpp>            // sleep, sleep_until, yield
#include <eddy/core/spawn.hpp>            // spawn, run, this_task, all_tasks
#include <eddy/core/spawn_options.hpp>    // SpawnOptions
#include <eddy/core/task.hpp>             // Task
#include <eddy/core/ticker.hpp>           // Ticker
#include <eddy/core/try.hpp>              // EDDY_TRY, EDDY_DO
