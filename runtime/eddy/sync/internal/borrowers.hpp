// Borrowers: who has a token of a CapacityLimiter, or waits for one: each once.
#pragma once

#include <eddy/base/internal/pool.hpp>
#include <eddy/base/text.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

namespace eddy::internal {

// A task by its number, or whatever an object stands for. Tasks of one loop only.
struct BorrowerKey {
  std::uint64_t task = 0;
  const void* object = nullptr;
  friend bool operator==(const BorrowerKey&, const BorrowerKey&) = default;
};

// What the standard's containers have from the Pool: no malloc after warm-up.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() noexcept = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(Pool::allocate(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept {
    Pool::release(memory, count * sizeof(T));
  }
  template <class U>
  bool operator==(const PoolAllocator<U>&) const noexcept { return true; }
};

struct BorrowerRecord {
  Text name;
  std::uint64_t number = 0;  // in the order of coming
  bool holds = false;        // else it waits
};

struct BorrowerHash {
  std::size_t operator()(const BorrowerKey& key) const noexcept {
    return std::hash<const void*>()(key.object) ^ std::hash<std::uint64_t>()(key.task);
  }
};

using Borrowers = std::unordered_map<BorrowerKey, BorrowerRecord, BorrowerHash, std::equal_to<>,
                                     PoolAllocator<std::pair<const BorrowerKey, BorrowerRecord>>>;

}  // namespace eddy::internal
