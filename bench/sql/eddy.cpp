// `select 1` by eddy/sql.
//
//   sql_eddy CONNINFO QUERIES DEPTH    DEPTH > 1: so many in each round trip, by Batch
//
// Prints one line of JSON: seconds, and the processor time that this program took in them.
#include <eddy/eddy.hpp>
#include <eddy/sql.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <string>
#include <vector>

using namespace eddy;

static double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

static void expect_one(const sql::Rows& rows) {
  if (rows.front().get<int>(0) != 1) throw std::runtime_error("the server says something else");
}

static Task<> one_at_a_time(const sql::Statement& one, long count) {
  for (long i = 0; i < count; ++i) {
    const sql::Rows rows = co_await one.fetch();
    expect_one(rows);
  }
}

static Task<> pipelined(sql::Connection& connection, long count, int depth) {
  for (long i = 0; i < count; i += depth) {
    sql::Batch batch;
    for (int j = 0; j < depth; ++j) batch.add("select 1");
    const std::vector<sql::Rows> answers = co_await connection.run(std::move(batch));
    for (const sql::Rows& rows : answers) expect_one(rows);
  }
}

static Task<> amain(std::string conninfo, long queries, int depth) {
  sql::Connection connection = co_await sql::connect(std::move(conninfo));
  const sql::Statement one = co_await connection.prepare("select 1");
  co_await one_at_a_time(one, 100);
  const double began = seconds_of(CLOCK_MONOTONIC);
  const double used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  if (depth > 1) {
    co_await pipelined(connection, queries, depth);
  } else {
    co_await one_at_a_time(one, queries);
  }
  std::printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", seconds_of(CLOCK_MONOTONIC) - began,
              seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used);
  co_await connection.close();
}

int main(int count, char** arguments) {
  if (count != 4) return std::fputs("usage: sql_eddy CONNINFO QUERIES DEPTH\n", stderr), 2;
  try {
    run(amain(arguments[1], std::atol(arguments[2]), std::atoi(arguments[3])));
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "sql_eddy: %s\n", error.what()), 1;
  }
}
