#include "support/postgres.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#ifndef POSTGRES_SH
#define POSTGRES_SH "tests/support/postgres.sh"
#endif

namespace test {

Postgres& Postgres::shared() {
  static Postgres server;
  return server;
}

Postgres::Postgres() {
  std::array<int, 2> orders{};
  std::array<int, 2> answers{};
  if (::pipe2(orders.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0) {
    std::abort();
  }
  orders_.reset(orders[1]);
  answers_.reset(answers[0]);
  const eddy::UniqueFd their_orders(orders[0]);
  const eddy::UniqueFd their_answers(answers[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setsid();  // Ctrl-C is for the tests
    ::dup2(their_orders.get(), 0);
    ::dup2(their_answers.get(), 1);
    ::execl("/bin/sh", "sh", POSTGRES_SH, static_cast<char*>(nullptr));
    ::_exit(127);
  }
  by_socket_ = line();
  by_tcp_ = line();
}

Postgres::~Postgres() {
  orders_.reset();
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

void Postgres::order(const char* text) {
  const std::string order = text;
  EXPECT_EQ(::write(orders_.get(), order.data(), order.size()),
            static_cast<ssize_t>(order.size()));
  EXPECT_EQ(line(), "done");
}

std::string Postgres::line() {
  std::string text;
  for (char letter = 0; ::read(answers_.get(), &letter, 1) == 1;) {
    if (letter == '\n') return text;
    text += letter;
  }
  ADD_FAILURE() << "PostgreSQL did not start";
  return text;
}

std::string ask_plainly(const std::string& conninfo, const std::string& query) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(::PQconnectdb(conninfo.c_str()),
                                                              &::PQfinish);
  if (::PQstatus(connection.get()) != CONNECTION_OK) return ::PQerrorMessage(connection.get());
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
      ::PQexec(connection.get(), query.c_str()), &::PQclear);
  const ExecStatusType status = ::PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return "";
  if (status != PGRES_TUPLES_OK) return ::PQerrorMessage(connection.get());
  return ::PQntuples(result.get()) > 0 ? ::PQgetvalue(result.get(), 0, 0) : "";
}

std::string ask_until(const std::string& wanted, const std::string& query) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string answer = ask_plainly(query);
  while (answer != wanted && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
    answer = ask_plainly(query);
  }
  return answer;
}

}  // namespace test
