#include "connection_members.hpp"

namespace http {

Task<> converse(Stream stream, const Site& site) {
  Connection connection(std::move(stream), site);
  co_await connection.run();
}

}  // namespace http
