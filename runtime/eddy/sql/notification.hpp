// Notification and Notice: what a server says without being asked.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <string>

namespace eddy::sql {

// What a NOTIFY sent.
struct Notification {
  std::string channel;
  std::string payload;
  int process = 0;  // the server's, of who sent it
};

// RAISE NOTICE, a warning.
struct Notice {
  std::string severity;  // "NOTICE", "WARNING" ...: not translated
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
};

}  // namespace eddy::sql
