// BatchData: the statements of a Batch and their values.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/text.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sql/internal/connection_state.hpp>
#include <eddy/sql/internal/parameters.hpp>
#include <eddy/sql/internal/prepared.hpp>
#include <eddy/sql/row.hpp>

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy::sql::internal {

struct BatchItem {
  BatchItem(Text sql, Parameters values) noexcept
      : text(std::move(sql)), parameters(std::move(values)) {}
  Text text;
  Parameters parameters;
  eddy::internal::Counted<PreparedStatement> prepared;
  bool prepares = false;  // it is the first with its text, which is prepared before it
};

class BatchData {
 public:
  void add(std::string_view sql, Parameters values);
  std::size_t size() const noexcept { return items_.size(); }
  void clear() noexcept { items_.clear(); }
  std::vector<BatchItem>& items() noexcept { return items_; }

 private:
  std::vector<BatchItem> items_;
};

Task<std::vector<Rows>> run_batch(eddy::internal::Counted<ConnectionState> state, BatchData batch);

}  // namespace eddy::sql::internal
