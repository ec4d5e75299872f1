// The floor flow: composing tasks.
#pragma once

#include <eddy/flow/context_generator.hpp>  // a generator that yields once, for with()
#include <eddy/flow/exception_group.hpp>    // ExceptionGroup
#include <eddy/flow/exit_stack.hpp>         // ExitStack
#include <eddy/flow/gather.hpp>             // gather, gather_settled
#include <eddy/flow/generator.hpp>          // Generator
#include <eddy/flow/generators.hpp>         // transform, filter, take, collect, for_each
#include <eddy/flow/move_on.hpp>            // move_on_after, move_on_at
#include <eddy/flow/outcome.hpp>            // Outcome
#include <eddy/flow/race.hpp>               // race, first_ok
#include <eddy/flow/resource.hpp>           // what with() can enter and leave
#include <eddy/flow/select.hpp>             // the first of several, whatever each gives
#include <eddy/flow/shield.hpp>             // shield
#include <eddy/flow/staggered_race.hpp>     // one more every so often, until one succeeds
#include <eddy/flow/task_group.hpp>         // task_group, supervisor
#include <eddy/flow/timeout.hpp>            // timeout, timeout_at, wait_for
#include <eddy/flow/try_finally.hpp>        // try_finally
#include <eddy/flow/wait.hpp>               // wait, as_completed
#include <eddy/flow/with.hpp>               // with, closing
#include <eddy/flow/with_token.hpp>         // with_token, move_on_when
