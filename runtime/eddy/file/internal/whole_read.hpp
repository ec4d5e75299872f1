// ReadWhole: a file opened, read to its end and closed, in one call.
//
// What is in the caches is read where it is awaited, by plain calls that refuse to wait, and
// without a frame. On the ring one operation goes from step to step while completions are reaped,
// so that the steps of many files share the calls that enter it. All else is open(), read() and
// close().
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/base/text.hpp>
#include <eddy/base/unique_fd.hpp>
#include <eddy/core/internal/raises.hpp>
#include <eddy/core/task.hpp>
#include <eddy/core/try.hpp>
#include <eddy/file/internal/storage.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eddy::internal {

// Bytes read so far, in memory of the pool that nobody has zeroed, and that grows as it must.
class Pieces {
 public:
  Pieces() = default;
  Pieces(Pieces&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  Pieces& operator=(Pieces&&) = delete;
  ~Pieces() { if (data_) Pool::release(data_, capacity_); }

  // Keeps what is there. Throws std::bad_alloc.
  void reserve(std::size_t capacity);
  MutableBytes room() const noexcept { return MutableBytes(data_ + size_, capacity_ - size_); }
  void took(std::size_t count) noexcept {
    EDDY_ASSERT(count <= capacity_ - size_);
    size_ += count;
  }
  std::size_t size() const noexcept { return size_; }
  void clear() noexcept { size_ = 0; }

  template <class Whole>
  Whole whole() const {
    const auto* begin = reinterpret_cast<const typename Whole::value_type*>(data_);
    return Whole(begin, begin + size_);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

// What reading a file is, whatever it is read into.
class WholeReader {
 protected:
  explicit WholeReader(Text path);

  // True: it is here, or error_ says why it cannot be. False: it has to be read elsewhere.
  bool read_now();
  Failure failure() const { return Failure::error(error_, "open", path_); }

  Text path_;
  Pieces pieces_;
  UniqueFd held_;  // a FIFO's: whoever opened its other end must not see that nobody reads
  int error_ = 0;
  bool by_ring_ = false;
  bool gives_way_ = false;  // read, but the others are to have a turn

 private:
  enum class Got : std::uint8_t { all, error, nothing };
  Got read_cached_file();
};

// Reads `path` on the ring into `pieces`. False: nothing was read, since that takes more than this;
// then `held` is to stay open until it is open another way.
Task<bool> read_by_ring(Text path, Pieces& pieces, UniqueFd& held);

// By a File; `held` is closed as soon as that is open.
template <class Whole>
Task<Whole> read_by_file(Text path, UniqueFd held);
template <>
Task<std::string> read_by_file(Text path, UniqueFd held);
template <>
Task<std::vector<std::byte>> read_by_file(Text path, UniqueFd held);

template <class Whole>
class [[nodiscard]] ReadWhole : public WholeReader, public Raises<ReadWhole<Whole>, Whole> {
 public:
  using value_type = Whole;
  explicit ReadWhole(Text path) : WholeReader(std::move(path)) {}

  bool await_ready() {
    if (elsewhere_) [[unlikely]] return elsewhere_->await_ready();  // which refuses a second time
    if (read_now()) [[likely]] return !gives_way_;
    elsewhere_.emplace(read_elsewhere(path_, std::move(held_), by_ring_));
    return elsewhere_->await_ready();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    if (elsewhere_) [[likely]] return elsewhere_->await_suspend(frame);
    thread_state.task->reschedule(frame);
    return true;
  }
  Whole await_resume() { return Raises<ReadWhole, Whole>::await_resume(); }
  Expected<Whole> await_outcome() {
    if (elsewhere_) [[unlikely]] return elsewhere_->await_outcome();
    if (error_) [[unlikely]] return std::unexpected(failure());
    return pieces_.template whole<Whole>();
  }
  operator Task<Whole>() && { return in_a_task(std::move(*this)); }

 private:
  static Task<Whole> in_a_task(ReadWhole call) {
    EDDY_TRY(auto whole, std::move(call));
    co_return whole;
  }
  static Task<Whole> read_elsewhere(Text path, UniqueFd held, bool by_ring) {
    if (by_ring) {
      Pieces pieces;
      EDDY_TRY(const bool all, read_by_ring(path, pieces, held));
      if (all) co_return pieces.template whole<Whole>();
    }
    EDDY_TRY(auto whole, read_by_file<Whole>(path, std::move(held)));
    co_return whole;
  }

  std::optional<Task<Whole>> elsewhere_;
};

}  // namespace eddy::internal
