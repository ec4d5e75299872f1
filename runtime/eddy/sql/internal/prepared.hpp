// PreparedStatement: a text and its name at the server. PreparedCache: those of a connection, found
// by their text; the one that was not used for the longest time is given up first.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/intrusive.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace eddy::sql::internal {

// What the server of a connection should forget. It outlives the connection for the Statements.
struct UnusedNames : eddy::internal::RefCounted<UnusedNames> {
  std::uint64_t session = 1;  // the number of the present one; 0 once the connection is gone
  std::vector<std::string> names;
};

// Held by the cache and by Statements. The last that lets go leaves its name to be forgotten.
struct PreparedStatement : eddy::internal::RefCounted<PreparedStatement>,
                           eddy::internal::Link<PreparedStatement> {
  PreparedStatement(std::string_view sql, std::uint64_t number,
                    eddy::internal::Counted<UnusedNames> names);
  ~PreparedStatement();
  bool is_ready() const noexcept { return session != 0 && session == unused->session; }
  // The name it had is not to be used any more.
  void renew(std::uint64_t number);

  std::string text;
  std::string name;
  std::uint64_t session = 0;  // in which it is prepared; 0: in none
  eddy::internal::Counted<UnusedNames> unused;

 private:
  void leave_name() noexcept;
};

class PreparedCache {
 public:
  using Entry = eddy::internal::Counted<PreparedStatement>;

  explicit PreparedCache(std::size_t capacity)
      : capacity_(capacity), unused_(new UnusedNames()) {}
  PreparedCache(const PreparedCache&) = delete;
  PreparedCache& operator=(const PreparedCache&) = delete;
  ~PreparedCache();

  bool enabled() const noexcept { return capacity_ > 0; }
  std::size_t size() const noexcept { return index_.size(); }
  // The newest from now on; null where there is none.
  Entry find(std::string_view text);
  // One that is in no cache yet, with a name of its own.
  Entry make(std::string_view text);
  // Takes it in; where it is full, in place of the oldest.
  void add(const Entry& entry);
  void forget(PreparedStatement& entry) noexcept;
  std::uint64_t next_number() noexcept { return ++last_number_; }
  // A new session begins: nothing is prepared in it.
  void begin_session() noexcept;
  std::uint64_t session() const noexcept { return unused_->session; }
  std::vector<std::string>& unused() noexcept { return unused_->names; }

 private:
  std::size_t capacity_;
  std::uint64_t last_number_ = 0;
  eddy::internal::Counted<UnusedNames> unused_;
  std::unordered_map<std::string_view, Entry> index_;  // by the entry's own text
  eddy::internal::List<PreparedStatement> order_;      // the newest at the end
};

}  // namespace eddy::sql::internal
