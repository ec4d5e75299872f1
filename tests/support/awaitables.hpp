// One table of every awaitable and verb of the library, for the sweeps of tests/sweeps.
//
// A row is a call, and the small world that it needs: a lock, a pipe, a directory. The first word
// of its name is the verb, which tests/house/awaitables.py looks for; what follows tells rows of
// one verb apart. A world may have, and a row may replace the second:
//
//   Task<> begin()   on the loop, before the call
//   void wake()      what the call waits for comes: from anywhere, also from outside of a turn
//   Task<> check()   on the loop, after wake(): nothing was lost, and what helped has ended
//   bool failed      true for check(): the call failed, so that what it had may be lost
#pragma once

#include <eddy/core/as_result.hpp>
#include <eddy/core/sleep.hpp>
#include <eddy/core/spawn.hpp>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace test {

using namespace eddy;
using namespace eddy::internal;
using namespace std::chrono_literals;

// How what a call waits for comes.
enum class Comes : std::uint8_t {
  by_wake,    // World::wake()
  by_time,    // virtual time passes
  by_itself,  // it waits for the kernel, or for a turn, at most
  never,
};

// What another task gets that makes the same call on the same object meanwhile.
enum class Second : std::uint8_t {
  served,    // both end, in order, for a wake() each
  together,  // both end with one wake(), in any order; a cancel may be meant for what both wait for
  refused,   // UsageError
  apart,     // not tried: another object has to be meant
};

// Trivially copyable.
struct Traits {
  Comes comes = Comes::by_wake;
  Second second = Second::served;
  std::optional<FilePolicy> policy = std::nullopt;
  bool at_once = false;  // does not suspend when what it waits for is there
  bool real_time = false;  // another process has to answer, for which virtual time would not wait
};
inline constexpr Traits by_itself{.comes = Comes::by_itself, .second = Second::apart};
inline constexpr Traits by_time{.comes = Comes::by_time, .second = Second::apart};
inline constexpr Traits never{.comes = Comes::never, .second = Second::apart};
inline constexpr Traits apart{.second = Second::apart};
inline constexpr Traits together{.second = Second::together};
inline constexpr Traits refused{.second = Second::refused};
constexpr Traits at_once(Traits traits = {}) {
  traits.at_once = true;
  return traits;
}

constexpr Traits in_real_time(Traits traits = {}) {
  traits.real_time = true;
  return traits;
}

class World {
 public:
  virtual ~World() = default;
  virtual Task<> begin() = 0;
  virtual Task<> call() = 0;
  virtual void wake() = 0;
  virtual Task<> check(bool failed) = 0;
};

struct Row {
  std::string name;
  Traits traits;
  std::shared_ptr<const void> spelled;
  std::unique_ptr<World> (*make)(const Row&);

  std::unique_ptr<World> world() const { return make(*this); }
};

// All rows, of every file.
std::vector<Row>& awaitables();

template <class W>
struct Spelled {
  const char* name;
  Task<> (*call)(W&);
  Traits traits = {};
  void (*wake)(W&) = nullptr;
};

template <class W>
class WorldOf final : public World {
 public:
  explicit WorldOf(const Spelled<W>& spelled) noexcept : spelled_(spelled) {}
  Task<> begin() override {
    if constexpr (requires(W& world) { world.begin(); }) co_await world_.begin();
    co_return;
  }
  Task<> call() override { return spelled_.call(world_); }
  void wake() override {
    if (spelled_.wake) return spelled_.wake(world_);
    if constexpr (requires(W& world) { world.wake(); }) world_.wake();
  }
  Task<> check(bool failed) override {
    if constexpr (requires(W& world) { world.failed; }) world_.failed = failed;
    if constexpr (requires(W& world) { world.check(); }) co_await world_.check();
    co_return;
  }

 private:
  const Spelled<W>& spelled_;
  W world_;
};

// Rows of one kind of world: const Rows<Locked> locked = {{"Lock::acquire", ...}, ...};
template <class W>
class Rows {
 public:
  Rows(std::initializer_list<Spelled<W>> rows) {
    for (const auto& row : rows) {
      awaitables().push_back({row.name, row.traits, std::make_shared<Spelled<W>>(row), &make});
    }
  }
  // The same calls, with every operation on the ring and inline.
  Rows(std::initializer_list<FilePolicy> policies, std::initializer_list<Spelled<W>> rows) {
    for (const auto policy : policies) {
      const char* where = policy == FilePolicy::ring ? " on the ring" : "";
      for (const auto& row : rows) {
        Traits traits = row.traits;
        traits.policy = policy;
        awaitables().push_back(
            {row.name + std::string(where), traits, std::make_shared<Spelled<W>>(row), &make});
      }
    }
  }

 private:
  static std::unique_ptr<World> make(const Row& row) {
    return std::make_unique<WorldOf<W>>(*static_cast<const Spelled<W>*>(row.spelled.get()));
  }
};

// Awaits, and throws the result away. `awaitable` is taken by value: it waits in this frame.
template <class A>
Task<> only(A awaitable) {
  static_cast<void>(co_await std::move(awaitable));
}

}  // namespace test
