// OpenSSL's objects as owners, and its errors as text.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace eddy::tls::internal {

struct OpensslFree {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
template <class T>
using Openssl = std::unique_ptr<T, OpensslFree>;

// Throws std::bad_alloc for none.
template <class T>
Openssl<T> owned(T* object) {
  if (!object) throw std::bad_alloc();
  return Openssl<T>(object);
}

// What an error of the queue means, in words.
std::string text_of_error(unsigned long error);

// What is given to a reader of PEM that asks for a password, in place of the terminal.
struct Password {
  std::string_view text{};
  bool wanted = false;  // it has been asked for
};
int give_password(char* into, int size, int, void* password) noexcept;

// What a BIO that is made for a TlsState reads and writes by.
BIO_METHOD* transport_method();

// The index at which an SSL has its TlsState.
int state_index() noexcept;

}  // namespace eddy::tls::internal
