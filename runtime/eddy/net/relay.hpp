// relay(from, to): what one stream brings, sent on another, without a copy in user memory.
//
//   const std::uint64_t count = co_await relay(client, server);
//   server.shutdown_write();
//
// The bytes go through a pipe of the loop's by splice(2), which never waits; what waits is a poll
// on the ring, and holds no memory and no pipe while nothing is on its way.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/net/stream.hpp>

#include <cstdint>

namespace eddy {

// Moves bytes from `from` to `to` until the first ends; how many. What `from` has read ahead goes
// first. To tell the peer of `to` that nothing more comes is the caller's: shutdown_write(). The
// two may be one stream, which then gives back what it is sent.
//
// It is the reader of `from` and the writer of `to` for as long as it runs: a second one throws
// UsageError. The streams may be moved, closed and dropped meanwhile, which ends it with ECANCELED.
// Throws Error with the address of the peer that failed, the verb says which: "read" or "write"
// (EPIPE too; no SIGPIPE). Cancelled, or failed: what was taken from `from` and not given to `to`
// comes first in the next read of `from`. No byte is lost.
Task<std::uint64_t> relay(Stream& from, Stream& to);

}  // namespace eddy
