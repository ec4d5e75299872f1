// The sections of the documents of patterns that open a connection to a database, by a class and by
// a generator. Sessions, pools and transactions are users_db.cpp.
//
// Run:    examples/run patterns_databases CONNINFO       as "host=/run/postgresql dbname=test"
// Prints: a header per section, and below it what the Python program of that section prints.
#include <eddy/eddy.hpp>
#include <eddy/sql.hpp>

#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace eddy;
using Strings = std::vector<std::string>;

namespace {

void section(std::string_view title) { std::cout << "== " << title << '\n'; }

// ---- of the fundamentals ----

// The failure waits outside of the catch block, in which C++ cannot co_await.
ContextGenerator<sql::Connection&> managed_connection(std::string url) {
  sql::Connection connection = co_await sql::connect(url);
  std::exception_ptr failure;
  try {
    co_yield connection;  // the body of with() runs here
  } catch (...) {
    failure = std::current_exception();
  }
  co_await connection.close();
  if (failure) std::rethrow_exception(failure);
}

Task<> context_managers(std::string url) {
  section("Async Context Managers");
  co_await with(managed_connection(url), [](sql::Connection& connection) -> Task<> {
    const std::string result = co_await connection.execute("SELECT 1");
    std::cout << result << '\n';
  });
}

// ---- of the guide ----

// By a class: enter() and exit() are __aenter__ and __aexit__.
class DatabaseConnection {
 public:
  explicit DatabaseConnection(std::string url) : url_(std::move(url)) {}

  Task<sql::Connection&> enter() {
    connection_ = co_await sql::connect(url_);
    std::cout << "Connected\n";
    co_return connection_;
  }
  Task<bool> exit(std::exception_ptr) {
    co_await connection_.close();
    std::cout << "Closed connection\n";
    co_return false;  // suppresses nothing
  }

 private:
  std::string url_;
  sql::Connection connection_;
};

// By a generator: an @asynccontextmanager.
ContextGenerator<sql::Connection&> database_connection(std::string url) {
  sql::Connection connection = co_await sql::connect(url);
  std::exception_ptr failure;
  std::cout << "Connected\n";
  try {
    co_yield connection;
  } catch (const sql::Error& error) {
    failure = std::current_exception();
    std::cout << "Database error: " << error.sqlstate() << '\n';
  } catch (...) {
    failure = std::current_exception();
  }
  co_await connection.close();
  std::cout << "Closed connection\n";
  if (failure) std::rethrow_exception(failure);
}

Task<Strings> fetch_names(sql::Connection& connection, std::string query) {
  Strings names;
  const sql::Rows rows = co_await connection.fetch(query);
  for (const sql::Row& row : rows) names.push_back(row.get<std::string>("name"));
  co_return names;
}

void print(const Strings& names) {
  for (const std::string& name : names) std::cout << name << ' ';
  std::cout << '\n';
}

Task<> defining_context_managers(std::string url) {
  section("Defining Async Context Managers");
  const auto fetch_users = [](sql::Connection& connection) {
    return fetch_names(connection, "SELECT name FROM (VALUES ('alice'), ('bob')) AS users (name)");
  };
  print(co_await with(DatabaseConnection(url), fetch_users));
  print(co_await with(database_connection(url), fetch_users));
  const auto fails = [](sql::Connection& connection) {
    return fetch_names(connection, "SELECT name FROM nowhere");
  };
  try {
    co_await with(database_connection(url), fails);
  } catch (const sql::Error& error) {
    std::cout << "passed on: " << error.sqlstate() << '\n';
  }
}

// ---- of the operations ----

Task<> async_context_managers(std::string url) {
  section("10. Async context managers");
  co_await with(DatabaseConnection(url), [](sql::Connection& db) -> Task<> {
    const sql::Rows results = co_await db.fetch("SELECT * FROM generate_series(1, 3)");
    std::cout << "Got " << results.size() << " results\n";
  });
}

Task<> amain(std::string url) {
  co_await context_managers(url);
  co_await defining_context_managers(url);
  co_await async_context_managers(url);
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 2) return std::fputs("usage: patterns_databases CONNINFO\n", stderr), 2;
  run(amain(arguments[1]), {.handle_sigint = true});
} catch (const sql::Error& error) {
  return std::fprintf(stderr, "patterns_databases: %s\n", error.what()), 1;
}
