// ContextVar<T>: a value per task, like Python's contextvars.
//
// A task copies its creator's context when it is spawned: what it sets afterwards is invisible to
// the creator, and the other way round. Coroutines that are awaited share the context of their
// task. A context is an immutable array that is copied when it changes, so spawning is counting.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/pool.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace eddy {

class Loop;

// One immutable set of values, shared by the tasks that have not changed it.
class Context {
 public:
  Context() = default;
  Context(const Context& other) noexcept : values_(other.values_) {
    if (values_) ++values_->references;
  }
  Context(Context&& other) noexcept : values_(std::exchange(other.values_, nullptr)) {}
  Context& operator=(Context other) noexcept {
    std::swap(values_, other.values_);
    return *this;
  }
  ~Context() { if (values_) drop(); }

  // The context of the running task, or of this thread where no task runs.
  static Context& current() noexcept;

 private:
  template <class T>
  friend class ContextVar;

  // A value, counted; which variable it belongs to is the key beside it.
  struct Box {
    unsigned references = 1;
    void (*destroy)(Box*) noexcept;

    void release() noexcept { if (--references == 0) destroy(this); }
  };
  struct Slot {
    const void* variable;
    Box* box;
  };
  struct Values {
    unsigned references;
    unsigned count;
    Slot* slots() noexcept { return reinterpret_cast<Slot*>(this + 1); }
  };

  Box* find(const void* variable) const noexcept;
  void set(const void* variable, Box* box);  // takes the reference; null removes the variable
  void drop() noexcept;

  Values* values_ = nullptr;
};

// REQUIRES: lives longer than every task that has set it; usually a global.
template <class T>
class ContextVar {
  struct Value : Context::Box {
    explicit Value(T value) : value(std::move(value)) { destroy = &erase; }
    static void erase(Context::Box* box) noexcept {
      static_cast<Value*>(box)->~Value();
      Pool::release(box, sizeof(Value));
    }
    T value;
  };

 public:
  // Puts the value back that the variable had before set(). Reset in the task that set it.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept
        : variable_(std::exchange(other.variable_, nullptr)),
          previous_(std::exchange(other.previous_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() { reset(); }

    void reset() {
      if (variable_) Context::current().set(std::exchange(variable_, nullptr), previous_);
    }
    // Keeps the new value for the rest of the task.
    void keep() noexcept {
      if (previous_) previous_->release();
      variable_ = nullptr;
    }

   private:
    friend class ContextVar;
    Guard(const ContextVar* variable, Context::Box* previous) noexcept
        : variable_(variable), previous_(previous) {}
    const ContextVar* variable_;
    Context::Box* previous_;
  };

  explicit ContextVar(const char* name) : name_(name) {}
  ContextVar(const char* name, T fallback) : name_(name), default_(std::move(fallback)) {}
  ContextVar(const ContextVar&) = delete;
  ContextVar& operator=(const ContextVar&) = delete;

  const char* name() const noexcept { return name_; }

  // Throws UsageError when the variable has neither a value here nor a default.
  const T& get() const {
    if (const auto* box = Context::current().find(this)) {
      return static_cast<const Value*>(box)->value;
    }
    if (default_) return *default_;
    throw UsageError(std::string("context variable '") + name_ + "' has no value");
  }

  Guard set(T value) {
    Context& context = Context::current();
    Context::Box* previous = context.find(this);
    if (previous) ++previous->references;
    context.set(this, ::new (Pool::allocate(sizeof(Value))) Value(std::move(value)));
    return Guard(this, previous);
  }

 private:
  const char* name_;
  std::optional<T> default_;
};

}  // namespace eddy
