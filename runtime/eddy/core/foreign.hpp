// foreign(awaitable): waits for what is not eddy's: a library's or a program's own type with
// operator co_await, or with await_ready, await_suspend and await_resume.
//
//   co_await foreign(client.fetch(url));
//   co_await timeout(5s, client.fetch(url));
//
// timeout(), gather(), race(), select(), as_result(), spawn(), shield() and the like take such a
// thing as it is. A plain co_await of it in a Task is a mistake wherever it resumes the coroutine
// by itself, from a callback: a Task runs in the steps of its task alone. Where there are
// assertions, one that waits so ends the process with a message that names it.
#pragma once

#include <eddy/core/internal/foreign_await.hpp>

#include <utility>

namespace eddy {

// Resumes in the turn after the awaitable resumed what it was given, with what its await_resume()
// gives or throws; at once where it was ready, or did not suspend. It may do so within its
// await_suspend(), from a callback in a turn or outside of one, or on another thread: then by
// post(). A coroutine that it starts may await what is eddy's, as part of this task, for as long as
// nobody but this task has resumed it.
//
// Such a thing cannot be asked to stop. Cancelled before it began: it does not begin. While it
// waits: the wait goes on until it resumes, so that it may use what the caller owns; what it gives
// is returned, and the request stays pending (C13), unless it was a timeout's. A loop that closes
// waits as well: where none but a callback of the thread's own host can resume it, the host lets
// that happen before it calls close(). Not to wait so long: shield(), which leaves it running.
//
// An rvalue is moved, and lives as long as the wait; what cannot be moved has a name, and is used
// where it is. ∅
template <internal::ForeignAwaitable A>
auto foreign(A&& awaitable) {
  return internal::ForeignAwait<A>(std::forward<A>(awaitable));
}

}  // namespace eddy
