#include <eddy/tls/internal/credentials.hpp>

#include <eddy/base/error.hpp>
#include <eddy/tls/error.hpp>

#include <new>
#include <vector>

namespace eddy::tls::internal {

void throw_credentials(std::string_view what, std::string_view subject) {
  const unsigned long error = ERR_peek_error();
  const std::string said = error ? text_of_error(error) : std::string("nothing of the kind in it");
  ERR_clear_error();
  throw Error(Errc::credentials, what, subject, said);
}

namespace {

// A file's text or a PEM that is given; `subject` is what it is called in messages.
Openssl<BIO> open_pem(const std::string& file, std::string_view pem, std::string_view what) {
  ERR_clear_error();
  if (file.empty()) return owned(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (file.find('\0') != file.npos) throw UsageError("a file's name has a zero byte");
  BIO* bio = BIO_new_file(file.c_str(), "r");
  if (!bio) throw_credentials(what, file);
  return Openssl<BIO>(bio);
}

std::string_view subject_of(const std::string& file) {
  return file.empty() ? std::string_view("PEM") : std::string_view(file);
}

// All the certificates in it; one at least.
std::vector<Openssl<X509>> read_certificates(const std::string& file, std::string_view pem,
                                             std::string_view what) {
  const auto bio = open_pem(file, pem, what);
  std::vector<Openssl<X509>> all;
  Password none;
  while (X509* one = PEM_read_bio_X509_AUX(bio.get(), nullptr, &give_password, &none)) {
    all.emplace_back(one);
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
                      ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (all.empty() || !at_end) throw_credentials(what, subject_of(file));
  ERR_clear_error();
  return all;
}

Openssl<EVP_PKEY> read_key(const Identity& identity) {
  const auto bio = open_pem(identity.key_file, identity.key_pem, "use key");
  const std::string_view subject = subject_of(identity.key_file);
  Password password{identity.key_password};
  Openssl<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_password, &password));
  if (key) return key;
  if (!password.wanted) throw_credentials("use key", subject);
  ERR_clear_error();
  throw Error(Errc::credentials, "use key", subject,
              password.text.empty() ? "it is encrypted, and there is no password"
                                    : "it is encrypted, and not with that password");
}

}  // namespace

void use_identity(SSL_CTX* context, const Identity& identity) {
  const auto chain =
      read_certificates(identity.certificate_file, identity.certificate_pem, "use certificate");
  const auto key = read_key(identity);
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    throw_credentials("use certificate", subject_of(identity.certificate_file));
  }
  for (auto one = chain.begin() + 1; one != chain.end(); ++one) {
    if (SSL_CTX_add1_chain_cert(context, one->get()) != 1) throw std::bad_alloc();
  }
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    ERR_clear_error();
    throw Error(Errc::credentials, "use key", subject_of(identity.key_file),
                "it is not that of the certificate");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    throw_credentials("use key", subject_of(identity.key_file));
  }
}

std::string trust(SSL_CTX* context, const std::string& file, std::string_view pem,
                  bool tells_clients) {
  std::string fingerprints;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const auto& one : read_certificates(file, pem, "trust")) {
    if (X509_STORE_add_cert(store, one.get()) != 1) {
      throw_credentials("trust", subject_of(file));
    }
    if (tells_clients && SSL_CTX_add_client_CA(context, one.get()) != 1) throw std::bad_alloc();
    unsigned char print[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(one.get(), EVP_sha256(), print, &size) != 1) throw std::bad_alloc();
    fingerprints.append(reinterpret_cast<const char*>(print), size);
  }
  return fingerprints;
}

}  // namespace eddy::tls::internal
