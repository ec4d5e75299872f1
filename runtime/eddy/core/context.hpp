// ContextVar<T>: a value per task, like Python's contextvars.
//
// A task copies its creator's context when it is spawned: what it sets afterwards is invisible to
// the creator, and the other way round. Coroutines that are awaited share the context of their
// task. A context is an immutable array that is copied when it changes, so spawning is counting.
#pragma once

#include <eddy/base/error.hpp>
#include <eddy/base/internal/assert.hpp>
#include <eddy/base/internal/pool.hpp>

#include <cstddef>
#include <new>
#include <optional>
#include <utility>

namespace eddy {

class Loop;

// One immutable set of values, shared by the tasks that have not changed it. A copy keeps what is
// set now, for a task that is to have it: SpawnOptions.context. A new one has nothing set.
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

  // What another thread lends to this one: while it lives, what nobody has set here is found there,
  // and afterwards what was set here meanwhile is gone. Only the lender counts. REQUIRES: outside
  // of a task; `context` neither changes nor dies meanwhile.
  class Lent;

 private:
  template <class T>
  friend class ContextVar;

  // A value, counted; which variable it belongs to is the key beside it.
  struct Box {
    unsigned references = 1;
    void (*destroy)(Box*) noexcept;

    void release() noexcept {
      EDDY_ASSERT(references > 0);
      if (--references == 0) destroy(this);
    }
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

  Box* find(const void* variable) const noexcept;  // or what is lent
  Box* own(const void* variable) const noexcept;
  // Takes the reference, unless it throws. Null removes the variable.
  void set(const void* variable, Box* box);
  void set_or_drop(const void* variable, Box* box);
  // Undoes what made `after` of `before` to `variable`, and nothing else.
  void put_back(const void* variable, const Context& before, const Context& after);
  void drop() noexcept;

  Values* values_ = nullptr;
};

class Context::Lent {
 public:
  explicit Lent(const Context& context) noexcept;
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent();

 private:
  const Context* before_;
  Context own_;  // what this thread had
};

// REQUIRES: lives longer than every task that has set it; usually a global.
template <class T>
class ContextVar {
  struct Value : Context::Box, internal::Pooled {
    explicit Value(T initial) : value(std::move(initial)) { destroy = &erase; }
    static void erase(Context::Box* box) noexcept { delete static_cast<Value*>(box); }
    T value;
  };

 public:
  // Puts the value back that the variable had before set(). Reset in the task that set it.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept
        : variable_(std::exchange(other.variable_, nullptr)),
          before_(std::move(other.before_)),
          after_(std::move(other.after_)) {}
    Guard& operator=(Guard&&) = delete;
    // Allocates, as reset() does, only when other variables were set meanwhile and stayed so: where
    // there is no memory for that, this one keeps its value too.
    ~Guard() {
      try {
        reset();
      } catch (const std::bad_alloc&) {
      }
    }

    void reset() {
      if (variable_) Context::current().put_back(variable_, before_, after_);
      keep();
    }
    // Keeps the new value for the rest of the task.
    void keep() noexcept {
      variable_ = nullptr;
      before_ = after_ = Context();
    }

   private:
    friend class ContextVar;
    Guard(const ContextVar* variable, Context before, Context after) noexcept
        : variable_(variable), before_(std::move(before)), after_(std::move(after)) {}
    const ContextVar* variable_;
    Context before_;  // all that was set before, and what set() made of it
    Context after_;
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
    Context before = context;
    context.set_or_drop(this, new Value(std::move(value)));
    return Guard(this, std::move(before), context);
  }

 private:
  const char* name_;
  std::optional<T> default_;
};

}  // namespace eddy
