// The floor core: one ring, one loop, tasks.
#pragma once

#include <eddy/core/as_result.hpp>     // failure as a value
#include <eddy/core/callable.hpp>      // what counts as a body
#include <eddy/core/completion.hpp>    // requests that go to a function
#include <eddy/core/context.hpp>       // ContextVar
#include <eddy/core/forwarder.hpp>     // a waiter that asks others to stop
#include <eddy/core/io_uring.hpp>      // io_uring as a kernel
#include <eddy/core/join_handle.hpp>   // a running task
#include <eddy/core/kernel.hpp>        // who carries out the requests of a ring
#include <eddy/core/loop.hpp>          // Loop
#include <eddy/core/loop_options.hpp>  // LoopOptions, Stats
#include <eddy/core/misuse.hpp>        // what is thrown where a task is used wrongly
#include <eddy/core/operation.hpp>     // one request to the kernel as an awaitable
#include <eddy/core/post.hpp>          // what other threads hand to the loop
#include <eddy/core/promise.hpp>       // what every coroutine has in its frame
#include <eddy/core/ready.hpp>         // something to run in the next turn
#include <eddy/core/registered.hpp>    // registered files and buffers
#include <eddy/core/request.hpp>       // an operation in the kernel's words
#include <eddy/core/ring.hpp>          // a loop's side of the queues
#include <eddy/core/ring_workers.hpp>  // the kernel's threads for it
#include <eddy/core/sleep.hpp>         // sleep, sleep_until, yield
#include <eddy/core/spawn.hpp>         // spawn, run, this_task, all_tasks, run_from_thread
#include <eddy/core/task.hpp>          // Task
#include <eddy/core/task_state.hpp>    // a running task, apart from its frame
#include <eddy/core/thread_state.hpp>  // what runs on this thread
#include <eddy/core/time_namespace.hpp>  // whose clocks these are
#include <eddy/core/timers.hpp>        // deadlines in order
#include <eddy/core/try.hpp>           // EDDY_TRY, EDDY_DO
#include <eddy/core/waiter.hpp>        // what a task is parked on
