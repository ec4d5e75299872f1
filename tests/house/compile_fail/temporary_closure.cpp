// GCC 12 would destroy the capture twice; it must not compile there.
#include <eddy/eddy.hpp>

#include <string>

using namespace std::chrono_literals;

eddy::Task<> wrong(std::string text) {
  co_await eddy::timeout(1s, [text](eddy::Timeout&) -> eddy::Task<> { co_return; });
}
