// Runs a test's coroutine against the PostgreSQL of the program.
#pragma once

#include "support/postgres.hpp"
#include "support/run_by_the_clock.hpp"

#include <eddy/eddy.hpp>
#include <eddy/sql.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>

using namespace std::chrono_literals;

namespace test {

template <class F>
void on_postgres(F body) {
  Postgres::shared();
  run_by_the_clock(body);
}

// The same, with a connection that is closed at the end.
template <class F>
void on_connection(F body, const std::string& conninfo = Postgres::shared().by_socket()) {
  on_postgres([&]() -> eddy::Task<> {
    eddy::sql::Connection connection = co_await eddy::sql::connect(conninfo);
    co_await body(connection);
    co_await connection.close();
  });
}

// What `awaitable` fails with, which must be a sql::Error.
template <class A>
eddy::Task<eddy::sql::Error> error_of(A awaitable) {
  std::optional<eddy::sql::Error> found;
  try {
    static_cast<void>(co_await std::move(awaitable));
  } catch (const eddy::sql::Error& error) {
    found = error;
  }
  EXPECT_TRUE(found) << "it did not fail";
  if (!found) throw std::runtime_error("it did not fail");
  co_return *std::move(found);
}

// Does `action` throw a sql::Error that says `text`?
template <class F>
std::string said_when(F action) {
  try {
    action();
  } catch (const eddy::sql::Error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace test

// A struct whose columns are named, which has to be done in namespace scope.
namespace test {
struct Person {
  int id = 0;
  std::string name;
  std::optional<std::string> email;
};
}  // namespace test
template <>
inline constexpr auto eddy::sql::columns<test::Person> =
    std::tuple(column("id", &test::Person::id), column("name", &test::Person::name),
               column("email", &test::Person::email));

// A type that a column is read as, of one's own.
namespace test {
enum class Mood { sad, ok };
}  // namespace test
template <>
struct eddy::sql::FromField<test::Mood> {
  static test::Mood read(const Field& field) {
    if (field.text() == "sad") return test::Mood::sad;
    if (field.text() != "ok") field.refuse("mood");
    return test::Mood::ok;
  }
};
