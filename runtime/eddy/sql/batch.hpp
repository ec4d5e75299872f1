// Batch: statements that go to the server together, in one journey (libpq's pipeline mode).
//
//   Batch batch;
//   for (const User& user : users) batch.add("insert into users values ($1)", user.name);
//   std::vector<Rows> answers = co_await connection.run(std::move(batch));
//
// All of them are one transaction, unless they are inside of one: the first that fails undoes those
// before it, keeps those after it from being run, and is what run() throws. They are prepared and
// found again as those of Connection's verbs are. However many they are, neither side waits for the
// other with full buffers.
#pragma once

#include <eddy/sql/internal/batch_data.hpp>
#include <eddy/sql/internal/parameters.hpp>

#include <cstddef>
#include <string_view>
#include <utility>

namespace eddy::sql {

class Batch {
 public:
  // Copies the statement and its values. Throws UsageError for a COPY, which a batch cannot do.
  template <class... Args>
  void add(std::string_view sql, const Args&... args) {
    data_.add(sql, internal::Parameters(args...));
  }
  std::size_t size() const noexcept { return data_.size(); }
  bool empty() const noexcept { return size() == 0; }
  void clear() noexcept { data_.clear(); }

  internal::BatchData take() noexcept { return std::move(data_); }

 private:
  internal::BatchData data_;
};

}  // namespace eddy::sql
