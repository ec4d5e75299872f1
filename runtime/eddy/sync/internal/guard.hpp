// Guard: what was taken of a primitive; gives it back when it dies, unless that was done before.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <utility>

namespace eddy::internal {

// `give_back` is the function of `P` that takes it back.
template <class P, auto give_back>
class [[nodiscard]] Guard {
 public:
  Guard() = default;
  Guard(Guard&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  Guard& operator=(Guard&& other) noexcept {
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~Guard() { release(); }
  void release() { if (owner_) (std::exchange(owner_, nullptr)->*give_back)(); }

 private:
  friend P;
  explicit Guard(P& owner) noexcept : owner_(&owner) {}

  P* owner_ = nullptr;
};

}  // namespace eddy::internal
