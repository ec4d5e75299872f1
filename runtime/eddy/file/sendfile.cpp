#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/file.hpp>
#include <eddy/file/internal/transfer.hpp>

#include <algorithm>

namespace eddy {
using namespace internal;
namespace {

// What was written to `in` and not flushed is sent too.
Task<> flush_source(FileState& in) {
  if (!in.dirty()) co_return;
  EDDY_TRY(auto guard, in.turn());
  EDDY_DO(in.flush());
}

// It is read by its number: nobody closes it meanwhile, as during a read_at().
class InUse {
 public:
  explicit InUse(FileState& file) noexcept : file_(file) { file_.begin_positional(); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  ~InUse() { file_.end_positional(); }

 private:
  FileState& file_;
};

// Both count as owners for as long as it takes.
Task<std::uint64_t> send(Counted<FileState> to, Counted<FileState> from, std::uint64_t offset,
                         std::uint64_t count) {
  FileState& in = *from;
  FileState& out = *to;
  if (!is_offset(offset)) co_await fail(no_offset(in.name));
  FileAccess::check_readable(from);  // it may have been closed since the call was made
  const InUse open(in);
  if (!in.seeks()) co_await fail(Failure::error(ESPIPE, "send", in.name));
  EDDY_DO(flush_source(in));
  EDDY_TRY(auto guard, out.turn());
  out.drop_ahead();
  EDDY_DO(out.flush());
  if (out.is_asking()) EDDY_DO(out.ask());  // a read of the same file would wait for this turn
  // Where it was opened to append the kernel refuses to splice, and writes at the end.
  const bool placed = out.seeks() && !out.mode.append;
  const auto place = static_cast<std::uint64_t>(out.position());
  const Transfer::Report report;
  Transfer transfer(in, out, report);
  const std::uint64_t room = (std::uint64_t{1} << 63) - 1 - offset;
  auto sent = co_await as_outcome(transfer.move(
      offset, placed ? place : Transfer::own_position, std::min(count, room)));
  if (placed) out.move_to(static_cast<std::int64_t>(place + transfer.done()));
  if (!sent) co_await fail(std::move(sent.error()));
  co_return *sent;
}

}  // namespace

Task<std::uint64_t> fs::sendfile(File& out, File& in, std::uint64_t offset, std::uint64_t count) {
  FileAccess::check_writable(FileAccess::state_of(out));
  FileAccess::check_readable(FileAccess::state_of(in));
  return send(FileAccess::state_of(out), FileAccess::state_of(in), offset, count);
}

}  // namespace eddy
