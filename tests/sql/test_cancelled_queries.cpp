// Queries that are cancelled, out of time, out of memory, or outlived by nobody: the connection is
// usable afterwards, and nothing is lost. And what a query allocates.
#include "sql/on_postgres.hpp"

#include "support/allocations.hpp"
#include "support/failing_memory.hpp"
#include "support/watchdog.hpp"

#include <libpq-fe.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using sql::Connection;
using sql::ErrorKind;
using test::error_of;
using test::on_connection;
using test::on_postgres;
using test::Postgres;

const std::string& there() { return Postgres::shared().by_socket(); }

Task<> expect_usable(Connection& connection, int number = 41) {
  const int value = co_await connection.fetch_value<int>("select $1::int + 1", number);
  EXPECT_EQ(value, number + 1);
  EXPECT_EQ(connection.transaction_status(), sql::TransactionStatus::idle);
}

std::string sleepers() {
  return "select count(*) from pg_stat_activity where state = 'active' and query like "
         "'%pg_sleep(600)%' and pid <> pg_backend_pid()";
}

TEST(SqlCancel, LeavesTheConnectionUsableAndNobodyAtWork) {
  on_connection([](Connection& connection) -> Task<> {
    const int pid = connection.backend_pid();
    for (int i = 0; i < 5; ++i) {
      auto sleeping = spawn(connection.fetch("select pg_sleep(600)"));
      const std::string asleep =
          co_await to_thread([] { return test::ask_until("1", sleepers()); });
      EXPECT_EQ(asleep, "1");
      sleeping.cancel();
      const auto outcome = co_await as_outcome(sleeping);
      EXPECT_TRUE(!outcome && outcome.error().is_cancelled());
      EXPECT_FALSE(connection.busy());
      co_await expect_usable(connection, i);
    }
    const std::string left = co_await to_thread([] { return test::ask_until("0", sleepers()); });
    EXPECT_EQ(left, "0");
    EXPECT_EQ(connection.backend_pid(), pid);
  });
}

TEST(SqlCancel, ComesOfATimeoutToo) {
  on_connection([](Connection& connection) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      bool over = false;
      try {
        static_cast<void>(co_await timeout(10ms, connection.fetch("select pg_sleep(600)")));
      } catch (const TimeoutError&) {
        over = true;
      }
      EXPECT_TRUE(over);
      co_await expect_usable(connection);
    }
    // The server's own limit is an error of its own.
    co_await connection.execute("set statement_timeout to 10");
    const sql::Error error = co_await error_of(connection.fetch("select pg_sleep(600)"));
    EXPECT_EQ(error.kind(), ErrorKind::statement_cancelled);
    EXPECT_EQ(error.sqlstate(), "57014");
    co_await expect_usable(connection);
  });
}

TEST(SqlCancel, BeforeItBeganSendsNothing) {
  on_connection([](Connection& connection) -> Task<> {
    auto task = spawn(connection.execute("create table never (a int)"));
    task.cancel();
    const auto outcome = co_await as_outcome(task);
    EXPECT_FALSE(outcome);
    co_await expect_usable(connection);
    EXPECT_EQ(test::ask_plainly("select to_regclass('never')"), "");
  });
}

// A server that holds what was cancelled, whatever it is told: it is stopped with a signal.
TEST(SqlCancel, ClosesTheConnectionOfAServerThatDoesNotAnswer) {
  on_postgres([]() -> Task<> {
    Connection connection = co_await sql::connect(there(), {.cancel_grace = 50ms});
    const int pid = connection.backend_pid();
    auto sleeping = spawn(connection.fetch("select pg_sleep(600)"));
    const std::string asleep = co_await to_thread([] { return test::ask_until("1", sleepers()); });
    EXPECT_EQ(asleep, "1");
    EXPECT_EQ(::kill(pid, SIGSTOP), 0);
    sleeping.cancel();
    static_cast<void>(co_await as_outcome(sleeping));
    EXPECT_FALSE(connection.is_open());
    EXPECT_EQ(::kill(pid, SIGCONT), 0);
    co_await connection.reconnect();
    co_await expect_usable(connection);
    co_await connection.close();
  });
}

// Each kind of call, of which any may be cancelled anywhere.
Task<> do_something(Connection& connection, unsigned kind, int count = 10'000) {
  const std::string series = "select generate_series(1, " + std::to_string(count) + ")";
  switch (kind % 8) {
    case 0:
      co_await connection.execute("select 1; select 2");
      break;
    case 1:
      static_cast<void>(co_await connection.fetch("select pg_sleep(600)"));
      break;
    case 2: {
      auto rows = connection.stream(series);
      for (auto row = co_await rows.next(); row; row = co_await rows.next()) {
      }
      break;
    }
    case 3: {
      sql::Batch batch;
      for (int i = 0; i < 10; ++i) batch.add("select $1::int", i);
      static_cast<void>(co_await connection.run(std::move(batch)));
      break;
    }
    case 4: {
      sql::CopyOut out = co_await connection.copy_out("copy (" + series + ") to stdout");
      static_cast<void>(co_await out.read_all());
      break;
    }
    case 5: {
      co_await with_transaction(connection, [&]() -> Task<> {
        static_cast<void>(co_await connection.fetch("select 1 from pg_sleep(0.001)"));
      });
      break;
    }
    case 6: {
      sql::CopyIn in = co_await connection.copy_in("copy lines from stdin");
      for (int i = 0; i < 3; ++i) co_await in.write_all("a line\n");
      co_await in.finish();
      break;
    }
    default:
      static_cast<void>(co_await connection.fetch("select 1 from pg_sleep(0.0005)"));
      break;
  }
}

Task<> cancel_at_random(unsigned seed, int count, int& cancelled) {
  Connection connection = co_await sql::connect(there() + " application_name=cancelled");
  co_await connection.execute("create temp table lines (line text)");
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    auto task = spawn(do_something(connection, random()));
    const unsigned turns = random() % (1u << (random() % 9));
    for (unsigned turn = 0; turn < turns && !task.done(); ++turn) co_await yield();
    task.cancel();
    const auto outcome = co_await as_outcome(task);
    if (!outcome) {
      EXPECT_TRUE(outcome.error().is_cancelled());
      ++cancelled;
    }
    co_await expect_usable(connection, i);
  }
  co_await connection.close();
}

// Of all threads: what a thread cancels with was allocated by this one.
std::size_t bytes_in_use() { return test::can_count_allocations() ? ::mallinfo2().uordblks : 0; }

TEST(SqlCancel, AtTenThousandPointsLosesNothing) {
  test::allow(150s);
  // All of them take a minute: EDDY_SQL_CANCELS=10000 in the environment.
  const char* const wanted = std::getenv("EDDY_SQL_CANCELS");
  const int count = wanted ? std::atoi(wanted) : 1000;
  int cancelled = 0;
  on_postgres([&]() -> Task<> {
    // What is kept for later is there.
    co_await gather(cancel_at_random(1, 50, cancelled), cancel_at_random(4, 50, cancelled));
    const std::size_t held = bytes_in_use();
    co_await gather(cancel_at_random(2, count / 2, cancelled),
                    cancel_at_random(3, count / 2, cancelled));
    EXPECT_LT(bytes_in_use(), held + 50'000);
  });
  EXPECT_GT(cancelled, count / 4);
  EXPECT_EQ(test::ask_until("0",
                            "select count(*) from pg_stat_activity where "
                            "application_name = 'cancelled'"),
            "0");
}

TEST(SqlLoopEnd, EndsEachCall) {
  Postgres::shared();
  const unsigned before = test::open_descriptors();
  for (unsigned kind = 0; kind < 8; ++kind) {
    for (int turns = 0; turns < 12; ++turns) {
      Connection connection;
      {
        Loop loop;
        connection = loop.run(sql::connect(there()));
        loop.run(connection.execute("create temp table lines (line text)"));
        auto task = loop.spawn(do_something(connection, kind));
        for (int i = 0; i < turns && !task.done(); ++i) loop.turn(0ms);
        loop.close();
        EXPECT_TRUE(task.done());
        EXPECT_EQ(loop.stats().tasks, 0u);
        EXPECT_EQ(loop.stats().in_flight, 0u);
      }
      EXPECT_FALSE(connection.busy());
    }
  }
  EXPECT_EQ(test::open_descriptors_in_the_end(before), before);
}

TEST(SqlFork, LeavesTheParentsConnectionAlone) {
  on_connection([](Connection& connection) -> Task<> {
    const pid_t child = ::fork();
    if (child == 0) {
      connection = Connection();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    co_await expect_usable(connection);
  });
}

// The k-th allocation fails, for every k: bad_alloc, and the connection is usable or lost.
Task<> call_without_memory(Connection& connection, unsigned kind, test::FailingMemory& memory) {
  std::exception_ptr failure;
  memory.arm();
  try {
    co_await do_something(connection, kind, 3);
  } catch (const std::bad_alloc&) {
  } catch (...) {
    failure = std::current_exception();
  }
  memory.disarm();
  if (failure) std::rethrow_exception(failure);
  if (!connection.is_open()) {
    EXPECT_TRUE(memory.failed());
    co_await connection.reconnect();
    co_await connection.execute("create temp table lines (line text)");
  }
  co_await expect_usable(connection);
}

TEST(SqlMemory, ThatFailsLosesACallAtMost) {
  Postgres::shared();
  for (const unsigned kind : {0u, 2u, 3u, 4u, 5u, 6u, 7u}) {
    SCOPED_TRACE(kind);
    Loop loop;
    Connection connection = loop.run(sql::connect(there()));
    loop.run(connection.execute("create temp table lines (line text)"));
    const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& failing) {
      loop.run(call_without_memory(connection, kind, failing));
    });
    EXPECT_GT(failed, 0u);
    loop.run(connection.close());
  }
}

TEST(SqlMemory, ThatFailsMakesNoConnection) {
  Postgres::shared();
  const unsigned before = test::open_descriptors();
  const auto connect_without = [](test::FailingMemory& memory) -> Task<> {
    Connection connection;
    memory.arm();
    try {
      connection = co_await sql::connect(there());
    } catch (const std::bad_alloc&) {
    }
    memory.disarm();
    if (connection.is_open()) co_await connection.close();
  };
  const std::size_t failed = test::fail_each_allocation([&](test::FailingMemory& failing) {
    Loop loop;
    loop.run(connect_without(failing));
    loop.close();
  });
  EXPECT_GT(failed, 0u);
  EXPECT_EQ(test::open_descriptors_in_the_end(before), before);
}

// What libpq allocates for the same query, by the same calls.
std::size_t allocations_of_libpq(const char* query, const char* value) {
  PGconn* connection = ::PQconnectdb(there().c_str());
  ::PQsetnonblocking(connection, 1);
  ::PQclear(::PQprepare(connection, "s", query, 0, nullptr));
  const std::size_t made = test::allocations_of([&] {
    ::PQsendQueryPrepared(connection, "s", 1, &value, nullptr, nullptr, 0);
    while (PGresult* result = ::PQgetResult(connection)) ::PQclear(result);
  });
  ::PQfinish(connection);
  return made;
}

template <class F>
Task<std::size_t> allocations_in(F call) {
  for (int i = 0; i < 20; ++i) co_await call();
  const std::size_t before = test::allocations();
  for (int i = 0; i < 10; ++i) co_await call();
  co_return (test::allocations() - before) / 10;
}

TEST(SqlAllocations, AreLibpqsAlone) {
  if (!test::can_count_allocations()) GTEST_SKIP();
  const char* const query = "select $1::int, 'text', n from generate_series(1, 10) n";
  const std::size_t libpq = allocations_of_libpq(query, "5");
  on_connection([=](Connection& connection) -> Task<> {
    const sql::Statement statement = co_await connection.prepare(query);
    const std::size_t fetch = co_await allocations_in([&]() -> Task<> {
      const sql::Rows rows = co_await connection.fetch(query, 5);
      EXPECT_EQ(rows[9].get<int>(2), 10);
    });
    EXPECT_LE(fetch, libpq);
    const std::size_t prepared = co_await allocations_in([&]() -> Task<> {
      const int value = co_await statement.fetch_value<int>(5);
      EXPECT_EQ(value, 5);
    });
    EXPECT_LE(prepared, libpq);
    const std::size_t transaction = co_await allocations_in([&]() -> Task<> {
      co_await with_transaction(connection, [&]() -> Task<> {
        const auto row = co_await connection.fetch_row(query, 5);
        EXPECT_EQ(row->get<int>(0), 5);
      });
    });
    EXPECT_LE(transaction, 3 * libpq);
    testing::Test::RecordProperty("libpq", static_cast<int>(libpq));
    testing::Test::RecordProperty("fetch", static_cast<int>(fetch));
    std::printf("allocations: libpq %zu, fetch %zu, prepared %zu, in a transaction %zu\n", libpq,
                fetch, prepared, transaction);
  });
}

}  // namespace
