#include <eddy/tls/handshake.hpp>

#include <eddy/core/as_result.hpp>
#include <eddy/core/try.hpp>
#include <eddy/tls/connect.hpp>
#include <eddy/tls/internal/context_core.hpp>
#include <eddy/tls/internal/openssl.hpp>
#include <eddy/tls/serve.hpp>

#include <new>

namespace eddy::tls {
namespace internal {
namespace {

TlsState::Counted make_state(std::unique_ptr<Transport> over, Openssl<SSL> ssl, std::string name) {
  const auto bio = owned(BIO_new(transport_method()));
  TlsState::Counted state(new TlsState(std::move(over), ssl.get(), std::move(name)));
  SSL* own = ssl.release();
  BIO_set_data(bio.get(), state.get());
  BIO_up_ref(bio.get());
  SSL_set_bio(own, bio.get(), bio.get());
  SSL_set_ex_data(own, state_index(), state.get());
  return state;
}

std::string why(const Failure& failure) noexcept {
  try {
    failure.raise();
  } catch (const std::exception& error) {
    try {
      return error.what();
    } catch (...) {
      return {};
    }
  } catch (...) {
    return "cancelled, or not over in time";
  }
}

}  // namespace

Task<Stream> client_handshake(std::unique_ptr<Transport> over, ClientContext context,
                              std::string host, std::string session) {
  // A session stands for the certificate that was verified: it is never that of another host.
  std::string key = host + '\n' + session;
  auto ssl = context.core()->connection(host, key);
  const auto state = make_state(std::move(over), std::move(ssl), host);
  Stream stream(state);  // closed when this fails
  state->client = context.core();
  state->session_key = std::move(key);
  EDDY_DO(TlsState::shake(state));
  co_return std::move(stream);
}

Task<Stream> server_handshake(std::unique_ptr<Transport> over, ServerContext context) {
  const auto state = make_state(std::move(over), context.core()->connection(), {});
  Stream stream(state);
  state->server = context.core();
  auto shaken = co_await as_outcome(TlsState::shake(state));
  if (!shaken) {
    context.core()->count_refused(why(shaken.error()));
    co_await fail(std::move(shaken.error()));
  }
  context.core()->count_accepted(stream.resumed());
  co_return std::move(stream);
}

Task<std::optional<Stream>> accepted(eddy::Stream stream, ServerContext context, Duration limit) {
  auto secure = co_await as_outcome(
      timeout(limit, handshake(std::move(stream), std::move(context))));
  if (secure) co_return std::move(*secure);
  if (secure.error().is_cancelled()) co_await fail(std::move(secure.error()));
  co_return std::nullopt;
}

}  // namespace internal

Task<Stream> connect(std::string host, std::uint16_t port, ClientContext context,
                     ConnectOptions options) {
  std::string session = host + ':' + std::to_string(port);
  EDDY_TRY(auto stream, eddy::connect(host, port, options));
  EDDY_TRY(auto secure, handshake(std::move(stream), std::move(context), std::move(host),
                                  std::move(session)));
  co_return std::move(secure);
}

}  // namespace eddy::tls
