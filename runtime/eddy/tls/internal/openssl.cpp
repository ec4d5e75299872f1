#include <eddy/tls/internal/openssl.hpp>

#include <eddy/tls/internal/state.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

namespace eddy::tls::internal {

std::string text_of_error(unsigned long error) {
  if (ERR_SYSTEM_ERROR(error)) return std::system_category().message(ERR_GET_REASON(error));
  if (const char* text = ERR_reason_error_string(error)) return text;
  char text[256];
  ERR_error_string_n(error, text, sizeof text);
  return text;
}

int give_password(char* into, int size, int, void* password) noexcept {
  auto& given = *static_cast<Password*>(password);
  given.wanted = true;
  const std::string_view text = given.text;
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(into, text.data(), text.size());
  return static_cast<int>(text.size());
}

namespace {

TlsState& state_of(BIO* bio) { return *static_cast<TlsState*>(BIO_get_data(bio)); }

// As much as lies there; more is fetched between OpenSSL's calls, never inside of one.
int read_transport(BIO* bio, char* into, int size) noexcept {
  TlsState& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  const Bytes there = state.fetching || !state.transport ? Bytes() : state.transport->buffered();
  if (there.empty() || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(there.size(), static_cast<std::size_t>(size));
  std::memcpy(into, there.data(), count);
  state.transport->consume(count);
  return static_cast<int>(count);
}

int write_outgoing(BIO* bio, const char* from, int size) noexcept {
  TlsState& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return size;
  Bytes record(from, static_cast<std::size_t>(size));
  if (state.sends_now) {
    record = Bytes(record.subspan(state.transport->write_now(record)));
    state.sends_now = record.empty();
  }
  try {
    state.out.append(record);
    return size;
  } catch (const std::bad_alloc&) {
    state.no_memory = true;
    return -1;
  }
}

long control_transport(BIO*, int command, long, void*) noexcept {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int create_transport(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "eddy");
  if (!method) throw std::bad_alloc();
  BIO_meth_set_read(method, &read_transport);
  BIO_meth_set_write(method, &write_outgoing);
  BIO_meth_set_ctrl(method, &control_transport);
  BIO_meth_set_create(method, &create_transport);
  return method;
}

}  // namespace

BIO_METHOD* transport_method() {
  static BIO_METHOD* const method = make_method();
  return method;
}

int state_index() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace eddy::tls::internal
