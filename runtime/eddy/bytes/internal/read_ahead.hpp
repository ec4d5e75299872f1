// ReadAhead: bytes that were read and not taken yet, in one pooled block that is there only while
// there are any.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/pool.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace eddy::internal {

class ReadAhead {
 public:
  ReadAhead() = default;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead() { release(); }

  bool empty() const noexcept { return begin_ == end_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  // Until the next call that is not const.
  Bytes view() const noexcept { return Bytes(data_ + begin_, size()); }

  // Takes the first `count`. REQUIRES: there are so many
  void consume(std::size_t count) noexcept {
    EDDY_ASSERT(count <= size());
    begin_ += count;
    if (empty()) release();
  }

  // As many as there are and fit into `into`; how many.
  std::size_t take(MutableBytes into) noexcept {
    const std::size_t count = std::min(into.size(), size());
    if (count == 0) return 0;
    std::memcpy(into.data(), data_ + begin_, count);
    consume(count);
    return count;
  }

  // The first `count` as a text. Takes nothing without memory. REQUIRES: there are so many
  std::string take_text(std::size_t count) {
    EDDY_ASSERT(count <= size());
    std::string text(view().text().substr(0, count));
    consume(count);
    return text;
  }

  // Room behind the bytes for `count` more; add() says how many were put there.
  MutableBytes room(std::size_t count) {
    if (capacity_ - end_ < count) grow(0, count);
    return MutableBytes(data_ + end_, capacity_ - end_);
  }
  void add(std::size_t count) noexcept {
    EDDY_ASSERT(count <= capacity_ - end_);
    end_ += count;
    if (empty()) release();
  }

  void append(Bytes bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
    add(bytes.size());
  }

  // Gives back what was taken: it comes first again.
  void prepend(Bytes bytes) {
    if (bytes.empty()) return;
    if (begin_ < bytes.size()) grow(bytes.size(), 0);
    begin_ -= bytes.size();
    std::memcpy(data_ + begin_, bytes.data(), bytes.size());
  }

  void swap(ReadAhead& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

  // Frees the memory. What was there is gone.
  void release() noexcept {
    if (data_) Pool::release(data_, capacity_);
    data_ = nullptr;
    capacity_ = begin_ = end_ = 0;
  }

 private:
  static constexpr std::size_t smallest = 512;

  // Moves the bytes to `before`, so that there is room for `after` behind them.
  void grow(std::size_t before, std::size_t after) {
    const std::size_t used = size();
    const std::size_t needed = before + used + after;
    if (needed <= capacity_) {
      std::memmove(data_ + before, data_ + begin_, used);
    } else {
      const std::size_t capacity = std::max({needed, 2 * capacity_, smallest});
      auto* data = static_cast<std::byte*>(Pool::allocate(capacity));
      if (used) std::memcpy(data + before, data_ + begin_, used);
      if (data_) Pool::release(data_, capacity_);
      data_ = data;
      capacity_ = capacity;
    }
    begin_ = before;
    end_ = before + used;
  }

  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace eddy::internal
