// spooled_temporary_file(): a temporary file that is in memory until it is too large for that, or
// somebody wants a descriptor.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/internal/keeping.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/spooled_state.hpp>
#include <eddy/file/temporary_file.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eddy {

// Its verbs are those of a File that Python's has as well, and its calls are done in the order in
// which they were made. What is in memory waits for nothing. Lines are gone through by readline(),
// which gives an empty one at the end; what is a file's own, as sync(), stat() or a name, it has
// not: fileno() is for that. Gone at the end as a temporary_file() is: the last handle closes it. A
// call on one that is closed throws UsageError.
class SpooledTemporaryFile {
 public:
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  SpooledTemporaryFile() = default;
  SpooledTemporaryFile(SpooledTemporaryFile&&) noexcept = default;
  SpooledTemporaryFile& operator=(SpooledTemporaryFile&&) noexcept = default;

  Task<std::string> read(std::size_t count = all);
  Task<std::size_t> read_into(MutableBytes into);
  // At least one byte, with one read at most; 0 at the end.
  Task<std::size_t> read_some(MutableBytes into);
  // Throws EndOfFile, with what there was, if there is less.
  Task<> read_exactly(MutableBytes into);
  Task<std::string> readline();
  // All lines; or whole ones until they have more than `hint` bytes.
  Task<std::vector<std::string>> readlines(std::size_t hint = all);
  // At least one byte and at most `count`, without taking them; none at the end.
  Task<std::string> peek(std::size_t count);
  // What would make it larger than the limit goes to the file, and all before it.
  Task<std::size_t> write(Bytes bytes);
  template <internal::TemporaryBytes R>
  Task<std::size_t> write(R&& bytes) {
    return internal::keeping(std::move(bytes), [state = state_to_use()](R& memory) {
      return write(state, Bytes(memory));
    });
  }
  // A write() for each of `lines`, which must stay, unless they are a temporary: what others write
  // meanwhile may come between two of them.
  template <class Range>
  Task<> writelines(Range&& lines) {
    return writelines<Range>(state_to_use(), std::forward<Range>(lines));
  }
  Task<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::start);
  Task<std::uint64_t> tell();
  Task<std::uint64_t> truncate(std::optional<std::uint64_t> size = std::nullopt);
  Task<> flush();

  // To the file, with the same content and position, and there it stays. Failed or cancelled: it is
  // in memory still.
  Task<> rollover();
  // Its descriptor, after a rollover().
  Task<int> fileno();
  bool in_memory() const;

  Task<> close();
  bool closed() const noexcept;

 private:
  using State = internal::Counted<internal::SpooledState>;
  friend SpooledTemporaryFile spooled_temporary_file(std::size_t, TemporaryFileOptions);
  explicit SpooledTemporaryFile(State state) noexcept : state_(std::move(state)) {}
  State state_to_use() const;
  static Task<std::size_t> write(State state, Bytes bytes);
  template <class Range>
  static Task<> writelines(State state, Range lines) {
    for (const auto& line : lines) EDDY_DO(write(state, line));
  }

  State state_;
};

// In memory while it has at most `max` bytes; 0: however large, until rollover() or fileno(). The
// file is made when it is needed, as temporary_file(options) does.
SpooledTemporaryFile spooled_temporary_file(std::size_t max = 0, TemporaryFileOptions options = {});

}  // namespace eddy
