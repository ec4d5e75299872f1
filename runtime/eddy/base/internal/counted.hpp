// Counted: a shared pointer to what counts its own references: retain() and release(), which
// RefCounted has.
#pragma once

#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/standard.hpp>

#include <utility>

namespace eddy::internal {

// Base of a class T that dies by the last release(). On one thread.
template <class T>
class RefCounted {
 public:
  RefCounted() noexcept = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void retain() noexcept { ++references_; }
  void release() noexcept {
    EDDY_ASSERT(references_ > 0);
    if (--references_ == 0) delete static_cast<T*>(this);
  }

 protected:
  ~RefCounted() = default;

 private:
  unsigned references_ = 0;
};

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

// End: a Counted of which what it points to knows the number: `come` is called for each, `go` when
// one dies. The last that goes closes something.
template <class T, auto come, auto go>
class End : public Counted<T> {
 public:
  End() noexcept = default;
  explicit End(Counted<T> object) noexcept : Counted<T>(std::move(object)) { enter(); }
  End(const End& other) noexcept : Counted<T>(other) { enter(); }
  End(End&&) noexcept = default;
  End& operator=(End other) noexcept {
    std::swap<Counted<T>>(*this, other);
    return *this;
  }
  ~End() { if (*this) (this->get()->*go)(); }

 private:
  void enter() noexcept { if (*this) (this->get()->*come)(); }
};

// Handle: the Counted of a user, which moves only. What it points to may live on for others that
// count, and is told that the user let go: drop().
template <class T>
class Handle : public Counted<T> {
 public:
  Handle() noexcept = default;
  explicit Handle(Counted<T> object) noexcept : Counted<T>(std::move(object)) {}
  Handle(Handle&&) noexcept = default;
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      drop();
      Counted<T>::operator=(std::move(other));
    }
    return *this;
  }
  ~Handle() { drop(); }

 private:
  void drop() noexcept { if (*this) (*this)->drop(); }
};

}  // namespace eddy::internal
