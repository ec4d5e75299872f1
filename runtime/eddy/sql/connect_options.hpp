// ConnectOptions: how a connection is made and how it behaves.
#pragma once

#include <eddy/base/clock.hpp>
#include <eddy/base/internal/count.hpp>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace eddy::sql {

// Trivially copyable.
struct ConnectOptions {
  AnyDuration timeout = std::chrono::seconds(60);       // for all of connect()
  eddy::internal::Count statement_cache = 100;          // 0: none is prepared, for poolers
  AnyDuration cancel_grace = std::chrono::seconds(10);  // for a cancelled statement to stop
};

// host='/run/postgresql' dbname='it\'s': keywords and values as connect() takes them, quoted.
// Throws UsageError for a zero byte. In a coroutine GCC 12 wants it in a variable, and not within
// co_await.
std::string conninfo(std::initializer_list<std::pair<std::string_view, std::string_view>> values);

}  // namespace eddy::sql
