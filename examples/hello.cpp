#include <eddy/eddy.hpp>
#include <iostream>

using namespace std::chrono_literals;

eddy::Task<> greet(std::string name) {
  co_await eddy::sleep(10ms);
  std::cout << "hello, " << name << '\n';
}

eddy::Task<> amain() {
  auto world = eddy::spawn(greet("world"));  // runs beside us
  const std::string text = co_await eddy::read_text("README.md");
  std::cout << text.substr(2, text.find('\n') - 2) << '\n';
  co_await world;
}

int main() { eddy::run(amain()); }
