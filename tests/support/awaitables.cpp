#include "support/awaitables.hpp"

namespace test {

std::vector<Row>& awaitables() {
  static std::vector<Row> rows;
  return rows;
}

}  // namespace test
