// What comes and goes in pieces: cursors, COPY, batches, notifications.
#include "sql/on_postgres.hpp"

#include "support/allocations.hpp"

#include <array>
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

Task<> expect_usable(Connection& connection) {
  const int value = co_await connection.fetch_value<int>("select $1::int + 1", 41);
  EXPECT_EQ(value, 42);
  EXPECT_EQ(connection.transaction_status(), sql::TransactionStatus::idle);
}

TEST(SqlCursor, GivesRowsAsTheyCome) {
  on_connection([](Connection& connection) -> Task<> {
    auto rows =
        connection.stream("select n, repeat('x', 1000) from generate_series(1, $1) n", 20'000);
    long sum = 0;
    const std::ptrdiff_t held = test::bytes_held();
    static_cast<void>(test::most_bytes_held());
    for (auto row = co_await rows.next(); row; row = co_await rows.next()) {
      sum += row->get<int>(0);
      EXPECT_TRUE(connection.busy());
    }
    EXPECT_EQ(sum, 20'000L * 20'001 / 2);
    EXPECT_LT(test::most_bytes_held() - held, 1'000'000) << "20 MB went through";
    EXPECT_FALSE(connection.busy());
    co_await expect_usable(connection);
  });
}

TEST(SqlCursor, OfNothingEndsAtOnce) {
  on_connection([](Connection& connection) -> Task<> {
    auto rows = connection.stream("select 1 where false");
    const auto row = co_await rows.next();
    EXPECT_FALSE(row);
    co_await expect_usable(connection);
  });
}

TEST(SqlCursor, MayBeLeftEarly) {
  on_connection([](Connection& connection) -> Task<> {
    const char* const endless = "select generate_series(1, 2000000000)";
    {
      auto rows = connection.stream(endless);
      const auto first = co_await rows.next();
      EXPECT_EQ(first->get<int>(0), 1);
      co_await rows.aclose();
      EXPECT_FALSE(connection.busy());
    }
    co_await expect_usable(connection);

    {
      auto rows = connection.stream(endless);
      for (int i = 1; i <= 100; ++i) {
        const auto row = co_await rows.next();
        EXPECT_EQ(row->get<int>(0), i);
      }
    }
    co_await expect_usable(connection);
    { auto never_begun = connection.stream(endless); }
    co_await expect_usable(connection);
    // By an exception in whoever reads.
    bool thrown = false;
    try {
      auto rows = connection.stream(endless);
      static_cast<void>(co_await rows.next());
      throw std::runtime_error("enough");
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    co_await expect_usable(connection);
  });
}

TEST(SqlCursor, MayFailAfterRows) {
  on_connection([](Connection& connection) -> Task<> {
    auto rows = connection.stream("select 10 / (5000 - n) from generate_series(1, 10000) n");
    int count = 0;
    std::string sqlstate;
    try {
      for (auto row = co_await rows.next(); row; row = co_await rows.next()) ++count;
    } catch (const sql::Error& error) {
      sqlstate = error.sqlstate();
    }
    EXPECT_EQ(sqlstate, "22012");
    EXPECT_EQ(count, 4999);
    co_await expect_usable(connection);
  });
}

std::string lines_of(std::size_t bytes) {
  std::string text;
  for (int number = 0; text.size() < bytes; ++number) {
    text += std::to_string(number) + "\t" + std::string(200, 'n') + "\n";
  }
  return text;
}

TEST(SqlCopy, TakesTenMegabytesAndGivesThemBack) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (id int, name text)");
    const std::string text = lines_of(10'000'000);
    const auto lines = std::count(text.begin(), text.end(), '\n');
    sql::CopyIn in = co_await connection.copy_in("copy t from stdin");
    EXPECT_TRUE(connection.busy());
    // Cut anywhere: a third at a time, then small pieces.
    std::size_t at = 0;
    for (std::size_t piece = text.size() / 3; at < text.size(); at += piece, piece = 9973) {
      piece = std::min(piece, text.size() - at);
      co_await in.write_all(Bytes(text).subspan(at, piece));
    }
    const auto taken = co_await in.finish();
    EXPECT_EQ(taken, static_cast<std::uint64_t>(lines));
    sql::CopyOut out = co_await connection.copy_out("copy (select * from t order by id) to stdout");
    std::string back;
    std::array<char, 5000> piece;
    for (;;) {
      const std::size_t count = co_await out.read_some(piece);
      if (count == 0) break;
      back.append(piece.data(), count);
    }
    EXPECT_TRUE(back == text) << back.size() << " and " << text.size();
    co_await expect_usable(connection);
    sql::CopyOut all = co_await connection.copy_out("copy (select * from t order by id) to stdout");
    const std::string again = co_await all.read_all();
    EXPECT_TRUE(again == text);
    co_await expect_usable(connection);
  });
}

TEST(SqlCopy, ThatIsNotFinishedHasDoneNothing) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (id int)");
    {
      sql::CopyIn in = co_await connection.copy_in("copy t from stdin");
      co_await in.write_all("1\n2\n");
    }
    co_await expect_usable(connection);
    {
      sql::CopyIn in = co_await connection.copy_in("copy t from stdin");
      co_await in.write_all(std::string("3\n"));
      co_await in.abort();
      co_await in.abort();
      EXPECT_FALSE(connection.busy());
    }
    const int count = co_await connection.fetch_value<int>("select count(*) from t");
    EXPECT_EQ(count, 0);
    sql::CopyIn empty = co_await connection.copy_in("copy t from stdin");
    const auto none = co_await empty.finish();
    EXPECT_EQ(none, 0u);
    co_await expect_usable(connection);
  });
}

TEST(SqlCopy, ThatTheServerRefusesHasDoneNothing) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (id int primary key)");
    sql::CopyIn in = co_await connection.copy_in("copy t from stdin");
    co_await in.write_all("1\nnumber\n2\n");
    const sql::Error error = co_await error_of(in.finish());
    EXPECT_EQ(error.sqlstate(), "22P02");
    co_await expect_usable(connection);
    // And while there is much more to write.
    sql::CopyIn big = co_await connection.copy_in("copy t from stdin");
    co_await big.write_all("x\n");
    std::string sqlstate;
    try {
      const std::string text = lines_of(100'000);
      for (int i = 0; i < 100; ++i) co_await big.write_all(text);
      co_await big.finish();
    } catch (const sql::Error& refused) {
      sqlstate = refused.sqlstate();
    }
    EXPECT_EQ(sqlstate, "22P02");
    co_await big.abort();
    const int count = co_await connection.fetch_value<int>("select count(*) from t");
    EXPECT_EQ(count, 0);
    const sql::Error nowhere = co_await error_of(connection.copy_in("copy nowhere from stdin"));
    EXPECT_EQ(nowhere.kind(), ErrorKind::undefined);
    int refused = 0;
    try {
      co_await connection.copy_in("select 1");
    } catch (const UsageError&) {
      ++refused;
    }
    try {
      co_await connection.copy_in("copy t to stdout");
    } catch (const UsageError&) {
      ++refused;
    }
    try {
      co_await connection.copy_out("copy t from stdin");
    } catch (const UsageError&) {
      ++refused;
    }
    EXPECT_EQ(refused, 3);
    co_await expect_usable(connection);
  });
}

TEST(SqlCopy, OutMayBeLeftEarly) {
  on_connection([](Connection& connection) -> Task<> {
    const char* const much = "copy (select generate_series(1, 1000000000)) to stdout";
    {
      sql::CopyOut out = co_await connection.copy_out(much);
      std::array<char, 10> piece;
      const std::size_t count = co_await out.read_some(piece);
      EXPECT_GT(count, 0u);
      EXPECT_EQ(piece[0], '1');
    }
    co_await expect_usable(connection);
    sql::CopyOut out = co_await connection.copy_out(much);
    co_await out.abort();
    co_await expect_usable(connection);
    const sql::CopyOut untouched = co_await connection.copy_out(much);
    EXPECT_TRUE(connection.busy());
  });
}

TEST(SqlBatch, RunsAllInOneJourney) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (id int, name text)");
    sql::Batch batch;
    EXPECT_TRUE(batch.empty());
    for (int i = 0; i < 1000; ++i) {
      batch.add("insert into t values ($1, $2)", i, "name " + std::to_string(i));
    }
    batch.add("select count(*), max(name) from t");
    EXPECT_EQ(batch.size(), 1001u);
    const std::vector<Rows> answers = co_await connection.run(std::move(batch));
    EXPECT_EQ(answers.size(), 1001u);
    EXPECT_EQ(answers[0].affected(), 1u);
    EXPECT_EQ(answers.back().front().get<int>(0), 1000);
    EXPECT_EQ(answers.back().front().get<std::string>(1), "name 999");
    const std::vector<Rows> none = co_await connection.run(sql::Batch());
    EXPECT_TRUE(none.empty());
    co_await expect_usable(connection);
  });
}

// Each answer is longer than what the sockets hold, and so is each question.
TEST(SqlBatch, NeverWaitsWithBothBuffersFull) {
  on_connection([](Connection& connection) -> Task<> {
    const std::string big(300'000, 'b');
    sql::Batch batch;
    for (int i = 0; i < 40; ++i) batch.add("select $1::text", big);
    const std::vector<Rows> answers = co_await timeout(30s, connection.run(std::move(batch)));
    EXPECT_EQ(answers.size(), 40u);
    for (const Rows& rows : answers) {
      EXPECT_EQ(rows.front().get<std::string_view>(0).size(), big.size());
    }
  });
}

TEST(SqlBatch, WithAnErrorInTheMiddleHasDoneNothing) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (id int primary key)");
    sql::Batch batch;
    for (int i = 0; i < 20; ++i) batch.add("insert into t values ($1)", i == 10 ? 3 : i);
    const sql::Error error = co_await error_of(connection.run(std::move(batch)));
    EXPECT_EQ(error.kind(), ErrorKind::unique_violation);
    int count = co_await connection.fetch_value<int>("select count(*) from t");
    EXPECT_EQ(count, 0);
    // One that cannot even be prepared, behind new statements and before others.
    sql::Batch wrong;
    wrong.add("select 'new 1'");
    wrong.add("select * from nowhere");
    wrong.add("select 'new 2'");
    const sql::Error undefined = co_await error_of(connection.run(std::move(wrong)));
    EXPECT_EQ(undefined.kind(), ErrorKind::undefined);
    for (const char* const query : {"select 'new 1'", "select 'new 2'"}) {
      const auto value = co_await connection.fetch_value<std::string>(query);
      EXPECT_TRUE(value.starts_with("new "));
    }
    sql::Batch right;
    right.add("insert into t values ($1)", 1);
    right.add("insert into t values ($1)", 2);
    static_cast<void>(co_await connection.run(std::move(right)));
    count = co_await connection.fetch_value<int>("select count(*) from t");
    EXPECT_EQ(count, 2);
    sql::Batch copy;
    EXPECT_THROW(copy.add("copy t from stdin"), UsageError);
    co_await expect_usable(connection);
  });
}

TEST(SqlBatch, MayBeCancelled) {
  on_connection([](Connection& connection) -> Task<> {
    sql::Batch batch;
    for (int i = 0; i < 5; ++i) batch.add("select $1::int", i);
    batch.add("select pg_sleep(60)");
    batch.add("select 1");
    bool over = false;
    try {
      static_cast<void>(co_await timeout(30ms, connection.run(std::move(batch))));
    } catch (const TimeoutError&) {
      over = true;
    }
    EXPECT_TRUE(over);
    co_await expect_usable(connection);
  });
}

TEST(SqlNotifications, ReachWhoListens) {
  on_connection([](Connection& listener) -> Task<> {
    Connection speaker = co_await sql::connect(test::Postgres::shared().by_socket());
    const std::string channel = "A \"channel\"";
    co_await listener.listen(channel);
    auto waiting = spawn(listener.next_notification());
    co_await yield();
    co_await speaker.notify(channel, "it's the first");
    sql::Notification got = co_await waiting;
    EXPECT_EQ(got.channel, channel);
    EXPECT_EQ(got.payload, "it's the first");
    EXPECT_EQ(got.process, speaker.backend_pid());
    // Those that come meanwhile, while it is asked other things, are kept.
    for (const char* const payload : {"second", "third", ""}) {
      co_await speaker.notify(channel, payload);
    }
    const int one = co_await listener.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
    auto all = listener.notifications();
    for (const char* const payload : {"second", "third", ""}) {
      const auto next = co_await all.next();
      EXPECT_EQ(next->payload, payload);
    }
    EXPECT_FALSE(listener.busy());
    co_await all.aclose();
    co_await listener.unlisten(channel);
    co_await speaker.notify(channel, "nobody");
    const auto nothing = co_await as_outcome(timeout(20ms, listener.next_notification()));
    EXPECT_FALSE(nothing);
    co_await speaker.close();
  });
}

TEST(SqlNotifications, AreNotLostToACancel) {
  on_connection([](Connection& listener) -> Task<> {
    Connection speaker = co_await sql::connect(test::Postgres::shared().by_socket());
    co_await listener.listen("c");
    std::vector<std::string> got;
    const auto take_one = [&]() -> Task<> {
      const sql::Notification next = co_await listener.next_notification();
      got.push_back(next.payload);
    };
    for (int i = 0; i < 50; ++i) {
      auto waiting = spawn(take_one());
      co_await yield();
      auto notifying = spawn(speaker.notify("c", std::to_string(i)));
      for (int turns = 0; turns < i % 7; ++turns) co_await yield();
      waiting.cancel();
      static_cast<void>(co_await as_outcome(waiting));
      co_await notifying;
    }
    while (got.size() < 50) {
      co_await timeout(5s, take_one());
    }
    for (int i = 0; i < 50; ++i) EXPECT_EQ(got[i], std::to_string(i));
    co_await expect_usable(listener);
    co_await speaker.close();
  });
}

TEST(SqlNotifications, EndWithTheConnection) {
  on_connection([](Connection& listener) -> Task<> {
    co_await listener.listen("c");
    auto waiting = spawn(listener.next_notification());
    co_await yield();
    test::ask_plainly("select pg_terminate_backend(" + std::to_string(listener.backend_pid()) +
                      ")");
    const sql::Error error = co_await error_of(waiting);
    EXPECT_EQ(error.kind(), ErrorKind::connection_lost);
  });
}

}  // namespace
