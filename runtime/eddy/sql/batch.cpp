#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/sql/internal/batch_data.hpp>
#include <eddy/sql/internal/wire.hpp>

#include <libpq-fe.h>

#include <optional>
#include <unordered_map>
#include <utility>

namespace eddy::sql::internal {
namespace {

constexpr std::size_t flush_after = 32 * 1024;  // bytes that libpq was given
constexpr const char* verb_of_batch = "batch";

// A batch on its way: what was sent of it, and what came back.
class BatchRun {
 public:
  BatchRun(Use& use, std::vector<BatchItem>& items)
      : state_(*use.state()), items_(items) {
    answers_.reserve(items.size());
  }

  // Looks up what is prepared; what is not, the first item with its text prepares.
  void find_prepared() {
    std::unordered_map<std::string_view, Counted<PreparedStatement>> made;
    for (BatchItem& item : items_) {
      item.prepares = false;
      item.prepared = {};
      if (!state_.cache.enabled()) continue;
      item.prepared = state_.cache.find(item.text.view());
      if (item.prepared && item.prepared->is_ready()) continue;
      auto& entry = made[item.text.view()];
      item.prepares = !entry;
      if (!entry) entry = item.prepared ? item.prepared : state_.cache.make(item.text.view());
      item.prepared = entry;
    }
  }

  // REQUIRES: all of it was sent or taken
  bool is_over() const noexcept { return over_; }
  std::optional<Failure>& failure() noexcept { return failure_; }
  std::vector<Rows> take_answers() noexcept { return std::move(answers_); }
  // What was done before the failure was undone: none of it was a COMMIT, or may have been one.
  bool is_undone() const noexcept { return !may_have_committed_; }
  // The item whose statement the server has another plan for.
  const Counted<PreparedStatement>& failed_statement() const { return items_[item_].prepared; }

  // Sends as much as there is room for. False: libpq could not.
  bool send() {
    while (sent_ < items_.size() && !is_full_) {
      if (!send(items_[sent_])) return false;
      ++sent_;
      if (unflushed_ < flush_after) continue;
      unflushed_ = 0;
      is_full_ = ::PQflush(state_.conn()) > 0;
    }
    if (sent_ == items_.size()) state_.sync_pipeline();
    return true;
  }
  bool is_sent() const noexcept { return sent_ == items_.size(); }
  void wrote() noexcept { is_full_ = false; }

  // Takes the answers that are there. Behind the last of a broken connection are nulls for ever.
  void take() {
    bool ended = false;
    while (!ended && state_.conn() && !over_ && (received_ < commands_ || state_.is_synced) &&
           !::PQisBusy(state_.conn())) {
      ResultPointer result = take_result(state_);
      ended = !result && was_null_ && ::PQstatus(state_.conn()) == CONNECTION_BAD;
      was_null_ = !result;
      if (!ended) take_one(std::move(result));
    }
  }

 private:
  bool send(const BatchItem& item) {
    const Parameters& values = item.parameters;
    pg_conn* conn = state_.conn();
    unflushed_ += values.bytes() + item.text.view().size() + 64;
    if (!item.prepared) {
      ++commands_;
      return ::PQsendQueryParams(conn, item.text.c_str(), values.count(), values.types(),
                                 values.values(), values.lengths(), values.formats(), 0);
    }
    const char* name = item.prepared->name.c_str();
    if (item.prepares) {
      ++commands_;
      if (!::PQsendPrepare(conn, name, item.text.c_str(), values.count(), values.types())) {
        return false;
      }
    }
    ++commands_;
    return ::PQsendQueryPrepared(conn, name, values.count(), values.values(), values.lengths(),
                                 values.formats(), 0);
  }

  void take_one(ResultPointer result) {
    if (!result) {
      end_command();
    } else if (::PQresultStatus(result->get()) == PGRES_PIPELINE_SYNC) {
      over_ = true;
    } else if (is_copy(*result)) {
      if (!failure_) failure_ = misused("a COPY in a batch");
      state_.terminate("a COPY was begun in a batch");
    } else if (is_failure(*result)) {
      if (!failure_) fail_by(*result);
    } else if (!failure_) {
      accept(std::move(result));
    }
  }
  void fail_by(const ResultData& result) {
    failure_ = failure_of(state_, result, verb_of_batch, items_[item_].text.view());
  }
  void accept(ResultPointer result) {
    BatchItem& item = items_[item_];
    if (item.prepares && !prepared_) {
      item.prepared->session = state_.cache.session();
      state_.cache.add(item.prepared);
    } else {
      // A CALL too; what has a count of rows cannot.
      may_have_committed_ |= *::PQcmdTuples(result->get()) == '\0';
      answers_.emplace_back(std::move(result));
    }
  }
  void end_command() noexcept {
    ++received_;
    if (failure_) return;  // the item that failed stays the one
    if (items_[item_].prepares && !prepared_) {
      prepared_ = true;
    } else {
      prepared_ = false;
      if (item_ + 1 < items_.size()) ++item_;
    }
  }

  ConnectionState& state_;
  std::vector<BatchItem>& items_;
  std::vector<Rows> answers_;
  std::optional<Failure> failure_;
  std::size_t sent_ = 0;      // items
  std::size_t commands_ = 0;  // sent; an item that prepares is two
  std::size_t received_ = 0;  // of them
  std::size_t item_ = 0;      // whose answer comes next
  bool prepared_ = false;     // its first half was answered
  std::size_t unflushed_ = 0;
  bool was_null_ = false;  // the last that was taken
  bool is_full_ = false;
  bool over_ = false;
  bool may_have_committed_ = false;
};

Task<> exchange_batch(ConnectionState& state, BatchRun& run) {
  for (;;) {
    if (!run.send()) co_await fail(state.lost());
    run.take();
    if (run.is_over()) break;
    if (!state.conn() && run.failure()) co_await fail(std::move(*run.failure()));
    if (!state.conn()) co_await fail(state.closed_failure());
    EDDY_DO(wait_input(state, run.is_sent() ? Wanted::input : Wanted::room));
    run.wrote();
  }
  state.end_command();
}

Task<std::vector<Rows>> attempt_batch(Use& use, std::vector<BatchItem>& items) {
  ConnectionState& state = *use.state();
  if (!state.cache.unused().empty()) EDDY_DO(forget_unused(use));
  if (!state.conn()) co_await fail(state.closed_failure());
  BatchRun run(use, items);
  run.find_prepared();
  auto exchanging = exchange_batch(state, run);
  state.outdated = false;
  state.set_subject(verb_of_batch, {});
  // libpq 15 has the first command of a pipeline answer row by row where a stream did before it.
  // What it refuses ends that, and is not sent.
  static_cast<void>(::PQsendQuery(state.conn(), nullptr));
  if (!::PQenterPipelineMode(state.conn())) {
    exchanging.discard();
    co_await fail(state.lost());
  }
  state.in_pipeline = true;
  state.in_command = true;
  auto ended = co_await as_outcome(std::move(exchanging));
  if (state.in_command) [[unlikely]] co_await stop_command(use);
  if (run.failure()) {
    if (state.outdated && run.failed_statement()) set_aside(state, run.failed_statement());
    state.outdated = state.outdated && run.is_undone();
    co_await fail(std::move(*run.failure()));
  }
  if (!ended) co_await fail(std::move(ended.error()));
  co_return run.take_answers();
}

}  // namespace

void BatchData::add(std::string_view sql, Parameters values) {
  if (begins_a_copy(sql)) throw UsageError("a COPY in a batch");
  items_.emplace_back(text_of(sql), std::move(values));
}

Task<std::vector<Rows>> run_batch(StatePointer connection, BatchData batch) {
  if (connection->must_wait()) EDDY_DO(connection->until_free());
  Use use(connection);
  if (batch.size() == 0) co_return std::vector<Rows>();
  const bool is_alone = is_idle(*connection);
  auto answers = co_await as_outcome(attempt_batch(use, batch.items()));
  // All of it was undone: it can be done again.
  if (!answers && connection->outdated && is_alone && is_idle(*connection)) {
    answers = co_await as_outcome(attempt_batch(use, batch.items()));
  }
  if (!answers) co_await fail(std::move(answers.error()));
  co_return std::move(*answers);
}

}  // namespace eddy::sql::internal
