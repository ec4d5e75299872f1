// sql::Pool: connections to one server, lent one task at a time.
//
//   sql::Pool pool("host=/run/postgresql dbname=app");
//   auto db = co_await pool.acquire();                      // given back where the guard dies
//   co_await db->execute("insert into log values ($1)", 1);
//   co_await pool.with_transaction([&](Connection& db) -> Task<> { ... });
//
// At most `size` + `overflow` at once; who comes then waits, `acquire_timeout` at most, in order.
// What is given back is reset in a task of its own, which a cancel of the borrower does not reach:
// a transaction that was left open is rolled back. A connection that is lost, or of which the reset
// fails or takes too long, is closed and its place is free. One that was idle for `check_after` is
// asked whether it lives before it is lent.
#pragma once

#include <eddy/flow/timeout.hpp>
#include <eddy/kit/resource_pool.hpp>
#include <eddy/sql/connection.hpp>
#include <eddy/sql/transaction.hpp>

#include <chrono>
#include <source_location>
#include <string>
#include <utility>

namespace eddy::sql {

// Trivially copyable.
struct PoolOptions {
  eddy::internal::Count size = 5;      // so many are kept
  eddy::internal::Count overflow = 10;  // so many more while all are lent
  eddy::internal::Count min = 0;       // kept however long they are idle; made by fill()
  eddy::internal::Count waiting = 0;   // who waits at once; one more is refused (EAGAIN). 0: any
  eddy::internal::Count max_uses = 0;  // given back so often it is closed. 0: any number
  AnyDuration acquire_timeout = std::chrono::seconds(30);
  AnyDuration max_age = std::chrono::minutes(30);
  AnyDuration max_idle = std::chrono::minutes(10);
  AnyDuration check_after = std::chrono::milliseconds(500);
  AnyDuration reset_limit = std::chrono::seconds(10);
  ConnectOptions connect{};
};

class Pool {
 public:
  using Guard = eddy::Pool<Connection>::Guard;

  // Connects nothing yet.
  explicit Pool(std::string conninfo, PoolOptions options = {});

  // As eddy::Pool's, with a limit, or with the pool's. Throws TimeoutError, what connect() throws,
  // and UsageError once it is closed.
  auto acquire(AnyDuration limit) {
    return timeout(limit, pool_.acquire(std::source_location::current()));
  }
  auto acquire() { return acquire(options_.acquire_timeout); }

  // with_transaction() on a connection that is lent for as long. The pool must stay until this has
  // resumed.
  template <class B>
    requires internal::TransactionBody<std::decay_t<B>>
  auto with_transaction(B&& body, TransactionOptions options = {}) {
    EDDY_CHECK_KEPT(B);
    return transaction_on<std::decay_t<B>>(*this, std::forward<B>(body), options);
  }

  // Connects until there are `min`.
  Task<> fill() { return pool_.fill(); }
  // As eddy::Pool's: close() waits for what is lent, terminate() does not.
  Task<> close() { return pool_.close(); }
  void terminate() noexcept { pool_.terminate(); }
  PoolStats stats() const noexcept { return pool_.stats(); }

 private:
  template <class B>
  static Task<internal::TransactionValue<B>> transaction_on(Pool& pool, B body,
                                                            TransactionOptions options) {
    EDDY_TRY(Guard connection, pool.acquire());
    if constexpr (std::is_void_v<internal::TransactionValue<B>>) {
      EDDY_DO(internal::run_transaction<B&>(*connection, body, options));
    } else {
      EDDY_TRY(auto value, internal::run_transaction<B&>(*connection, body, options));
      co_return value;
    }
  }

  PoolOptions options_;
  eddy::Pool<Connection> pool_;
};

}  // namespace eddy::sql
