#include <eddy/sql/pool.hpp>

namespace eddy::sql {
namespace {

eddy::PoolOptions pool_options(const PoolOptions& options) noexcept {
  return {.min = options.min,
          .max = options.size,
          .overflow = options.overflow,
          .waiting = options.waiting,
          .max_uses = options.max_uses,
          .max_age = options.max_age,
          .max_idle = options.max_idle,
          .check_after = options.check_after,
          .reset_limit = options.reset_limit};
}

// Connects for a pool, of which it may outlive the object.
class PoolFactory {
 public:
  PoolFactory(std::string conninfo, ConnectOptions options)
      : conninfo_(std::move(conninfo)), options_(options) {}
  Task<Connection> operator()() { return connect(conninfo_, options_); }

 private:
  std::string conninfo_;
  ConnectOptions options_;
};

Task<bool> check_pooled(Connection& connection) { return connection.check(); }
Task<> reset_pooled(Connection& connection) { return connection.reset(); }

}  // namespace

Pool::Pool(std::string conninfo, PoolOptions options)
    : options_(options),
      pool_(PoolFactory(std::move(conninfo), options.connect), pool_options(options)) {
  pool_.on_check(&check_pooled);
  pool_.on_reset(&reset_pooled);
}

}  // namespace eddy::sql
