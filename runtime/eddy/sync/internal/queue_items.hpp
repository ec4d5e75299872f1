// The orders in which a queue gives its items: first in first out, last in first out, lowest first.
// Each keeps them in one vector, which is reserved at once where the bound is known.
#pragma once

#include <eddy/base/internal/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace eddy::internal {

template <class T>
class FifoItems {
 public:
  void reserve(std::size_t count) { ring_.resize(count); }
  std::size_t size() const noexcept { return count_; }
  void push(T item) {
    if (count_ == ring_.size()) grow();
    EDDY_ASSERT(!ring_[place(count_)].has_value());
    ring_[place(count_)].emplace(std::move(item));
    ++count_;
  }
  T pop() {
    EDDY_ASSERT(count_ > 0);
    EDDY_ASSERT(ring_[first_].has_value());
    T item = std::move(*ring_[first_]);
    ring_[first_].reset();
    if (++first_ == ring_.size()) first_ = 0;
    --count_;
    return item;
  }
  void clear() {
    while (count_ > 0) pop();
  }

 private:
  std::size_t place(std::size_t index) const noexcept {
    const std::size_t sum = first_ + index;
    return sum < ring_.size() ? sum : sum - ring_.size();
  }
  void grow() {
    std::vector<std::optional<T>> larger(std::max<std::size_t>(8, 2 * ring_.size()));
    for (std::size_t i = 0; i < count_; ++i) larger[i] = std::move(ring_[place(i)]);
    ring_ = std::move(larger);
    first_ = 0;
  }
  std::vector<std::optional<T>> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

template <class T>
class LifoItems {
 public:
  void reserve(std::size_t count) { items_.reserve(count); }
  std::size_t size() const noexcept { return items_.size(); }
  void push(T item) { items_.push_back(std::move(item)); }
  T pop() {
    EDDY_ASSERT(!items_.empty());
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  void clear() { items_.clear(); }

 private:
  std::vector<T> items_;
};

template <class T, class Less>
class HeapItems {
 public:
  void reserve(std::size_t count) { items_.reserve(count); }
  std::size_t size() const noexcept { return items_.size(); }
  void push(T item) {
    items_.push_back(std::move(item));
    std::push_heap(items_.begin(), items_.end(), greater);
  }
  T pop() {
    EDDY_ASSERT(!items_.empty());
    std::pop_heap(items_.begin(), items_.end(), greater);
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  void clear() { items_.clear(); }

 private:
  static bool greater(const T& a, const T& b) { return Less()(b, a); }
  std::vector<T> items_;
};

}  // namespace eddy::internal
