// Outgoing: what was encrypted and has not gone yet, in order. What is being sent stays where it
// is while more comes behind it; there is memory only while there are bytes.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/pool.hpp>

#include <cstddef>
#include <cstring>
#include <utility>

namespace eddy::tls::internal {

class Outgoing {
 public:
  Outgoing() = default;
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  ~Outgoing() { clear(); }

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return sending_.size() + coming_.size(); }

  // The next append() of so many does not fail. Throws std::bad_alloc.
  void reserve(std::size_t count) { coming_.reserve(count); }
  void append(Bytes bytes) {
    if (bytes.empty()) return;
    coming_.reserve(bytes.size());
    std::memcpy(coming_.data + coming_.end, bytes.data(), bytes.size());
    coming_.end += bytes.size();
  }

  // What goes first: it stays until it is consumed. REQUIRES: not empty
  Bytes front() noexcept {
    if (sending_.size() == 0) std::swap(sending_, coming_);
    return Bytes(sending_.data + sending_.begin, sending_.size());
  }
  void consume(std::size_t count) noexcept {
    sending_.begin += count;
    if (sending_.size() == 0) sending_.clear();
  }
  void clear() noexcept {
    sending_.clear();
    coming_.clear();
  }

 private:
  struct Block {
    std::size_t size() const noexcept { return end - begin; }
    void reserve(std::size_t count) {
      if (capacity - end >= count) return;
      const std::size_t wanted = end + count < smallest ? smallest : end + count;
      const std::size_t larger = wanted < 2 * capacity ? 2 * capacity : wanted;
      auto* memory = static_cast<std::byte*>(eddy::internal::Pool::allocate(larger));
      if (end > 0) std::memcpy(memory, data, end);
      if (data) eddy::internal::Pool::release(data, capacity);
      data = memory;
      capacity = larger;
    }
    void clear() noexcept {
      if (data) eddy::internal::Pool::release(data, capacity);
      *this = Block();
    }

    std::byte* data = nullptr;
    std::size_t capacity = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  static constexpr std::size_t smallest = 512;

  Block sending_;
  Block coming_;
};

}  // namespace eddy::tls::internal
