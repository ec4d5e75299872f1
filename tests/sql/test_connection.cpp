// Connections: made, asked, refused, lost, and made again.
#include "sql/on_postgres.hpp"

#include <eddy/net/listener.hpp>

#include <csignal>
#include <string>
#include <vector>

namespace {

using namespace eddy;
using sql::Connection;
using sql::ErrorKind;
using sql::Row;
using sql::Rows;
using test::error_of;
using test::on_connection;
using test::on_postgres;
using test::Postgres;

// F130: connect, fetch, execute, close
TEST(SqlConnection, IsMadeAskedAndClosed) {
  on_postgres([]() -> Task<> {
    Connection connection = co_await sql::connect(Postgres::shared().by_socket());
    EXPECT_TRUE(connection.is_open());
    EXPECT_GE(connection.server_version(), 100000);
    EXPECT_GT(connection.backend_pid(), 0);
    EXPECT_EQ(connection.parameter("server_encoding"), "UTF8");
    EXPECT_EQ(connection.parameter("no_such"), "");
    std::string status = co_await connection.execute("create temp table t (id int, name text)");
    EXPECT_EQ(status, "CREATE TABLE");
    status = co_await connection.execute("insert into t values ($1, $2), (2, null)", 1, "one");
    EXPECT_EQ(status, "INSERT 0 2");
    const Rows changed = co_await connection.fetch("update t set name = 'x' returning id");
    EXPECT_EQ(changed.size(), 2u);
    EXPECT_EQ(changed.affected(), 2u);
    const Rows none = co_await connection.fetch("select * from t where id > $1", 7);
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.columns(), 2u);
    co_await connection.close();
    co_await connection.close();
    EXPECT_FALSE(connection.is_open());
    const sql::Error error = co_await error_of(connection.fetch("select 1"));
    EXPECT_EQ(error.kind(), ErrorKind::connection_lost);
  });
}

TEST(SqlConnection, IsMadeByTcpAndByAnAddressOfAnyForm) {
  on_postgres([]() -> Task<> {
    const std::string by_tcp = Postgres::shared().by_tcp();
    const auto port_at = by_tcp.find("port=") + 5;
    const std::string port = by_tcp.substr(port_at, by_tcp.find(' ', port_at) - port_at);
    const std::vector<std::string> addresses{
        by_tcp, "postgresql://postgres@127.0.0.1:" + port + "/postgres?application_name=by_uri",
        "host=localhost user=postgres dbname=postgres port=" + port,
        sql::conninfo({{"host", "127.0.0.1"},
                       {"port", port},
                       {"user", "postgres"},
                       {"dbname", "postgres"},
                       {"application_name", "it's \\ quoted"}})};
    for (const std::string& address : addresses) {
      Connection connection = co_await sql::connect(address);
      const auto name = co_await connection.fetch_value<std::string>("show application_name");
      const bool by_uri = address.starts_with("postgresql:");
      const bool quoted = address.find("quoted") != address.npos;
      if (by_uri || quoted) {
        EXPECT_EQ(name, by_uri ? "by_uri" : "it's \\ quoted");
      }
      co_await connection.close();
    }
  });
}

TEST(SqlConnection, ThatIsRefusedSaysWhy) {
  on_postgres([]() -> Task<> {
    const std::string nowhere = Postgres::shared().by_socket() + " dbname=nowhere";
    sql::Error error = co_await error_of(sql::connect(nowhere));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    EXPECT_NE(std::string(error.what()).find("\"nowhere\" does not exist"), std::string::npos)
        << error.what();
    error = co_await error_of(sql::connect("host=127.0.0.1 port=1 user=postgres"));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    EXPECT_EQ(error.code(), std::errc::connection_refused);
    EXPECT_NE(std::string(error.what()).find("refused"), std::string::npos) << error.what();
    error = co_await error_of(sql::connect("host=/tmp/eddy-no-such-folder user=postgres"));
    EXPECT_EQ(error.kind(), ErrorKind::connect_failed);
    bool refused = false;
    try {
      co_await sql::connect("this is no conninfo");
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  });
}

// A server that takes the connection and says nothing.
TEST(SqlConnection, ToASilentServerEndsWithItsTime) {
  on_postgres([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const std::string there = "host=127.0.0.1 user=postgres sslmode=disable port=" +
                              std::to_string(listener.local().port());
    bool over = false;
    try {
      co_await sql::connect(there, {.timeout = 50ms});
    } catch (const TimeoutError&) {
      over = true;
    }
    EXPECT_TRUE(over);
    auto connecting = spawn(sql::connect(there));
    Stream first = co_await listener.accept();
    Stream stream = co_await listener.accept();
    connecting.cancel();
    static_cast<void>(co_await as_outcome(connecting));
    const std::string sent = co_await stream.read_all();  // to its end: it was closed
    EXPECT_FALSE(sent.empty());
  });
}

TEST(SqlConnection, GivesOneRowOneValueOrNone) {
  on_connection([](Connection& connection) -> Task<> {
    const char* const query = "select n from generate_series(1, $1::int) n";
    const auto first = co_await connection.fetch_row(query, 3);
    EXPECT_EQ(first->get<int>(0), 1);
    const auto no_row = co_await connection.fetch_row(query, 0);
    EXPECT_FALSE(no_row);
    const Row one = co_await connection.fetch_one(query, 1);
    EXPECT_EQ(one.get<int>("n"), 1);
    sql::Error error = co_await error_of(connection.fetch_one(query, 0));
    EXPECT_EQ(error.kind(), ErrorKind::no_rows);
    error = co_await error_of(connection.fetch_one(query, 2));
    EXPECT_EQ(error.kind(), ErrorKind::too_many_rows);
    const auto none = co_await connection.fetch_one_or_none(query, 0);
    EXPECT_FALSE(none);
    error = co_await error_of(connection.fetch_one_or_none(query, 2));
    EXPECT_EQ(error.kind(), ErrorKind::too_many_rows);
    const int value = co_await connection.fetch_value<int>(query, 2);
    EXPECT_EQ(value, 1);
    const auto no_value = co_await connection.fetch_value<std::optional<int>>(query, 0);
    EXPECT_FALSE(no_value);
    error = co_await error_of(connection.fetch_value<int>(query, 0));
    EXPECT_EQ(error.kind(), ErrorKind::no_rows);
    EXPECT_EQ(std::string(error.what()),
              "fetch_value '" + std::string(query) + "': no row where one was to be");
    error = co_await error_of(connection.fetch_value<int>("select null::int"));
    EXPECT_EQ(error.kind(), ErrorKind::conversion);
  });
}

TEST(SqlConnection, RunsSeveralStatementsAsOneTransaction) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute(
        "create temp table t (id int primary key); insert into t values (1)");
    const sql::Error error =
        co_await error_of(connection.execute("insert into t values (2); insert into t values (1)"));
    EXPECT_EQ(error.kind(), ErrorKind::unique_violation);
    const int count = co_await connection.fetch_value<int>("select count(*) from t");
    EXPECT_EQ(count, 1);
    const std::string nothing = co_await connection.execute("");
    EXPECT_EQ(nothing, "");
  });
}

TEST(SqlErrors, TellTheirKindAndAllThatTheServerSaid) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute(
        "create temp table parent (id int primary key);"
        "create temp table t (id int constraint only_once unique, name text not null,"
        " age int check (age > 0), parent int references parent)");
    const std::vector<std::pair<const char*, ErrorKind>> wrong{
        {"insert into t values (1, null)", ErrorKind::not_null_violation},
        {"insert into t values (1, 'a', -1)", ErrorKind::check_violation},
        {"insert into t values (1, 'a', 1, 9)", ErrorKind::foreign_key_violation},
        {"insert into t values (5, 'a'), (5, 'b')", ErrorKind::unique_violation},
        {"selec 1", ErrorKind::syntax_error},
        {"select * from nowhere", ErrorKind::undefined},
        {"select nothing from t", ErrorKind::undefined},
        {"select 1 / 0", ErrorKind::other},
        {"select 'x'::int", ErrorKind::other}};
    for (const auto& [query, kind] : wrong) {
      sql::Error error = co_await error_of(connection.fetch(query));
      EXPECT_EQ(error.kind(), kind) << query << ": " << error.what();
      error = co_await error_of(connection.execute(query));
      EXPECT_EQ(error.kind(), kind) << query << ": " << error.what();
    }
    const sql::Error error =
        co_await error_of(connection.execute("insert into t values ($1, 'a'), ($1, 'b')", 5));
    EXPECT_EQ(error.sqlstate(), "23505");
    EXPECT_EQ(error.constraint(), "only_once");
    EXPECT_EQ(error.fields().table, "t");
    EXPECT_EQ(error.detail(), "Key (id)=(5) already exists.");
    EXPECT_EQ(error.code(), sql::Error(ErrorKind::unique_violation, "", "", "").code());
    const std::string said = error.what();
    EXPECT_NE(said.find("insert into t"), said.npos) << said;
    EXPECT_NE(said.find("duplicate key value violates unique constraint"), said.npos) << said;
    EXPECT_NE(said.find("23505"), said.npos) << said;
    const sql::Error syntax = co_await error_of(connection.fetch("select 1 +"));
    EXPECT_EQ(syntax.fields().position, 11);
    const int still = co_await connection.fetch_value<int>("select 1");
    EXPECT_EQ(still, 1);
  });
}

TEST(SqlStatements, ArePreparedOnceForEachText) {
  test::on_postgres([]() -> Task<> {
    Connection connection =
        co_await sql::connect(Postgres::shared().by_socket(), {.statement_cache = 3});
    for (int i = 0; i < 5; ++i) {
      const int value = co_await connection.fetch_value<int>("select $1::int + 1", i);
      EXPECT_EQ(value, i + 1);
    }
    EXPECT_EQ(connection.prepared_statements(), 1u);
    const char* const count = "select count(*) from pg_prepared_statements";
    int there = co_await connection.fetch_value<int>(count);
    EXPECT_EQ(there, 2);
    for (int i = 0; i < 10; ++i) {
      const std::string query = "select " + std::to_string(i);
      const int value = co_await connection.fetch_value<int>(query);
      EXPECT_EQ(value, i);
    }
    EXPECT_LE(connection.prepared_statements(), 3u);
    there = co_await connection.fetch_value<int>(count);
    EXPECT_LE(there, 4);
    co_await connection.close();
    Connection without =
        co_await sql::connect(Postgres::shared().by_socket(), {.statement_cache = 0});
    there = co_await without.fetch_value<int>(
        "select $1 + count(*) from pg_prepared_statements "
        "where name <> ''",
        0);
    EXPECT_EQ(there, 0);
    const char* const left =
        "select count(*) from pg_prepared_statements where name <> '' and "
        "statement = 'select 42'";
    {
      const sql::Statement statement = co_await without.prepare("select 42");
      there = co_await without.fetch_value<int>(left);
      EXPECT_EQ(there, 1);
    }
    const sql::Statement next = co_await without.prepare("select 43");
    there = co_await without.fetch_value<int>(left);
    EXPECT_EQ(there, 0) << "the server forgets what was dropped before it prepares more";
    co_await without.close();
  });
}

// "cached plan must not change result type", 0A000
TEST(SqlStatements, FollowTheirTables) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (a int); insert into t values (1)");
    const sql::Statement all = co_await connection.prepare("select * from t where true");
    for (int i = 0; i < 2; ++i) {
      const Rows rows = co_await connection.fetch("select * from t");
      EXPECT_EQ(rows.columns(), 1u);
      const Rows same = co_await all.fetch();
      EXPECT_EQ(same.columns(), 1u);
    }
    co_await connection.execute("alter table t add b text default 'new'");
    for (int i = 0; i < 2; ++i) {
      const Rows rows = co_await connection.fetch("select * from t");
      EXPECT_EQ(rows.columns(), 2u);
    }
    const Rows same = co_await all.fetch();
    EXPECT_EQ(same.front().get<std::string>("b"), "new");
    // Inside of a transaction it has failed, and says so; afterwards it is well again.
    co_await connection.execute("alter table t add c int");
    co_await connection.execute("begin");
    const sql::Error error = co_await error_of(connection.fetch("select * from t"));
    EXPECT_EQ(error.sqlstate(), "0A000");
    co_await connection.execute("rollback");
    const Rows again = co_await connection.fetch("select * from t");
    EXPECT_EQ(again.columns(), 3u);
    co_await connection.execute("discard all");
    co_await connection.execute("create temp table if not exists t (a int)");
    const int value = co_await connection.fetch_value<int>("select $1::int", 4);
    EXPECT_EQ(value, 4);
  });
}

TEST(SqlStatements, AreRunOften) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (id int)");
    const sql::Statement insert = co_await connection.prepare("insert into t values ($1)");
    for (int i = 0; i < 100; ++i) {
      const std::string status = co_await insert.execute(i);
      EXPECT_EQ(status, "INSERT 0 1");
    }
    const sql::Statement sum = co_await connection.prepare("select sum(id) from t where id < $1");
    const int all = co_await sum.fetch_value<int>(100);
    EXPECT_EQ(all, 4950);
    const int some = co_await sum.fetch_value<int>(3);
    EXPECT_EQ(some, 3);
    const sql::Error error =
        co_await error_of(connection.prepare("insert into nowhere values ($1)"));
    EXPECT_EQ(error.kind(), ErrorKind::undefined);
    co_await connection.reconnect();
    co_await connection.execute("create temp table t (id int); insert into t values (0)");
    const int anew = co_await sum.fetch_value<int>(100);
    EXPECT_EQ(anew, 0);
  });
}

// F130: one query at a time
TEST(SqlConnection, RefusesASecondCallMeanwhile) {
  on_connection([](Connection& connection) -> Task<> {
    auto sleeping = spawn(connection.fetch("select pg_sleep(0.05)"));
    co_await yield();
    EXPECT_TRUE(connection.busy());
    int refused = 0;
    const auto expect_refused = [&refused]<class A>(A call) -> Task<> {
      try {
        static_cast<void>(co_await std::move(call));
      } catch (const UsageError&) {
        ++refused;
      }
    };
    co_await expect_refused(connection.fetch("select 1"));
    co_await expect_refused(connection.execute("select 1"));
    co_await expect_refused(connection.execute("select $1::int", 1));
    co_await expect_refused(connection.next_notification());
    co_await expect_refused(connection.copy_out("copy (select 1) to stdout"));
    co_await expect_refused(connection.run(sql::Batch()));
    co_await expect_refused(connection.reset());
    EXPECT_EQ(refused, 7);
    const Rows rows = co_await sleeping;
    EXPECT_EQ(rows.size(), 1u);
    EXPECT_FALSE(connection.busy());
    const int one = co_await connection.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

TEST(SqlConnection, BelongsToItsLoop) {
  on_connection([](Connection& connection) -> Task<> {
    std::thread([&connection] {
      Loop other;
      EXPECT_THROW(other.run(connection.fetch("select 1")), UsageError);
    }).join();
    const int one = co_await connection.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

TEST(SqlNotices, ReachTheirHandler) {
  on_connection([](Connection& connection) -> Task<> {
    std::vector<sql::Notice> notices;
    connection.on_notice([&](const sql::Notice& notice) { notices.push_back(notice); });
    co_await connection.execute(
        "do $$ begin raise notice 'first'; raise warning 'second' using hint = 'look'; end $$");
    EXPECT_EQ(notices.size(), 2u);
    if (notices.size() == 2) {
      EXPECT_EQ(notices[0].severity, "NOTICE");
      EXPECT_EQ(notices[0].message, "first");
      EXPECT_EQ(notices[1].severity, "WARNING");
      EXPECT_EQ(notices[1].hint, "look");
    }
    connection.on_notice(nullptr);
    co_await connection.execute("do $$ begin raise notice 'third'; end $$");
    EXPECT_EQ(notices.size(), 2u);
  });
}

TEST(SqlConnection, IsResetToWhatItWas) {
  on_connection([](Connection& connection) -> Task<> {
    const int before = co_await connection.fetch_value<int>("select $1::int", 1);
    co_await connection.execute("set search_path to nowhere; set statement_timeout to 12345");
    co_await connection.execute("select pg_advisory_lock(4711)");
    co_await connection.listen("somewhere");
    co_await connection.execute("begin; create table public.should_not_be (a int)");
    EXPECT_TRUE(connection.in_transaction());
    co_await connection.reset();
    EXPECT_FALSE(connection.in_transaction());
    const auto path = co_await connection.fetch_value<std::string>("show search_path");
    EXPECT_EQ(path, "\"$user\", public");
    const auto limit = co_await connection.fetch_value<std::string>("show statement_timeout");
    EXPECT_EQ(limit, "0");
    const int locks = co_await connection.fetch_value<int>(
        "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()");
    EXPECT_EQ(locks, 0);
    const auto table = co_await connection.fetch_value<std::optional<std::string>>(
        "select to_regclass('public.should_not_be')::text");
    EXPECT_FALSE(table);
    const int channels =
        co_await connection.fetch_value<int>("select count(*) from pg_listening_channels()");
    EXPECT_EQ(channels, 0);
    EXPECT_GE(connection.prepared_statements(), 1u) << "what was prepared stays";
    EXPECT_EQ(before, 1);
  });
}

std::string terminate(int pid) {
  return test::ask_plainly("select pg_terminate_backend(" + std::to_string(pid) + ")");
}

TEST(SqlConnection, ThatIsTerminatedIsLostAndMadeAgain) {
  on_connection([](Connection& connection) -> Task<> {
    const sql::Statement statement = co_await connection.prepare("select $1::int * 2");
    const int pid = connection.backend_pid();
    auto sleeping = spawn(connection.fetch("select pg_sleep(60)"));
    const std::string asleep = co_await to_thread([pid] {
      return test::ask_until("1",
                             "select count(*) from pg_stat_activity where wait_event = "
                             "'PgSleep' and pid = " +
                                 std::to_string(pid));
    });
    EXPECT_EQ(asleep, "1");
    EXPECT_EQ(terminate(pid), "t");
    const sql::Error error = co_await error_of(sleeping);
    EXPECT_EQ(error.kind(), ErrorKind::connection_lost);
    EXPECT_EQ(error.code(), std::errc::connection_reset);
    EXPECT_FALSE(connection.is_open());
    const sql::Error again = co_await error_of(connection.fetch("select 1"));
    EXPECT_EQ(again.kind(), ErrorKind::connection_lost);
    const bool lives = co_await connection.check();
    EXPECT_FALSE(lives);
    co_await connection.reconnect();
    EXPECT_TRUE(connection.is_open());
    EXPECT_NE(connection.backend_pid(), pid);
    const int value = co_await statement.fetch_value<int>(21);
    EXPECT_EQ(value, 42);
    // Terminated while nobody asks: the next who does learns of it.
    EXPECT_EQ(terminate(connection.backend_pid()), "t");
    const std::string gone = co_await to_thread([pid = connection.backend_pid()] {
      return test::ask_until(
          "0", "select count(*) from pg_stat_activity where pid = " + std::to_string(pid));
    });
    EXPECT_EQ(gone, "0");
    const sql::Error late = co_await error_of(connection.fetch("select 1"));
    EXPECT_EQ(late.kind(), ErrorKind::connection_lost);
    co_await connection.reconnect();
    const bool lives_again = co_await connection.check();
    EXPECT_TRUE(lives_again);
  });
}

TEST(SqlConnection, ComesBackWhenItsServerDoes) {
  Postgres server;
  on_postgres([&]() -> Task<> {
    Connection connection = co_await sql::connect(server.by_tcp());
    server.stop();
    const sql::Error lost = co_await error_of(connection.fetch("select 1"));
    EXPECT_EQ(lost.kind(), ErrorKind::connection_lost);
    const sql::Error refused = co_await error_of(connection.reconnect());
    EXPECT_EQ(refused.kind(), ErrorKind::connect_failed);
    server.start();
    co_await connection.reconnect();
    const int one = co_await connection.fetch_value<int>("select $1::int", 1);
    EXPECT_EQ(one, 1);
    co_await connection.close();
  });
}

TEST(SqlConnection, ClosedUnderACallEndsIt) {
  on_postgres([]() -> Task<> {
    Connection connection = co_await sql::connect(Postgres::shared().by_socket());
    auto sleeping = spawn(connection.fetch("select pg_sleep(60)"));
    co_await yield();
    co_await connection.close();
    const sql::Error error = co_await error_of(sleeping);
    EXPECT_EQ(error.kind(), ErrorKind::connection_lost);
    auto dropped = std::make_optional(co_await sql::connect(Postgres::shared().by_socket()));
    auto call = spawn(dropped->fetch("select pg_sleep(60)"));
    co_await yield();
    dropped.reset();
    const sql::Error lost = co_await error_of(call);
    EXPECT_EQ(lost.kind(), ErrorKind::connection_lost);
  });
}

}  // namespace
