// A call that goes on after its task has gone must not refer to what is the task's.
#include <eddy/work/to_thread.hpp>

#include <functional>
#include <string>
#include <string_view>

using namespace eddy;

int size_of(const std::string& text) { return static_cast<int>(text.size()); }

Task<> wrong(std::string text) {
  co_await to_thread(abandon_on_cancel, [&] { text.clear(); });             // refused
  co_await to_thread(abandon_on_cancel, size_of, std::ref(text));           // refused
  const std::string_view view = text;
  co_await to_thread(abandon_on_cancel, [](std::string_view) {}, view);     // refused
  co_await to_thread(abandon_on_cancel, [](std::string*) {}, &text);        // refused
  co_await to_thread(abandon_on_cancel, [](std::string) {}, text);
  co_await to_thread(abandon_on_cancel, size_of, text);
}
