// What stands at an edge: names and texts with zero bytes, numbers that do not fit, notices of the
// last moment, and what a borrower could leave behind for the next.
#include "sql/on_postgres.hpp"

#include <sys/mman.h>

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
using test::said_when;
using namespace std::string_literals;

const std::string& there() { return Postgres::shared().by_socket(); }

template <class F>
bool is_misuse(F call) {
  try {
    call();
  } catch (const UsageError&) {
    return true;
  }
  return false;
}

// libpq would see the beginning of it alone, and that is another statement.
TEST(SqlEdges, AZeroByteIsRefusedWhereverItStands) {
  on_connection([](Connection& db) -> Task<> {
    const std::string cut = "select 1\0 where false"s;
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.execute(cut)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.fetch(cut)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.fetch_value<int>(cut, 1)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.stream(cut)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.prepare(cut)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.copy_in("copy t\0 from stdin"s)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.copy_out("copy t\0 to stdout"s)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.listen("a\0b"s)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.notify("c", "a\0b"s)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.fetch("select $1::text", "a\0b"s)); }));
    const std::vector<std::string> items{"a\0b"s};
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.fetch("select $1::text[]", items)); }));
    sql::Batch batch;
    EXPECT_TRUE(is_misuse([&] { batch.add(cut); }));
    bool refused = false;
    try {
      Connection other = co_await sql::connect(there() + "\0 dbname=nowhere"s);
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(sql::conninfo({{"host", "a\0b"s}})); }));
    const int one = co_await db.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

TEST(SqlEdges, NoticesComeWithTheirCall) {
  on_connection([](Connection& db) -> Task<> {
    int told = 0;
    db.on_notice([&](const sql::Notice&) { ++told; });
    const char* const raise = "do $$ begin raise notice 'n'; end $$";
    co_await db.execute("select 1; "s + raise);
    EXPECT_EQ(told, 1);
    co_await db.execute("select 1; "s + raise + "; select 2; " + raise);
    EXPECT_EQ(told, 3);
    sql::Batch batch;
    for (int i = 0; i < 3; ++i) {
      batch.add("select 1");
      batch.add(raise);
    }
    static_cast<void>(co_await db.run(std::move(batch)));
    EXPECT_EQ(told, 6);
    co_await db.execute("create temp table lines (line text); " + "drop table if exists nothing"s);
    EXPECT_EQ(told, 7);
    // One of a megabyte.
    std::size_t size = 0;
    db.on_notice([&](const sql::Notice& notice) { size += notice.message.size(); });
    co_await db.execute("do $$ begin raise notice '%', repeat('x', 1000000); end $$");
    EXPECT_EQ(size, 1'000'000u);
  });
}

TEST(SqlEdges, AHandlerOfNoticesMayReplaceItself) {
  on_connection([](Connection& db) -> Task<> {
    const std::string text = "a text that is longer than what a function holds by itself";
    std::string said;
    db.on_notice([&db, &said, text](const sql::Notice&) {
      db.on_notice(nullptr);
      said += text;
    });
    co_await db.execute("do $$ begin raise notice 'a'; raise notice 'b'; end $$");
    EXPECT_EQ(said, text);
    // What it throws is reported; the call goes on. And one may close the connection.
    db.on_notice([](const sql::Notice&) { throw std::runtime_error("a handler"); });
    const int one = co_await db.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
    db.on_notice([&db](const sql::Notice&) { db.terminate(); });
    static_cast<void>(
        co_await as_outcome(db.execute("select 1; do $$ begin raise notice 'c'; end $$")));
    EXPECT_FALSE(db.is_open());
    co_await db.reconnect();
  });
}

TEST(SqlEdges, AFloatThatDoesNotFitIsRefused) {
  on_connection([](Connection& db) -> Task<> {
    const Rows rows = co_await db.fetch(
        "select 1e300::float8 as big, 'infinity'::float8 as endless, 'nan'::float8 as none,"
        " 1e400::numeric as numeric, '-1e39'::float8 as less, 'c'::text as letter");
    const Row row = rows.front();
    EXPECT_THROW(row.get<float>("big"), sql::Error);
    EXPECT_THROW(row.get<float>("less"), sql::Error);
    EXPECT_THROW(row.get<double>("numeric"), sql::Error);
    EXPECT_EQ(row.get<float>("endless"), std::numeric_limits<float>::infinity());
    EXPECT_NE(row.get<float>("none"), row.get<float>("none"));
    EXPECT_EQ(row.get<double>("big"), 1e300);
    EXPECT_EQ(row.get<char>("letter"), 'c') << "as it is sent";
    EXPECT_THROW(row.get<char>("big"), sql::Error);
  });
}

TEST(SqlEdges, ValuesOfEachTypeCanBeReadAsText) {
  on_connection([](Connection& db) -> Task<> {
    const Rows rows = co_await db.fetch(
        "select '2024-02-29 12:34:56.789+00'::timestamptz, '1 day'::interval, 12.3400::numeric,"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{\"a\": [1, null]}'::jsonb, null::json,"
        " '\\x00ff'::bytea, '{{1,2},{3,4}}'::int[], '[0:1]={5,6}'::int[], '{}'::text[],"
        " point(1, 2), '127.0.0.1/8'::inet, 'infinity'::date");
    const Row row = rows.front();
    using Text = std::string;
    EXPECT_EQ(row.get<Text>(0), "2024-02-29 12:34:56.789+00");
    EXPECT_EQ(row.get<Text>(1), "1 day");
    EXPECT_EQ(row.get<Text>(2), "12.3400");
    EXPECT_EQ(row.get<Text>(3), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    EXPECT_EQ(row.get<Text>(4), "{\"a\": [1, null]}");
    EXPECT_EQ(row.get<std::optional<Text>>(5), std::nullopt);
    EXPECT_EQ(row.get<std::vector<std::byte>>(6).at(1), std::byte{255});
    using Matrix = std::vector<std::vector<int>>;
    EXPECT_EQ(row.get<Matrix>(7), (Matrix{{1, 2}, {3, 4}}));
    EXPECT_EQ(row.get<std::vector<int>>(8), (std::vector{5, 6}));
    EXPECT_TRUE(row.get<std::vector<Text>>(9).empty());
    EXPECT_EQ(row.get<Text>(10), "(1,2)");
    EXPECT_THROW(row.get<std::vector<int>>(3), sql::Error);
    EXPECT_THROW(row.get<std::vector<std::byte>>(3), sql::Error);
    EXPECT_THROW(row.get<std::vector<bool>>(7), sql::Error);
  });
}

TEST(SqlEdges, ThereMayBeNoColumnAndSixteenHundred) {
  on_connection([](Connection& db) -> Task<> {
    const Rows none = co_await db.fetch("select from generate_series(1, 3)");
    EXPECT_EQ(none.size(), 3u);
    EXPECT_EQ(none.columns(), 0u);
    EXPECT_THROW(none[0].get<int>(0), UsageError);
    EXPECT_EQ(none[0].as<std::tuple<>>(), std::tuple<>());
    std::string columns;
    for (int i = 0; i < 1600; ++i) columns.append(i ? "," : "").append(std::to_string(i));
    const Rows many = co_await db.fetch("select " + columns);
    EXPECT_EQ(many.columns(), 1600u);
    EXPECT_EQ(many.front().get<int>(1599), 1599);
    EXPECT_THROW(many.front().get<int>(static_cast<std::size_t>(-1)), UsageError);
    const Rows empty = co_await db.fetch("");
    EXPECT_EQ(empty.size(), 0u);
    const Rows only_comment = co_await db.fetch("-- nothing");
    EXPECT_EQ(only_comment.status(), "");
    sql::Error error = co_await error_of(db.fetch("select 1; select 2"));
    EXPECT_EQ(error.kind(), ErrorKind::syntax_error);
    error = co_await error_of(db.fetch("select $1::int, $2::int", 1));
    EXPECT_EQ(error.sqlstate(), "08P01");
    EXPECT_NE(error.kind(), ErrorKind::connection_lost) << "it is there still";
    EXPECT_TRUE(db.is_open());
    error = co_await error_of(db.fetch("select $1::text", "\xff\xfe"));
    EXPECT_EQ(error.sqlstate(), "22021");
    const int one = co_await db.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

// PostgreSQL takes a gigabyte at most, and libpq counts in int.
TEST(SqlEdges, AValueOfTwoGigabytesIsRefused) {
  on_connection([](Connection& db) -> Task<> {
    constexpr std::size_t size = std::size_t{3} << 30;
    void* const pages =
        ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(pages, MAP_FAILED);
    const std::string_view text(static_cast<const char*>(pages), size);
    const std::span bytes(static_cast<const std::byte*>(pages), size);
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.fetch("select $1::text", text)); }));
    EXPECT_TRUE(is_misuse([&] { static_cast<void>(db.fetch("select $1::bytea", bytes)); }));
    ::munmap(pages, size);
    const int one = co_await db.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

TEST(SqlEdges, ABatchThatHasCommittedIsNotRunAgain) {
  on_connection([](Connection& db) -> Task<> {
    co_await db.execute("create temp table t (a int); create temp table done (n int)");
    static_cast<void>(co_await db.fetch("select * from t"));
    co_await db.execute("alter table t add b int");
    sql::Batch batch;
    batch.add("begin");
    batch.add("insert into done values (1)");
    batch.add("commit");
    batch.add("select * from t");
    static_cast<void>(co_await as_outcome(db.run(std::move(batch))));
    int count = co_await db.fetch_value<int>("select count(*) from done");
    EXPECT_EQ(count, 1);
    // One that was undone as a whole is.
    static_cast<void>(co_await db.fetch("select * from t"));
    co_await db.execute("alter table t add c int");
    sql::Batch again;
    again.add("insert into done values (2)");
    again.add("select * from t");
    const std::vector<Rows> answers = co_await db.run(std::move(again));
    EXPECT_EQ(answers.at(1).columns(), 3u);
    count = co_await db.fetch_value<int>("select count(*) from done");
    EXPECT_EQ(count, 2);
  });
}

// libpq would have its first statement answer row by row as well.
TEST(SqlEdges, ABatchAfterAStreamHasAnAnswerForEachStatement) {
  on_connection([](Connection& db) -> Task<> {
    for (int i = 0; i < 2; ++i) {
      auto rows = db.stream("select generate_series(1, 3)");
      while (co_await rows.next()) {
      }
      sql::Batch batch;
      batch.add("select generate_series(1, 5)");
      batch.add("select 6");
      const std::vector<Rows> answers = co_await db.run(std::move(batch));
      EXPECT_EQ(answers.size(), 2u);
      EXPECT_EQ(answers.front().size(), 5u);
      EXPECT_EQ(answers.back().front().get<int>(0), 6);
    }
  });
}

TEST(SqlEdges, ABorrowerLeavesNothingForTheNext) {
  test::ask_plainly("create role somebody");
  on_postgres([]() -> Task<> {
    sql::Pool pool(there(), {.size = 1, .overflow = 0});
    for (const char* const change :
         {"set role somebody", "set session authorization somebody",
          "create temp table pg_class (a int)", "set default_transaction_read_only to on",
          "prepare mine as select 1", "declare c cursor with hold for select 1",
          "select pg_advisory_lock_shared(9)", "set client_encoding to latin1"}) {
      {
        auto db = co_await pool.acquire();
        co_await db->execute(change);
        if (std::string_view(change).starts_with("set role")) {
          co_await db->execute("begin");
          static_cast<void>(co_await as_outcome(db->execute("select 1 / 0")));
        }
      }
      auto db = co_await pool.acquire();
      const auto who = co_await db->fetch_value<std::string>("select current_user");
      EXPECT_EQ(who, "postgres") << change;
      const int left = co_await db->fetch_value<int>(
          "select (select count(*) from pg_catalog.pg_class"
          " where relnamespace = pg_my_temp_schema()) +"
          " (select count(*) from pg_cursors where name = 'c') +"
          " (select count(*) from pg_locks where locktype = 'advisory' and pid ="
          " pg_backend_pid())");
      EXPECT_EQ(left, 0) << change;
      co_await db->execute("create table left_over (a int); drop table left_over");
      const auto letter = co_await db->fetch_value<std::string>("select chr(228)");
      EXPECT_EQ(letter, "\xc3\xa4") << change;
    }
    co_await pool.close();
  });
  test::ask_plainly("drop role somebody");
}

TEST(SqlEdges, ACopyByTheWrongVerbIsRefused) {
  on_connection([](Connection& db) -> Task<> {
    co_await db.execute("create temp table t (a int)");
    int refused = 0;
    for (const char* const copy : {"copy t from stdin", "copy t to stdout"}) {
      try {
        co_await db.execute(copy);
      } catch (const UsageError&) {
        ++refused;
      }
      try {
        static_cast<void>(co_await db.fetch(copy));
      } catch (const UsageError&) {
        ++refused;
      }
      try {
        auto rows = db.stream(copy);
        static_cast<void>(co_await rows.next());
      } catch (const UsageError&) {
        ++refused;
      }
    }
    EXPECT_EQ(refused, 6);
    EXPECT_TRUE(db.is_open());
    const int count = co_await db.fetch_value<int>("select count(*) from t");
    EXPECT_EQ(count, 0);
  });
}

TEST(SqlEdges, NotificationsAreKeptWhateverTheConnectionDoes) {
  on_connection([](Connection& db) -> Task<> {
    Connection speaker = co_await sql::connect(there());
    co_await db.listen("c");
    for (int i = 0; i < 6; ++i) {
      auto asleep = spawn(db.fetch("select pg_sleep(0.02)"));
      co_await yield();
      co_await speaker.notify("c", std::to_string(i));
      if (i % 2) asleep.cancel();
      static_cast<void>(co_await as_outcome(asleep));
    }
    auto rows = db.stream("select generate_series(1, 1000000)");
    static_cast<void>(co_await rows.next());
    co_await speaker.notify("c", "6");
    co_await rows.aclose();
    sql::Batch batch;
    batch.add("select 1");
    batch.add("select pg_notify('c', '7')");
    static_cast<void>(co_await db.run(std::move(batch)));
    for (int i = 0; i < 8; ++i) {
      const sql::Notification next = co_await timeout(5s, db.next_notification());
      EXPECT_EQ(next.payload, std::to_string(i));
    }
    co_await speaker.close();
  });
}

}  // namespace
