// The two ways that the message names: by reference, or with a name.
#include <eddy/eddy.hpp>

#include <cstdlib>
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
}

int main() { eddy::run(right(std::string(40, 'x'))); }
