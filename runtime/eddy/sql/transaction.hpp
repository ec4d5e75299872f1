// with_transaction(connection, body): what the body does on the connection is done as a whole, or
// not at all.
//
//   co_await with_transaction(db, [&](Connection& db) -> Task<> {
//     co_await db.execute("update accounts set sum = sum - $1 where id = $2", 10, from);
//     co_await db.execute("update accounts set sum = sum + $1 where id = $2", 10, to);
//   });
//
// Commits when the body has returned, rolls back when it ended otherwise, by an exception or by a
// cancel, and passes that on. Inside of another transaction it is a savepoint of that. A body that
// caught an error of the server and returns all the same has a transaction that failed: it is
// rolled back, and with_transaction() throws Error (transaction_failed).
//
// Neither the commit nor the roll back is interrupted by a cancel. One that comes during the commit
// stays pending, and the body's value is returned. Only where the server does not answer for
// ConnectOptions::cancel_grace after a cancel the connection is closed, and the call ends: then
// nobody knows whether it was committed.
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/callable.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/with.hpp>
#include <eddy/sql/connection.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace eddy::sql {

enum class Isolation : std::uint8_t { standard, read_committed, repeatable_read, serializable };

// Trivially copyable. `standard` is what the server is configured to.
struct TransactionOptions {
  Isolation isolation = Isolation::standard;
  bool read_only = false;
  bool deferrable = false;
};

namespace internal {

// BEGIN, or a savepoint: 0, or its number from 1. What was begun though this failed is rolled back.
Task<unsigned> begin_transaction(eddy::internal::Counted<ConnectionState> state,
                                 TransactionOptions options);
// COMMIT, or RELEASE of the savepoint.
Task<> commit_transaction(eddy::internal::Counted<ConnectionState> state, unsigned savepoint);
// Ends without an exception: where the server cannot be told the connection is closed.
Task<> roll_back_transaction(eddy::internal::Counted<ConnectionState> state, unsigned savepoint);

template <class B>
concept TransactionBody = Body<B, Connection&> || Body<B>;

template <class B>
using TransactionValue = typename eddy::internal::BodyOf<B, Connection>::type;

template <class B>
Task<TransactionValue<B>> run_transaction(Connection& connection, B body,
                                          TransactionOptions options) {
  using Value = TransactionValue<B>;
  const eddy::internal::Counted<ConnectionState> state = connection.state();
  EDDY_TRY(const unsigned savepoint, begin_transaction(state, options));
  std::optional<Expected<eddy::internal::Held<Value>>> ended;
  try {
    ended.emplace(co_await as_outcome(eddy::internal::call_with(body, connection)));
  } catch (...) {  // no memory for its frame
    ended.emplace(std::unexpect, Failure::current());
  }
  auto& outcome = *ended;
  try {
    if (outcome) {
      auto committed = co_await as_outcome(commit_transaction(state, savepoint));
      if (!committed) co_await fail(std::move(committed.error()));
    } else {
      co_await roll_back_transaction(state, savepoint);
    }
  } catch (...) {  // no memory to tell the server: it learns of it this way
    state->terminate("there was no memory to end a transaction");
    throw;
  }
  if (!outcome) co_await fail(std::move(outcome.error()));
  if constexpr (!std::is_void_v<Value>) co_return std::move(*outcome);
}

}  // namespace internal

// `body` is (Connection&) -> Task<T>, or () -> Task<T>; its T is returned. The connection must stay
// until this has resumed. Throws UsageError for options where a transaction is under way.
template <class B>
  requires internal::TransactionBody<std::decay_t<B>>
auto with_transaction(Connection& connection, B&& body, TransactionOptions options = {}) {
  EDDY_CHECK_KEPT(B);
  return internal::run_transaction<std::decay_t<B>>(connection, std::forward<B>(body), options);
}

}  // namespace eddy::sql
