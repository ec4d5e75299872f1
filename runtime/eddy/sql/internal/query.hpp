// Query: a statement with its values, on a connection; and the coroutines that run one. The verbs
// of Connection and Statement are these.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/flow/generator.hpp>
#include <eddy/sql/internal/connection_state.hpp>
#include <eddy/sql/internal/parameters.hpp>
#include <eddy/sql/internal/prepared.hpp>
#include <eddy/sql/row.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace eddy::sql::internal {

// Owns all it needs: the call may be stored, and spawned.
struct Query {
  Query() = default;
  Query(eddy::internal::Counted<ConnectionState> on, const char* name, std::string_view sql,
        Parameters values)
      : connection(std::move(on)), verb(name), text(text_of(sql)), parameters(std::move(values)) {}
  // Of a Statement: the same with other values. Throws UsageError where there is none.
  Query with(Parameters values) const;

  eddy::internal::Counted<ConnectionState> connection;
  const char* verb = "";
  Text text;
  eddy::internal::Counted<PreparedStatement> prepared;  // null: to be found
  Parameters parameters;
};

Task<std::string> execute_script(Query query);
Task<std::string> execute(Query query);
Task<Rows> fetch(Query query);
Task<std::optional<Row>> fetch_row(Query query);
Task<Row> fetch_first(Query query);
Task<Row> fetch_one(Query query);
Task<std::optional<Row>> fetch_one_or_none(Query query);
Generator<Row> stream(Query query);
Task<Query> prepare(Query query);

template <class T>
Task<T> fetch_value(Query query) {
  static_assert(!std::is_same_v<T, std::string_view> &&
                    !std::is_same_v<T, std::optional<std::string_view>>,
                "nobody keeps what it would be a view of");
  if constexpr (is_optional<T>) {
    EDDY_TRY(const std::optional<Row> row, fetch_row(std::move(query)));
    if (!row) co_return std::nullopt;
    co_return row->template get<T>(0);
  } else {
    EDDY_TRY(const Row row, fetch_first(std::move(query)));
    co_return row.template get<T>(0);
  }
}

}  // namespace eddy::sql::internal
