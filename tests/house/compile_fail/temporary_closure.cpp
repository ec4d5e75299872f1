// GCC 12 would destroy each capture twice; none of them must compile there.
#include <eddy/eddy.hpp>

#include <string>

using namespace std::chrono_literals;

eddy::Generator<int> one() { co_yield 1; }

eddy::Task<> wrong(std::string text) {
  co_await eddy::timeout(1s, [text](eddy::Timeout&) -> eddy::Task<> { co_return; });  // refused
  co_await eddy::for_each(one(), [text](int) {});                                     // refused
  co_await eddy::collect(one() | eddy::transform([text](int n) { return n; }));       // refused
  co_await eddy::collect(one() | eddy::filter([text](int) { return true; }));         // refused
  co_await eddy::first_ok([text]() -> eddy::Task<> { co_return; });                   // refused
  co_await eddy::retry([text]() -> eddy::Task<> { co_return; });                      // refused
  co_await eddy::CircuitBreaker().call([text]() -> eddy::Task<> { co_return; });      // refused
}

eddy::Task<> wrong(eddy::Condition& changed, std::string text) {
  co_await changed.wait([text] { return true; });  // refused
}

struct Job {
  std::string text;
  eddy::Task<> operator()() { co_return; }
};
eddy::Task<> wrong() {
  co_await eddy::spawn(Job{"an aggregate"});  // refused
}
