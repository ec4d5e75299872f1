// Counted: a shared pointer to what counts its own references: retain() and release().
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <utility>

namespace eddy::internal {

template <class T>
class Counted {
 public:
  Counted() noexcept = default;
  explicit Counted(T* object) noexcept : object_(object) { if (object_) object_->retain(); }
  Counted(const Counted& other) noexcept : Counted(other.object_) {}
  Counted(Counted&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Counted& operator=(Counted other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Counted() { if (object_) object_->release(); }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace eddy::internal
