// CopyState: a COPY that is under way; CopyLease: the object's that does it, which calls it off
// when it goes.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sql/internal/connection_state.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace eddy::sql::internal {

struct CopyState : eddy::internal::RefCounted<CopyState> {
  CopyState(eddy::internal::Counted<ConnectionState> on, Text sql, bool to_server)
      : use(std::move(on)), text(std::move(sql)), in(to_server) {}
  // What has not ended is called off, in a task of the loop's.
  ~CopyState();
  // The user's object is gone: a call that is under way goes on.
  void drop() noexcept {}

  Use use;  // until it is over
  Text text;
  bool in;
  bool over = false;        // failed, or called off
  bool ended = false;       // as it should
  bool running = false;     // a call on it is under way
  char* row = nullptr;      // libpq's, of a CopyOut: what nobody has read yet of it
  std::size_t row_size = 0;
  std::size_t row_read = 0;
};

class CopyLease : eddy::internal::Handle<CopyState> {
  using Handle = eddy::internal::Handle<CopyState>;

 public:
  CopyLease() = default;
  explicit CopyLease(eddy::internal::Counted<CopyState> copy) noexcept : Handle(std::move(copy)) {}
  // Throws UsageError when there is none, or it is over.
  eddy::internal::Counted<CopyState> to_use() const;
  eddy::internal::Counted<CopyState> state() const noexcept { return *this; }
};

using CopyPointer = eddy::internal::Counted<CopyState>;

Task<CopyPointer> copy_begin(eddy::internal::Counted<ConnectionState> state, Text sql,
                             bool to_server);
Task<> copy_write(CopyPointer copy, Bytes bytes);
Task<std::uint64_t> copy_finish(CopyPointer copy);
Task<std::size_t> copy_read(CopyPointer copy, MutableBytes into);
Task<std::string> copy_read_all(CopyPointer copy);
Task<> copy_abort(CopyPointer copy);

}  // namespace eddy::sql::internal
