// The floor work: threads and processes.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <eddy/work/cpus.hpp>             // available_cpus
#include <eddy/work/run_in_executor.hpp>  // ... as a task
#include <eddy/work/thread_call.hpp>      // what both return
#include <eddy/work/thread_pool.hpp>      // ThreadPool, cpu_pool
#include <eddy/work/to_thread.hpp>        // a function that blocks, beside the loop
#include <eddy/work/worker_processes.hpp>  // functions that may crash
