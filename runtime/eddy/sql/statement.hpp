// Statement: one that the server has parsed and planned, to be run often.
//
// Connection's verbs prepare by themselves, and find again what they have prepared by its text; a
// Statement saves the search, and is never given up for others. It is prepared anew where the
// server has forgotten it: after reconnect(), DISCARD ALL, a change of its tables. It may outlive
// its connection, which then is closed for it. Once it is dropped, and
// the connection has given it up too, the server forgets it: before it prepares another one.
#pragma once

#include <eddy/core/task.hpp>
#include <eddy/flow/generator.hpp>
#include <eddy/sql/internal/query.hpp>
#include <eddy/sql/row.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eddy::sql {

class Statement {
 public:
  Statement() = default;
  explicit Statement(internal::Query query) noexcept : query_(std::move(query)) {}

  // As Connection's. ∅ but for libpq's own memory.
  template <class... Args>
  Task<std::string> execute(const Args&... args) const {
    return internal::execute(query(args...));
  }
  template <class... Args>
  Task<Rows> fetch(const Args&... args) const {
    return internal::fetch(query(args...));
  }
  template <class... Args>
  Task<std::optional<Row>> fetch_row(const Args&... args) const {
    return internal::fetch_row(query(args...));
  }
  template <class... Args>
  Task<Row> fetch_one(const Args&... args) const {
    return internal::fetch_one(query(args...));
  }
  template <class... Args>
  Task<std::optional<Row>> fetch_one_or_none(const Args&... args) const {
    return internal::fetch_one_or_none(query(args...));
  }
  template <class T, class... Args>
  Task<T> fetch_value(const Args&... args) const {
    return internal::fetch_value<T>(query(args...));
  }
  template <class... Args>
  Generator<Row> stream(const Args&... args) const {
    return internal::stream(query(args...));
  }

  std::string_view text() const noexcept { return query_.text.view(); }

 private:
  template <class... Args>
  internal::Query query(const Args&... args) const {
    return query_.with(internal::Parameters(args...));
  }

  internal::Query query_;
};

}  // namespace eddy::sql
