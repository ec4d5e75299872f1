// A real PostgreSQL for the tests of a program: postgres.sh, started when it is first wanted, and
// gone when the program is, however it ends.
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace test {

class Postgres {
 public:
  // The one that all tests of this program share.
  static Postgres& shared() {
    static Postgres server;
    return server;
  }

  // One of a test's own, to be stopped and started.
  Postgres() {
    std::array<int, 2> orders{};
    std::array<int, 2> answers{};
    if (::pipe2(orders.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0) {
      std::abort();
    }
    orders_.reset(orders[1]);
    answers_.reset(answers[0]);
    const eddy::UniqueFd their_orders(orders[0]);
    const eddy::UniqueFd their_answers(answers[1]);
    const std::string script = path_of_script();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();  // Ctrl-C is for the tests
      ::dup2(their_orders.get(), 0);
      ::dup2(their_answers.get(), 1);
      ::execl("/bin/sh", "sh", script.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    by_socket_ = line();
    by_tcp_ = line();
  }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  ~Postgres() {
    orders_.reset();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  // Connection strings: by its UNIX socket, and by TCP.
  const std::string& by_socket() const noexcept { return by_socket_; }
  const std::string& by_tcp() const noexcept { return by_tcp_; }

  // As a crash, which breaks every connection; and again, in the same place.
  void stop() { order("stop\n"); }
  void start() { order("start\n"); }

 private:
  void order(std::string_view text) {
    EXPECT_EQ(::write(orders_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(line(), "done");
  }
  std::string line() {
    std::string text;
    for (char letter = 0; ::read(answers_.get(), &letter, 1) == 1;) {
      if (letter == '\n') return text;
      text += letter;
    }
    ADD_FAILURE() << "PostgreSQL did not start";
    return text;
  }
  // Beside this file, whose name the compiler has seen from here or from the folder of the build.
  static std::string path_of_script() {
    namespace fs = std::filesystem;
    const fs::path relative = fs::path(__FILE__).replace_filename("postgres.sh");
    if (fs::exists(relative)) return relative;
    for (fs::path from = fs::read_symlink("/proc/self/exe"); from.has_relative_path();) {
      from = from.parent_path();
      if (fs::exists(from / relative)) return from / relative;
    }
    return relative;
  }

  pid_t pid_ = -1;
  eddy::UniqueFd orders_;  // the server lives as long as this is open
  eddy::UniqueFd answers_;
  std::string by_socket_;
  std::string by_tcp_;
};

// Asks the server without eddy, on a connection of its own: the first value of the answer, or what
// went wrong.
inline std::string ask_plainly(const std::string& conninfo, const std::string& query) {
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
inline std::string ask_plainly(const std::string& query) {
  return ask_plainly(Postgres::shared().by_socket(), query);
}

// Asks again until the answer is `wanted`, for ten seconds at most; the last answer.
inline std::string ask_until(const std::string& wanted, const std::string& query,
                             const std::string& conninfo = Postgres::shared().by_socket()) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string answer = ask_plainly(conninfo, query);
  while (answer != wanted && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
    answer = ask_plainly(conninfo, query);
  }
  return answer;
}

}  // namespace test
