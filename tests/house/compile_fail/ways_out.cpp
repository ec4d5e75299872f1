// The ways that the message names: by reference, or with a name; and classes with a constructor.
#include <eddy/eddy.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

using namespace std::chrono_literals;

eddy::Task<> right(std::string text) {
  co_await eddy::timeout(1s, [&](eddy::Timeout&) -> eddy::Task<> {
    if (text.size() != 40) std::abort();
    co_return;
  });
  const auto body = [text](eddy::Timeout&) -> eddy::Task<> {
    if (text.size() != 40) std::abort();
    co_return;
  };
  co_await eddy::timeout(1s, body);
  const auto task = [text]() -> eddy::Task<> {
    if (text.size() != 40) std::abort();
    co_return;
  };
  co_await eddy::spawn(task);
  auto only_moved = [text = std::make_unique<std::string>(text)]() -> eddy::Task<> {
    if (text->size() != 40) std::abort();
    co_return;
  };
  co_await eddy::spawn(eddy::moved(only_moved));
  std::function<eddy::Task<>()> function = task;
  co_await eddy::spawn(std::move(function));
}

int main() { eddy::run(right(std::string(40, 'x'))); }
