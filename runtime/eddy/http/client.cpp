#include <eddy/http/client.hpp>

#include <eddy/http/internal/client_state.hpp>
#include <eddy/http/internal/transfer.hpp>

namespace eddy::http {
using internal::ClientState;
using internal::Exchange;

Client::Client(const ClientOptions& options)
    : state_(eddy::internal::Counted<ClientState>(new ClientState(options))) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Task<Response> Client::request(std::string_view method, std::string_view url,
                               const RequestOptions& options) {
  if (!state_) throw UsageError("a request of an http::Client that was moved from");
  auto task = internal::Exchange::perform(state_->make_exchange(method, url, options));
  task.set_where(std::source_location::current());
  return task;
}

Task<> Client::close() {
  auto task = ClientState::close(state_);
  task.set_where(std::source_location::current());
  return task;
}

bool Client::closed() const noexcept { return !state_ || state_->closed(); }

ClientStats Client::stats() const noexcept { return state_ ? state_->stats() : ClientStats(); }

}  // namespace eddy::http
