// A scenario: a short program that logs what happens, written twice, here and in scenarios.py.
#pragma once

#include <eddy/eddy.hpp>

#include <functional>
#include <string>
#include <vector>

namespace scenario {

using namespace eddy;
using namespace std::chrono_literals;

class Log {
 public:
  void operator()(std::string_view event) {
    if (!text_.empty()) text_ += " | ";
    text_ += event;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Scenario {
  const char* name;
  Task<> (*body)(Log& log);
};
std::vector<Scenario>& all();

struct Registration {
  Registration(const char* name, Task<> (*body)(Log& log)) { all().push_back({name, body}); }
};

// What Python prints for a bool, and for a number.
inline std::string str(bool value) { return value ? "True" : "False"; }
inline std::string str(long value) { return std::to_string(value); }
inline std::string str(int value) { return std::to_string(value); }
inline std::string str(unsigned value) { return std::to_string(value); }
inline std::string str(std::size_t value) { return std::to_string(value); }

struct Oops : std::exception {};
struct Other : std::exception {};

// Milliseconds since the scenario began.
long now();

inline Sleep ms(long n) { return sleep(std::chrono::milliseconds(n)); }

template <class E = Oops>
Task<int> fail_after(long n) {
  co_await ms(n);
  throw E();
}

template <class T>
Task<T> value_after(long n, T value) {
  co_await ms(n);
  co_return value;
}

// Logs "name-done" after n milliseconds, or "name-cancelled".
inline Task<> sleeper(Log& log, std::string name, long n = 1000) {
  try {
    co_await ms(n);
    log(name + "-done");
  } catch (const Cancelled&) {
    log(name + "-cancelled");
    throw;
  }
}

}  // namespace scenario

#define SCENARIO(name) \
  static ::eddy::Task<> name(::scenario::Log& log); \
  static const ::scenario::Registration registration_of_##name(#name, &name); \
  static ::eddy::Task<> name([[maybe_unused]] ::scenario::Log& log)
