// SpooledState: the bytes behind a SpooledTemporaryFile, in memory or in a file.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/temporary_file.hpp>
#include <eddy/sync/lock.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eddy::internal {

// In memory: `memory` and `place`, which may be beyond its end. Afterwards: `file`.
class SpooledState : public RefCounted<SpooledState>, public Pooled {
 public:
  SpooledState(std::size_t max, TemporaryFileOptions options)
      : options_(options),
        directory_(options.directory),
        prefix_(options.prefix),
        suffix_(options.suffix),
        mode_(options.mode),
        max_(max) {
    FileMode::parse(mode_.view());
    options_.directory = directory_.view();
    options_.prefix = prefix_.view();
    options_.suffix = suffix_.view();
    options_.mode = mode_.view();
  }

  Task<Lock::Guard> turn() {
    EDDY_TRY(auto guard, lock.scoped());
    check_open();
    co_return std::move(guard);
  }
  void check_open() const {
    if (closed) throw UsageError("a call on a closed file");
  }

  bool has_room_for(std::uint64_t end) const noexcept { return max_ == 0 || end <= max_; }

  std::string_view rest() const noexcept {
    return std::string_view(memory).substr(std::min<std::uint64_t>(place, memory.size()));
  }

  // REQUIRES: it has the turn
  Task<> to_file() {
    if (file) co_return;
    EDDY_TRY(auto fresh, temporary_file(options_));
    EDDY_DO(fresh.write(memory));
    EDDY_DO(fresh.seek(static_cast<std::int64_t>(place)));
    file.emplace(std::move(fresh));
    memory = std::string();
    EDDY_ASSERT(!file->closed());
  }

  std::string memory;
  std::uint64_t place = 0;
  std::optional<File> file;
  bool closed = false;
  Lock lock;  // one order of calls

 private:
  TemporaryFileOptions options_;
  Text directory_;
  Text prefix_;
  Text suffix_;
  Text mode_;
  std::size_t max_;
};

}  // namespace eddy::internal
