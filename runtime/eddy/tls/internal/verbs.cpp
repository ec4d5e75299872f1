#include <eddy/tls/internal/verbs.hpp>

#include <eddy/base/description.hpp>
#include <eddy/bytes/end_of_file.hpp>
#include <eddy/bytes/limit_exceeded.hpp>
#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <new>
#include <optional>

namespace eddy::tls::internal {

using Step = TlsState::Step;

Failure TlsSource::end_of_file(std::string_view verb, std::string partial,
                               std::string_view expected) {
  return Failure::holding(EndOfFile(verb, state_->subject(), std::move(partial), expected));
}

Failure TlsSource::limit_exceeded(std::string_view verb, std::size_t limit) {
  return Failure::holding(LimitExceeded(verb, state_->subject(), limit));
}

// -- reading --

Task<std::size_t> read_some(TlsState::Counted state, MutableBytes into) {
  state->require_free_to_read();
  const Reading reading(*state);
  if (into.empty()) co_return 0;
  if (!state->ahead.empty()) co_return state->ahead.take(into);
  for (;;) {
    if (state->closing) co_await fail(state->error(ECANCELED, "read"));
    const auto got = state->decrypt(into);
    if (got.step == Step::done) co_return got.count;
    if (got.step == Step::ended) co_return 0;
    if (got.step == Step::failed) co_await fail(*state->read_failure);
    EDDY_DO(TlsState::fetch(state));
  }
}

Task<std::size_t> fill(TlsState::Counted state) {
  state->require_free_to_read();
  const Reading reading(*state);
  for (;;) {
    if (state->closing) co_await fail(state->error(ECANCELED, "read"));
    const auto got = state->decrypt_ahead();
    if (got.step == Step::done) co_return got.count;
    if (got.step == Step::ended) co_return 0;
    if (got.step == Step::failed) co_await fail(*state->read_failure);
    EDDY_DO(TlsState::fetch(state));
  }
}

// What was read comes first in the next read. Without memory for that nobody may read on behind it.
static void give_back(TlsState& state, Bytes bytes) {
  try {
    state.ahead.prepend(bytes);
  } catch (const std::bad_alloc&) {
    state.read_failure = Failure::current();
    throw;
  }
}

static Expected<bool> read_more(TlsState& state, MutableBytes into, std::size_t& done) {
  if (state.closing) return std::unexpected(state.error(ECANCELED, "read"));
  const auto got = state.decrypt(MutableBytes(into.subspan(done)));
  done += got.count;
  if (got.step == Step::failed) return std::unexpected(*state.read_failure);
  return got.step != Step::ended;
}

Task<> read_exactly(TlsState::Counted state, MutableBytes into) {
  state->require_free_to_read();
  const Reading reading(*state);
  std::size_t done = state->ahead.take(into);
  while (done < into.size()) {
    auto more = read_more(*state, into, done);
    if (more && !*more) {
      const std::string expected = eddy::internal::count_of_bytes(into.size());
      std::string partial(Bytes(into.data(), done).text());
      co_await fail(TlsSource(state).end_of_file("read", std::move(partial), expected));
    }
    if (more && done == into.size()) break;
    if (more) {
      auto fetched = co_await as_outcome(TlsState::fetch(state));
      if (fetched) continue;
      more = std::unexpected(std::move(fetched.error()));
    }
    give_back(*state, Bytes(into.data(), done));
    co_await fail(std::move(more.error()));
  }
}

// -- writing --

Task<std::size_t> write_some(TlsState::Counted state, Bytes bytes) {
  state->require_free_to_write();
  if (bytes.empty()) co_return 0;
  const Writing writing(*state);
  if (!state->all_sent()) EDDY_DO(TlsState::flush(state));
  if (state->closing) co_await fail(state->error(ECANCELED, "write"));
  auto taken = state->encrypt(bytes);
  if (!taken) co_await fail(std::move(taken.error()));
  if (!state->flush_beside()) EDDY_DO(TlsState::flush(state));
  co_return *taken;
}

Task<> write_all(TlsState::Counted state, Bytes bytes, bool by_writer) {
  if (!by_writer) state->require_free_to_write();
  std::optional<Writing> writing;
  if (!by_writer) writing.emplace(*state);
  while (!bytes.empty()) {
    if (state->closing) co_await fail(state->error(ECANCELED, "write"));
    auto taken = state->encrypt(bytes);
    if (!taken) co_await fail(std::move(taken.error()));
    bytes = Bytes(bytes.subspan(*taken));
    if (state->all_sent()) continue;  // by plain calls
    if (!state->flushing) {
      EDDY_DO(TlsState::send_out(state));
    } else {
      EDDY_DO(TlsState::flush(state));
    }
  }
}

// Pieces that are small are brought together, so that they share a record.
Task<> write_vectored(TlsState::Counted state, std::span<const Bytes> pieces) {
  static constexpr std::size_t small = 4096;
  state->require_free_to_write();
  const Writing writing(*state);
  eddy::internal::ReadAhead together;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool fits = pieces[i].size() <= small;
    if (fits) together.append(pieces[i]);
    const bool last = i + 1 == pieces.size();
    if (!together.empty() && (!fits || last || together.size() > small)) {
      EDDY_DO(write_all(state, together.view(), true));
      together.release();
    }
    if (!fits) EDDY_DO(write_all(state, pieces[i], true));
  }
}

Task<std::uint64_t> send_file(TlsState::Counted state,
                              eddy::internal::Counted<eddy::internal::FileState> file,
                              std::uint64_t offset, std::uint64_t count) {
  static constexpr std::size_t piece = TlsState::batch;
  eddy::internal::FileAccess::check_readable(file);
  if (!eddy::internal::is_offset(offset)) co_await fail(eddy::internal::no_offset(file->name));
  state->require_free_to_write();
  const Writing writing(*state);
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(piece);
  std::uint64_t done = 0;
  while (done < count) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece, count - done));
    const MutableBytes room(memory.get(), size);
    EDDY_TRY(auto got, eddy::ReadAt(file, room, offset + done));
    if (got == 0) break;
    EDDY_DO(write_all(state, Bytes(memory.get(), got), true));
    done += got;
  }
  co_return done;
}

}  // namespace eddy::tls::internal
