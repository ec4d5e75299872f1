#include <eddy/sql/internal/prepared.hpp>

namespace eddy::sql::internal {
namespace {

std::string name_of(std::uint64_t number) { return "eddy_" + std::to_string(number); }

}  // namespace

PreparedStatement::PreparedStatement(std::string_view sql, std::uint64_t number,
                                     eddy::internal::Counted<UnusedNames> names)
    : text(sql), name(name_of(number)), unused(std::move(names)) {}

PreparedStatement::~PreparedStatement() { leave_name(); }

void PreparedStatement::renew(std::uint64_t number) {
  std::string next = name_of(number);
  leave_name();
  name = std::move(next);
}

void PreparedStatement::leave_name() noexcept {
  if (!is_ready()) return;
  session = 0;
  try {
    unused->names.push_back(name);
  } catch (...) {  // no memory: then the server keeps it as long as the connection
  }
}

PreparedCache::~PreparedCache() {
  unused_->session = 0;
  while (order_.pop_front()) {
  }
}

PreparedCache::Entry PreparedCache::find(std::string_view text) {
  const auto found = index_.find(text);
  if (found == index_.end()) return {};
  PreparedStatement& entry = *found->second;
  entry.unlink();
  order_.push_back(entry);
  return found->second;
}

PreparedCache::Entry PreparedCache::make(std::string_view text) {
  return Entry(new PreparedStatement(text, next_number(), unused_));
}

void PreparedCache::add(const Entry& entry) {
  if (!enabled()) return;
  if (!index_.emplace(entry->text, entry).second) return;
  order_.push_back(*entry);
  if (index_.size() > capacity_) forget(*order_.front());
}

void PreparedCache::forget(PreparedStatement& entry) noexcept {
  entry.unlink();
  const auto found = index_.find(entry.text);
  if (found != index_.end() && found->second.get() == &entry) {
    const Entry last = std::move(found->second);  // of whose text the key is a view
    index_.erase(found);
  }
}

void PreparedCache::begin_session() noexcept {
  ++unused_->session;
  unused_->names.clear();
}

}  // namespace eddy::sql::internal
