#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sql/internal/copy_state.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <new>
#include <utility>

namespace eddy::sql::internal {
namespace {

constexpr std::size_t largest_piece = 64 * 1024;  // as one message, and so in libpq's buffer
constexpr std::size_t read_all_piece = 16 * 1024;

// One call at a time.
class CopyCall {
 public:
  explicit CopyCall(CopyState& copy) : copy_(&copy) {
    if (copy.running) throw UsageError("two calls on one COPY");
    copy.running = true;
    if (copy.use.state()) copy.use.state()->held = false;
  }
  CopyCall(const CopyCall&) = delete;
  CopyCall& operator=(const CopyCall&) = delete;
  ~CopyCall() {
    copy_->running = false;
    if (copy_->use.state()) copy_->use.state()->held = true;
  }

 private:
  CopyState* copy_;
};

void drop_row(CopyState& copy) noexcept {
  if (copy.row) ::PQfreemem(std::exchange(copy.row, nullptr));
}

void close_copy(CopyState& copy, bool as_it_should) noexcept {
  (as_it_should ? copy.ended : copy.over) = true;
  drop_row(copy);
  copy.use.end();
}

Task<> call_off(CopyState& copy) {
  co_await stop_command(copy.use);
  close_copy(copy, false);
}

// What the server says instead of taking part in the COPY.
Task<> fail_to_begin(CopyState& copy, const char* verb, ResultPointer result) {
  ConnectionState& state = *copy.use.state();
  if (result && is_failure(*result)) {
    Failure failure = failure_of(state, *result, verb, copy.text.view());
    EDDY_DO(drain(state));
    co_await fail(std::move(failure));
  }
  co_await fail(misused(copy.in ? "copy_in() of what is no COPY ... FROM STDIN"
                                : "copy_out() of what is no COPY ... TO STDOUT"));
}

Task<> begin_copy(CopyState& copy) {
  ConnectionState& state = *copy.use.state();
  const char* verb = copy.in ? "copy_in" : "copy_out";
  state.set_subject(verb, copy.text);
  if (!::PQsendQuery(state.conn(), copy.text.c_str())) {
    co_await fail(state.lost());
  }
  state.in_command = true;
  while (!is_ready(state)) EDDY_DO(wait_input(state));
  if (!state.conn()) co_await fail(state.closed_failure());
  ResultPointer result = take_result(state);
  const auto wanted = copy.in ? PGRES_COPY_IN : PGRES_COPY_OUT;
  if (!result || ::PQresultStatus(result->get()) != wanted) {
    EDDY_DO(fail_to_begin(copy, verb, std::move(result)));
  }
}

// Until the socket has taken all that libpq holds. `refused`: libpq had no memory for more, and has
// where that is less.
Task<> send_put(ConnectionState& state, bool refused) {
  int unsent;
  while ((unsent = ::PQflush(state.conn())) != 0) {
    if (unsent < 0) co_await fail(state.lost());
    refused = false;
    EDDY_DO(wait_input(state, Wanted::room));
    if (!state.conn()) co_await fail(state.closed_failure());
  }
  if (refused) throw std::bad_alloc();
}

Task<> put_rows(CopyState& copy, Bytes bytes) {
  ConnectionState& state = *copy.use.state();
  while (!bytes.empty()) {
    const Bytes piece = bytes.first(std::min(bytes.size(), largest_piece));
    const int taken = ::PQputCopyData(state.conn(), piece.text().data(),
                                      static_cast<int>(piece.size()));
    if (taken < 0) co_await fail(state.lost());
    if (taken > 0) bytes = bytes.subspan(piece.size());
    EDDY_DO(send_put(state, taken == 0));
  }
}

Task<std::uint64_t> end_input(CopyState& copy) {
  ConnectionState& state = *copy.use.state();
  for (;;) {
    const int taken = ::PQputCopyEnd(state.conn(), nullptr);
    if (taken > 0) break;
    if (taken < 0) co_await fail(state.lost());
    EDDY_DO(send_put(state, true));
  }
  EDDY_TRY(const ResultPointer result, collect(state, "copy_in", copy.text));
  co_return result ? result->affected() : 0;
}

// As much as is there, without a wait. Nothing, and `end`: there is no more.
std::size_t take_rows(CopyState& copy, MutableBytes into, bool& end) noexcept {
  std::size_t taken = 0;
  while (taken < into.size() && !end) {
    if (!copy.row) {
      const int size = ::PQgetCopyData(copy.use.state()->conn(), &copy.row, 1);
      end = size < 0;
      if (size <= 0) break;
      copy.row_size = static_cast<std::size_t>(size);
      copy.row_read = 0;
    }
    const std::size_t count = std::min(into.size() - taken, copy.row_size - copy.row_read);
    std::memcpy(into.data() + taken, copy.row + copy.row_read, count);
    taken += count;
    copy.row_read += count;
    if (copy.row_read == copy.row_size) drop_row(copy);
  }
  return taken;
}

// Waits for the end of a COPY whose last row was read.
Task<> end_output(CopyState& copy) {
  ConnectionState& state = *copy.use.state();
  auto last = co_await as_outcome(collect(state, "copy_out", copy.text));
  if (state.in_command) co_await stop_command(copy.use);
  close_copy(copy, static_cast<bool>(last));
  if (!last) co_await fail(std::move(last.error()));
}

Task<std::size_t> read_rows(CopyState& copy, MutableBytes into) {
  ConnectionState& state = *copy.use.state();
  bool end = false;
  std::size_t taken = 0;
  while (!into.empty()) {
    taken = take_rows(copy, into, end);
    if (taken > 0) co_return taken;  // the end comes again with the next call
    if (end) {
      EDDY_DO(end_output(copy));
      co_return 0;
    }
    auto waited = co_await as_outcome(wait_to_take(state));
    if (waited) continue;
    if (!state.conn()) close_copy(copy, false);
    co_await fail(std::move(waited.error()));
  }
  co_return 0;
}

}  // namespace

bool begins_a_copy(std::string_view sql) noexcept {
  for (;;) {
    while (!sql.empty() && std::isspace(static_cast<unsigned char>(sql.front()))) {
      sql.remove_prefix(1);
    }
    const std::string_view end = sql.starts_with("--") ? "\n" : "*/";
    if (!sql.starts_with("--") && !sql.starts_with("/*")) break;
    const std::size_t at = sql.find(end, 2);
    sql.remove_prefix(at == sql.npos ? sql.size() : at + end.size());
  }
  constexpr std::string_view word = "copy";
  if (sql.size() <= word.size() || std::isalnum(static_cast<unsigned char>(sql[word.size()]))) {
    return false;
  }
  return std::equal(word.begin(), word.end(), sql.begin(), [](char a, char b) {
    return a == std::tolower(static_cast<unsigned char>(b));
  });
}

CopyState::~CopyState() {
  drop_row(*this);
  if (use.state()) use.state()->held = false;
  stop_in_background(std::move(use));
}

Counted<CopyState> CopyLease::to_use() const {
  const Counted<CopyState> copy = state();
  if (!copy) throw UsageError("a COPY that was not begun, or moved from");
  if (copy->over) throw UsageError("a COPY that was called off");
  if (copy->ended && copy->in) throw UsageError("a COPY that has ended");
  return copy;
}

Task<CopyPointer> copy_begin(StatePointer state, Text sql, bool to_server) {
  if (!begins_a_copy(sql.view())) {
    co_await fail(misused("copy_in() and copy_out() are for COPY alone"));
  }
  if (state->must_wait()) EDDY_DO(state->until_free());
  CopyPointer copy(new CopyState(state, sql, to_server));
  auto begun = co_await as_outcome(begin_copy(*copy));
  if (!begun) {
    co_await call_off(*copy);
    co_await fail(std::move(begun.error()));
  }
  state->held = true;
  co_return copy;
}

Task<> copy_write(CopyPointer copy, Bytes bytes) {
  const CopyCall call(*copy);
  auto written = co_await as_outcome(put_rows(*copy, bytes));
  if (written) co_return;
  co_await call_off(*copy);
  co_await fail(std::move(written.error()));
}

Task<std::uint64_t> copy_finish(CopyPointer copy) {
  const CopyCall call(*copy);
  auto rows = co_await as_outcome(end_input(*copy));
  if (rows) {
    close_copy(*copy, true);
    co_return *rows;
  }
  co_await call_off(*copy);
  co_await fail(std::move(rows.error()));
  co_return 0;  // never: clang does not know that fail() does not return
}

Task<std::size_t> copy_read(CopyPointer copy, MutableBytes into) {
  const CopyCall call(*copy);
  if (copy->ended) co_return 0;
  EDDY_TRY(const std::size_t size, read_rows(*copy, into));
  co_return size;
}

Task<std::string> copy_read_all(CopyPointer copy) {
  std::string all;
  std::string piece(read_all_piece, '\0');
  for (;;) {
    EDDY_TRY(const std::size_t size, copy_read(copy, MutableBytes(piece)));
    if (size == 0) co_return all;
    all.append(piece, 0, size);
  }
}

Task<> copy_abort(CopyPointer copy) {
  if (!copy || copy->over || copy->ended) co_return;
  const CopyCall call(*copy);
  co_await call_off(*copy);
}

}  // namespace eddy::sql::internal
