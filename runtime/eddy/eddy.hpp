// Everything of eddy, by floor. Each header can be included alone.
#pragma once

// base: knows neither kernel nor coroutine
#include <eddy/base/assert.hpp>          // EDDY_VERIFY, EDDY_ASSERT
#include <eddy/base/bytes.hpp>           // views of memory
#include <eddy/base/clock.hpp>           // Duration, Instant
#include <eddy/base/count.hpp>           // how many, never negative
#include <eddy/base/counted.hpp>         // a pointer to what counts its references
#include <eddy/base/error.hpp>           // Error, TimeoutError, Cancelled, UsageError
#include <eddy/base/failure.hpp>         // a failure that was not thrown yet; Result<T>
#include <eddy/base/intrusive.hpp>       // the linked lists
#include <eddy/base/no_broken_pipe.hpp>  // no SIGPIPE for a while
#include <eddy/base/pool.hpp>            // the only allocator
#include <eddy/base/process.hpp>         // which process this is, after fork()
#include <eddy/base/text.hpp>            // pooled, shared strings
#include <eddy/base/unique_fd.hpp>       // an owned file descriptor

// core: one ring, one loop, tasks
#include <eddy/core/as_result.hpp>     // failure as a value
#include <eddy/core/callable.hpp>      // what counts as a body
#include <eddy/core/completion.hpp>    // requests that go to a function
#include <eddy/core/context.hpp>       // ContextVar
#include <eddy/core/forwarder.hpp>     // a waiter that asks others to stop
#include <eddy/core/join_handle.hpp>   // a running task
#include <eddy/core/loop.hpp>          // Loop
#include <eddy/core/loop_options.hpp>  // LoopOptions, Stats
#include <eddy/core/operation.hpp>     // one request to the kernel as an awaitable
#include <eddy/core/post.hpp>          // what other threads hand to the loop
#include <eddy/core/promise.hpp>       // what every coroutine has in its frame
#include <eddy/core/ready.hpp>         // something to run in the next turn
#include <eddy/core/registered.hpp>    // registered files and buffers
#include <eddy/core/request.hpp>       // an operation in the kernel's words
#include <eddy/core/ring.hpp>          // the io_uring of one loop
#include <eddy/core/sleep.hpp>         // sleep, sleep_until, yield
#include <eddy/core/spawn.hpp>         // spawn, run, this_task, all_tasks, run_from_thread
#include <eddy/core/task.hpp>          // Task
#include <eddy/core/task_state.hpp>    // a running task, apart from its frame
#include <eddy/core/thread_state.hpp>  // what runs on this thread
#include <eddy/core/timers.hpp>        // deadlines in order
#include <eddy/core/try.hpp>           // EDDY_TRY, EDDY_DO
#include <eddy/core/waiter.hpp>        // what a task is parked on

// sync: waiting for each other
#include <eddy/sync/barrier.hpp>      // Barrier
#include <eddy/sync/condition.hpp>    // Condition
#include <eddy/sync/event.hpp>        // Event
#include <eddy/sync/lock.hpp>         // Lock
#include <eddy/sync/queue.hpp>        // Queue, PriorityQueue, LifoQueue
#include <eddy/sync/queue_items.hpp>  // the orders in which they give their items
#include <eddy/sync/rw_lock.hpp>      // RwLock
#include <eddy/sync/semaphore.hpp>    // Semaphore, BoundedSemaphore
#include <eddy/sync/wait_list.hpp>    // who waits for a primitive

// flow: composing tasks
#include <eddy/flow/completions.hpp>        // the ends of several tasks, in order
#include <eddy/flow/context_generator.hpp>  // a generator that yields once, for with()
#include <eddy/flow/exception_group.hpp>    // ExceptionGroup
#include <eddy/flow/exit_stack.hpp>         // ExitStack
#include <eddy/flow/gather.hpp>             // gather, gather_settled
#include <eddy/flow/generator.hpp>          // Generator
#include <eddy/flow/generators.hpp>         // transform, filter, take, collect, for_each
#include <eddy/flow/outcome.hpp>            // Outcome
#include <eddy/flow/race.hpp>               // race, first_ok
#include <eddy/flow/resource.hpp>           // what with() can enter and leave
#include <eddy/flow/same_loop.hpp>          // no task of another loop
#include <eddy/flow/shield.hpp>             // shield
#include <eddy/flow/staggered_race.hpp>     // one more every so often, until one succeeds
#include <eddy/flow/task_group.hpp>         // task_group
#include <eddy/flow/timeout.hpp>            // timeout, timeout_at, wait_for
#include <eddy/flow/try_finally.hpp>        // try_finally
#include <eddy/flow/wait.hpp>               // wait, as_completed
#include <eddy/flow/with.hpp>               // with, closing

// bytes: bytes over anything
#include <eddy/bytes/delimiters.hpp>      // what ends a piece of a stream
#include <eddy/bytes/end_of_file.hpp>     // EndOfFile
#include <eddy/bytes/limit_exceeded.hpp>  // LimitExceeded
#include <eddy/bytes/read_ahead.hpp>      // bytes that were not taken yet
#include <eddy/bytes/read_verbs.hpp>      // lines and the like, over anything
#include <eddy/bytes/reader.hpp>          // buffered reading of anything
#include <eddy/bytes/writer.hpp>          // buffered writing to anything

// work: threads
#include <eddy/work/blocking_calls.hpp>  // threads for what only blocks

// file: the file system
#include <eddy/file/file.hpp>               // open, File
#include <eddy/file/file_call.hpp>          // inline or on the ring
#include <eddy/file/file_mode.hpp>          // "r+" and the like
#include <eddy/file/file_stat.hpp>          // size, times, permissions
#include <eddy/file/file_state.hpp>         // what is behind a File
#include <eddy/file/fs.hpp>                 // stat, rename, mkdir, copyfile ...
#include <eddy/file/path.hpp>               // names for the kernel
#include <eddy/file/read_call.hpp>          // from the cache, or on the ring
#include <eddy/file/registered_buffer.hpp>  // memory that the kernel keeps pinned
#include <eddy/file/stoppable.hpp>          // ends when its File goes
#include <eddy/file/storage.hpp>            // which of the two, by mount
#include <eddy/file/whole_file.hpp>         // read_text, write_atomic ...

// net: peers
#include <eddy/net/address.hpp>          // where a socket is
#include <eddy/net/datagram.hpp>         // what a socket of datagrams sends and receives
#include <eddy/net/datagram_socket.hpp>  // what those of UDP and UNIX share
#include <eddy/net/listener.hpp>         // listen, accept
#include <eddy/net/receive.hpp>          // what a stream reads
#include <eddy/net/receive_buffers.hpp>  // memory that the kernel takes when bytes come
#include <eddy/net/relay.hpp>            // from one stream to another
#include <eddy/net/relay_pipes.hpp>      // what the bytes go through
#include <eddy/net/relay_wait.hpp>       // which of two sockets ends a wait
#include <eddy/net/send.hpp>             // what a stream writes
#include <eddy/net/socket.hpp>           // options, addresses
#include <eddy/net/socket_state.hpp>     // what is behind a stream
#include <eddy/net/stream.hpp>           // bytes to and from a peer, connect
#include <eddy/net/udp_socket.hpp>       // datagrams over UDP
#include <eddy/net/unix_datagram.hpp>    // datagrams of this machine, and descriptors with them

// kit: ready-made parts
#include <eddy/kit/connect.hpp>  // connect to a host
#include <eddy/kit/resolve.hpp>  // names of hosts
#include <eddy/kit/serve.hpp>    // a task for each connection
