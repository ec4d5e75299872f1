// A real PostgreSQL for the tests of a program: postgres.sh, started when it is first wanted, and
// gone when the program is, however it ends.
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <string>
#include <sys/types.h>

namespace test {

class Postgres {
 public:
  // The one that all tests of this program share.
  static Postgres& shared();

  // One of a test's own, to be stopped and started.
  Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  ~Postgres();

  // Connection strings: by its UNIX socket, and by TCP.
  const std::string& by_socket() const noexcept { return by_socket_; }
  const std::string& by_tcp() const noexcept { return by_tcp_; }

  // As a crash, which breaks every connection; and again, in the same place.
  void stop() { order("stop\n"); }
  void start() { order("start\n"); }

 private:
  void order(const char* text);
  std::string line();

  pid_t pid_ = -1;
  eddy::UniqueFd orders_;   // the server lives as long as this is open
  eddy::UniqueFd answers_;
  std::string by_socket_;
  std::string by_tcp_;
};

// Asks the server without eddy, on a connection of its own: the first value of the answer, or what
// went wrong.
std::string ask_plainly(const std::string& conninfo, const std::string& query);
inline std::string ask_plainly(const std::string& query) {
  return ask_plainly(Postgres::shared().by_socket(), query);
}

// Asks again until the answer is `wanted`, for ten seconds at most; the last answer.
std::string ask_until(const std::string& wanted, const std::string& query);

}  // namespace test
