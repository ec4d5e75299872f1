// The floor kit: ready-made parts.
#pragma once

#include <eddy/kit/argv.hpp>                  // a program and its arguments, as they are written
#include <eddy/kit/batches.hpp>               // items in groups
#include <eddy/kit/bulk.hpp>                  // many calls, so many at a time
#include <eddy/kit/circuit_breaker.hpp>       // spares who fails
#include <eddy/kit/connect.hpp>               // connect to a host
#include <eddy/kit/exit_status.hpp>           // how a child ended
#include <eddy/kit/gather_with_progress.hpp>  // gather() that tells how many are done
#include <eddy/kit/inspect.hpp>               // the tasks of a loop, and what they wait for
#include <eddy/kit/pool_options.hpp>          // of a Pool
#include <eddy/kit/process.hpp>               // child processes
#include <eddy/kit/process_options.hpp>       // what they are given
#include <eddy/kit/progress.hpp>              // a bar on a terminal
#include <eddy/kit/rate_limiter.hpp>          // so many in a time
#include <eddy/kit/resolve.hpp>               // names of hosts
#include <eddy/kit/resource_pool.hpp>         // what is dear to make, lent and given back
#include <eddy/kit/retry.hpp>                 // again, until it succeeds
#include <eddy/kit/retry_policy.hpp>          // what is worth that, and how often
#include <eddy/kit/retry_state.hpp>           // what it tells of itself
#include <eddy/kit/retry_stop.hpp>            // when it stops
#include <eddy/kit/retry_wait.hpp>            // how long it waits in between
#include <eddy/kit/serve.hpp>                 // a task for each connection
#include <eddy/kit/watchdog.hpp>              // who holds the loop
