#include "sql/on_postgres.hpp"

namespace {

using namespace eddy;
using sql::Connection;
using test::error_of;
using test::on_connection;

TEST(SqlClosing, DoesNotWaitForAStreamThatNobodyReads) {
  on_connection([](Connection& connection) -> Task<> {
    auto rows = connection.stream("select generate_series(1, 1000000)");
    const auto first = co_await rows.next();
    EXPECT_EQ(first->get<int>(0), 1);
    bool refused = false;
    try {
      co_await connection.reconnect();
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    co_await timeout(5s, connection.close());
    EXPECT_FALSE(connection.is_open());
    const sql::Error error = co_await error_of([](auto& stream) -> Task<> {
      for (auto row = co_await stream.next(); row; row = co_await stream.next()) {
      }
    }(rows));
    EXPECT_EQ(error.kind(), sql::ErrorKind::connection_lost);
    co_await connection.reconnect();
    const int one = co_await connection.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

TEST(SqlClosing, DoesNotWaitForACopyThatNobodyWrites) {
  on_connection([](Connection& connection) -> Task<> {
    co_await connection.execute("create temp table t (a int)");
    {
      sql::CopyIn in = co_await connection.copy_in("copy t from stdin");
      co_await in.write_all("1\n");
      co_await timeout(5s, connection.close());
      const sql::Error error = co_await error_of(in.finish());
      EXPECT_EQ(error.kind(), sql::ErrorKind::connection_lost);
    }
    co_await connection.reconnect();
    const int one = co_await connection.fetch_value<int>("select 1");
    EXPECT_EQ(one, 1);
  });
}

}  // namespace
