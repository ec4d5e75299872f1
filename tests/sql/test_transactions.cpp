// Transactions are done as a whole or not at all, and a pool's connections come back as they were.
#include "sql/on_postgres.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using sql::Connection;
using sql::ErrorKind;
using sql::Isolation;
using sql::with_transaction;
using test::error_of;
using test::on_connection;
using test::on_postgres;
using test::Postgres;

const std::string& there() { return Postgres::shared().by_socket(); }

// A table that every connection sees, with one number in it, gone at the end.
class Table {
 public:
  Table() { test::ask_plainly("create table numbers (n int unique)"); }
  ~Table() { test::ask_plainly("drop table numbers"); }
  static std::string all() {
    return test::ask_plainly("select string_agg(n::text, ',' order by n) from numbers");
  }
};

Task<> insert(Connection& connection, int number) {
  co_await connection.execute("insert into numbers values ($1)", number);
}

struct Enough {};

TEST(SqlTransaction, CommitsWhenItsBodyHasReturned) {
  Table table;
  on_connection([](Connection& connection) -> Task<> {
    const int value = co_await with_transaction(connection, [&](Connection& same) -> Task<int> {
      EXPECT_EQ(&same, &connection);
      EXPECT_TRUE(connection.in_transaction());
      co_await insert(same, 1);
      co_await insert(same, 2);
      EXPECT_EQ(Table::all(), "") << "nobody else sees it yet";
      co_return 7;
    });
    EXPECT_EQ(value, 7);
    EXPECT_EQ(Table::all(), "1,2");
    EXPECT_FALSE(connection.in_transaction());
    co_await with_transaction(connection, [&]() -> Task<> { co_return; });
  });
}

TEST(SqlTransaction, IsRolledBackByAnyException) {
  Table table;
  on_connection([](Connection& connection) -> Task<> {
    bool thrown = false;
    try {
      co_await with_transaction(connection, [&]() -> Task<> {
        co_await insert(connection, 1);
        throw Enough();
      });
    } catch (const Enough&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_FALSE(connection.in_transaction());
    const sql::Error error = co_await error_of(with_transaction(connection, [&]() -> Task<> {
      co_await insert(connection, 1);
      co_await insert(connection, 1);
    }));
    EXPECT_EQ(error.kind(), ErrorKind::unique_violation);
    // One that was caught has failed all the same.
    const sql::Error caught = co_await error_of(with_transaction(connection, [&]() -> Task<> {
      co_await insert(connection, 1);
      static_cast<void>(co_await as_outcome(insert(connection, 1)));
    }));
    EXPECT_EQ(caught.kind(), ErrorKind::transaction_failed);
    EXPECT_EQ(Table::all(), "");
    EXPECT_FALSE(connection.in_transaction());
    co_await insert(connection, 5);
    EXPECT_EQ(Table::all(), "5");
  });
}

TEST(SqlTransaction, NestedIsASavepoint) {
  Table table;
  on_connection([](Connection& connection) -> Task<> {
    co_await with_transaction(connection, [&]() -> Task<> {
      co_await insert(connection, 1);
      co_await with_transaction(connection, [&]() -> Task<> { co_await insert(connection, 2); });
      const sql::Error error = co_await error_of(with_transaction(connection, [&]() -> Task<> {
        co_await insert(connection, 3);
        co_await with_transaction(connection, [&]() -> Task<> { co_await insert(connection, 4); });
        co_await insert(connection, 1);
      }));
      EXPECT_EQ(error.kind(), ErrorKind::unique_violation);
      co_await insert(connection, 6);
    });
    EXPECT_EQ(Table::all(), "1,2,6");
    int refused = 0;
    try {
      co_await with_transaction(connection, [&]() -> Task<> {
        co_await with_transaction(connection, [&]() -> Task<> { co_return; },
                                  {.isolation = Isolation::serializable});
      });
    } catch (const UsageError&) {
      ++refused;
    }
    EXPECT_EQ(refused, 1);
  });
}

TEST(SqlTransaction, HasTheIsolationThatWasAskedFor) {
  Table table;
  on_connection([](Connection& connection) -> Task<> {
    const auto isolation_of = [&](sql::TransactionOptions options) {
      return with_transaction(
          connection,
          [&]() { return connection.fetch_value<std::string>("show transaction_isolation"); },
          options);
    };
    std::string isolation = co_await isolation_of({});
    EXPECT_EQ(isolation, "read committed");
    isolation = co_await isolation_of({.isolation = Isolation::repeatable_read});
    EXPECT_EQ(isolation, "repeatable read");
    isolation = co_await isolation_of({.isolation = Isolation::serializable});
    EXPECT_EQ(isolation, "serializable");
    const sql::Error error = co_await error_of(with_transaction(
        connection, [&]() -> Task<> { co_await insert(connection, 1); }, {.read_only = true}));
    EXPECT_EQ(error.sqlstate(), "25006");
  });
}

// Two that read what the other writes: one of them is told to come again, and does.
TEST(SqlTransaction, ThatCannotBeSerializedIsWorthARetry) {
  Table table;
  on_postgres([]() -> Task<> {
    Connection one = co_await sql::connect(there());
    Connection two = co_await sql::connect(there());
    Barrier both(2);
    int attempts = 0;
    const auto add = [&](Connection& connection, int number) -> Task<> {
      bool met = false;
      for (bool again = true; again;) {
        again = false;
        ++attempts;
        try {
          co_await with_transaction(
              connection,
              [&]() -> Task<> {
                static_cast<void>(co_await connection.fetch("select sum(n) from numbers"));
                if (!std::exchange(met, true)) static_cast<void>(co_await both.wait());
                co_await insert(connection, number);
              },
              {.isolation = Isolation::serializable});
        } catch (const sql::Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::serialization_failure) << error.what();
          again = sql::worth_a_retry(error.kind());
        }
      }
    };
    co_await gather(add(one, 1), add(two, 2));
    EXPECT_EQ(attempts, 3);
    EXPECT_EQ(Table::all(), "1,2");
    co_await one.close();
    co_await two.close();
  });
}

// F132: cancelled inside of a transaction: rolled back, and the connection can be used
TEST(SqlTransaction, IsRolledBackByACancelWhereverItComes) {
  Table table;
  on_connection([](Connection& connection) -> Task<> {
    std::string last;
    for (int turns = 0; turns < 60; ++turns) {
      co_await connection.execute("truncate numbers");
      bool committed = false;
      const auto body = [&]() -> Task<> {
        co_await insert(connection, 1);
        co_await insert(connection, 2);
        co_await yield();
        co_await insert(connection, 3);
      };
      const auto work = [&]() -> Task<> {
        co_await with_transaction(connection, body);
        committed = true;  // a cancel during the commit is pending still, and ends the task (C2)
      };
      auto task = spawn(work());
      for (int i = 0; i < turns && !task.done(); ++i) co_await yield();
      task.cancel();
      static_cast<void>(co_await as_outcome(task));
      EXPECT_FALSE(connection.in_transaction()) << turns;
      last = co_await connection.fetch_value<std::string>(
          "select coalesce(string_agg(n::text, ',' order by n), '') from numbers");
      EXPECT_EQ(last, committed ? "1,2,3" : "") << turns;
    }
  });
}

TEST(SqlTransaction, IsNotCommittedWhenItsConnectionIsLost) {
  Table table;
  on_connection([](Connection& connection) -> Task<> {
    const sql::Error error = co_await error_of(with_transaction(connection, [&]() -> Task<> {
      co_await insert(connection, 1);
      test::ask_plainly("select pg_terminate_backend(" + std::to_string(connection.backend_pid()) +
                        ")");
      co_await insert(connection, 2);
    }));
    EXPECT_EQ(error.kind(), ErrorKind::connection_lost);
    EXPECT_EQ(Table::all(), "");
    co_await connection.reconnect();
    EXPECT_FALSE(connection.in_transaction());
  });
}

std::string connections_of(const std::string& name) {
  return "select count(*) from pg_stat_activity where application_name = '" + name + "'";
}

// F131: 20 at once on a pool of 5 + 10: at most 15 connections, and all are served
TEST(SqlPool, LendsFifteenToTwentyAndServesAll) {
  on_postgres([]() -> Task<> {
    sql::Pool pool(there() + " application_name=pool", {.size = 5, .overflow = 10});
    std::size_t peak = 0;
    int served = 0;
    const auto user = [&]() -> Task<> {
      auto connection = co_await pool.acquire();
      peak = std::max(peak, pool.stats().size);
      const int value = co_await connection->fetch_value<int>("select 1 from pg_sleep(0.02)");
      served += value;
    };
    std::vector<Task<>> users;
    for (int i = 0; i < 20; ++i) users.push_back(user());
    co_await gather(std::move(users));
    EXPECT_EQ(served, 20);
    EXPECT_EQ(peak, 15u);
    EXPECT_LE(pool.stats().made, 15u);
    // Those that are over its size are closed when they are given back.
    const std::string kept =
        co_await to_thread([] { return test::ask_until("5", connections_of("pool")); });
    EXPECT_EQ(kept, "5");
    co_await pool.close();
    const std::string left =
        co_await to_thread([] { return test::ask_until("0", connections_of("pool")); });
    EXPECT_EQ(left, "0");
    EXPECT_THROW(static_cast<void>(co_await pool.acquire()), UsageError);
  });
}

TEST(SqlPool, LetsTheSixteenthWaitAndNoLongerThanItsTime) {
  on_postgres([]() -> Task<> {
    sql::Pool pool(there(), {.size = 1, .overflow = 0, .acquire_timeout = 20ms});
    auto first = co_await pool.acquire();
    std::string said;
    try {
      auto second = co_await pool.acquire();
    } catch (const TimeoutError& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "sql::Pool::acquire(): timed out after 20ms");
    auto waiting = spawn(pool.acquire(10s));
    co_await yield();
    first.release();
    auto second = co_await waiting;
    const int value = co_await second->fetch_value<int>("select 2");
    EXPECT_EQ(value, 2);
    EXPECT_EQ(pool.stats().made, 1u);
    second.release();
    co_await pool.close();
  });
}

TEST(SqlPool, ResetsWhatIsGivenBack) {
  Table table;
  on_postgres([]() -> Task<> {
    sql::Pool pool(there(), {.size = 1, .overflow = 0});
    int pid = 0;
    {
      auto connection = co_await pool.acquire();
      pid = connection->backend_pid();
      co_await connection->execute("set application_name to 'changed'");
      co_await connection->execute("begin");
      co_await insert(*connection, 1);
    }
    {
      auto connection = co_await pool.acquire();
      EXPECT_EQ(connection->backend_pid(), pid);
      EXPECT_FALSE(connection->in_transaction());
      const auto name = co_await connection->fetch_value<std::string>("show application_name");
      EXPECT_NE(name, "changed");
      EXPECT_EQ(Table::all(), "");
      // Given back in the middle of a cursor, and in the middle of a COPY.
      auto rows = connection->stream("select generate_series(1, 1000000000)");
      static_cast<void>(co_await rows.next());
    }
    {
      auto connection = co_await pool.acquire();
      const int value = co_await connection->fetch_value<int>("select 3");
      EXPECT_EQ(value, 3);
      sql::CopyIn in = co_await connection->copy_in("copy numbers from stdin");
      co_await in.write_all("1\n");
    }
    {
      auto connection = co_await pool.acquire();
      const int value = co_await connection->fetch_value<int>("select count(*) from numbers");
      EXPECT_EQ(value, 0);
    }
    co_await pool.close();
  });
}

TEST(SqlPool, ReplacesWhatIsLost) {
  on_postgres([]() -> Task<> {
    sql::Pool pool(there(), {.size = 1, .overflow = 0, .check_after = 0s});
    int pid = 0;
    for (const bool while_lent : {true, false, true}) {
      {
        auto connection = co_await pool.acquire();
        EXPECT_NE(connection->backend_pid(), pid);
        pid = connection->backend_pid();
        if (while_lent) {
          test::ask_plainly("select pg_terminate_backend(" + std::to_string(pid) + ")");
          const sql::Error error = co_await error_of(connection->fetch("select 1"));
          EXPECT_EQ(error.kind(), ErrorKind::connection_lost);
        }
      }
      if (while_lent) continue;
      test::ask_plainly("select pg_terminate_backend(" + std::to_string(pid) + ")");
    }
    co_await pool.close();
  });
}

// F132: rolled back, and the connection back in the pool, also when it is cancelled
TEST(SqlPool, GetsItsConnectionBackFromATransactionThatIsCancelled) {
  Table table;
  on_postgres([]() -> Task<> {
    sql::Pool pool(there(), {.size = 1, .overflow = 0});
    const auto work = [&](int number) {
      return pool.with_transaction([number](Connection& connection) -> Task<int> {
        co_await insert(connection, number);
        co_await connection.execute("select pg_sleep(0.005)");
        co_return number;
      });
    };
    const int done = co_await work(1);
    EXPECT_EQ(done, 1);
    for (int turns = 0; turns < 40; ++turns) {
      auto task = spawn(work(2));
      for (int i = 0; i < turns; ++i) co_await yield();
      task.cancel();
      static_cast<void>(co_await as_outcome(task));
    }
    const sql::Error error = co_await error_of(work(1));
    EXPECT_EQ(error.kind(), ErrorKind::unique_violation);
    EXPECT_EQ(Table::all(), "1");
    const int again = co_await work(3);
    EXPECT_EQ(again, 3);
    EXPECT_EQ(pool.stats().made, 1u);
    EXPECT_EQ(pool.stats().lost, 0u);
    co_await pool.close();
  });
}

}  // namespace
