// CopyIn and CopyOut: COPY ... FROM STDIN and COPY ... TO STDOUT as streams of bytes.
//
//   CopyIn in = co_await connection.copy_in("copy t from stdin");
//   co_await in.write_all("1\tone\n");            // or eddy::Writer(in), or eddy::relay's loops
//   const std::uint64_t rows = co_await in.finish();
//
// The connection is theirs until they have ended: another call on it throws UsageError. All of a
// CopyIn arrives, or nothing: one that is dropped, fails or is cancelled before finish() has
// resumed is called off. A CopyOut that is dropped before its end is cancelled. What has to be told
// to the server then is told in a task of the loop's, and the connection's next call waits for it.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/sql/internal/copy_state.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace eddy::sql {

class CopyIn {
 public:
  CopyIn() = default;
  explicit CopyIn(internal::CopyLease lease) noexcept : lease_(std::move(lease)) {}

  // Resumes when libpq and the kernel have taken all of `bytes`, cut anywhere. Throws Error; after
  // that, and after a cancel, the COPY has been called off.
  Task<> write_all(Bytes bytes) { return internal::copy_write(lease_.to_use(), bytes); }
  template <eddy::internal::TemporaryBytes R>
  auto write_all(R&& bytes) {
    return eddy::internal::keeping(std::move(bytes), [copy = lease_.to_use()](R& memory) {
      return internal::copy_write(copy, Bytes(memory));
    });
  }
  // Ends it: how many rows the server has taken. Throws Error where it refuses one: then it has
  // taken none.
  Task<std::uint64_t> finish() { return internal::copy_finish(lease_.to_use()); }
  // Calls it off; the connection is free when this resumes. Idempotent.
  Task<> abort() { return internal::copy_abort(lease_.state()); }

 private:
  internal::CopyLease lease_;
};

class CopyOut {
 public:
  CopyOut() = default;
  explicit CopyOut(internal::CopyLease lease) noexcept : lease_(std::move(lease)) {}

  // At least one byte; 0 at the end. A cancelled call loses none. Throws Error.
  Task<std::size_t> read_some(MutableBytes into) {
    return internal::copy_read(lease_.to_use(), into);
  }
  Task<std::string> read_all() { return internal::copy_read_all(lease_.to_use()); }
  // Calls off what is left; the connection is free when this resumes. Idempotent.
  Task<> abort() { return internal::copy_abort(lease_.state()); }

 private:
  internal::CopyLease lease_;
};

}  // namespace eddy::sql
