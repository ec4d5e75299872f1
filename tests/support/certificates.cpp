#include "support/certificates.hpp"

#include "support/directory.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace test {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* gone) const { Free(gone); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<&X509_free>>;

void require(bool well, const char* what) {
  if (well) return;
  std::fprintf(stderr, "certificates: %s failed\n", what);
  std::abort();
}

void extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  require(extension != nullptr, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Who signs, and with what.
struct Signer {
  Certificate certificate;
  Key key;
};

struct Wish {
  const char* name = "localhost";
  const char* names = nullptr;  // as of subjectAltName
  const char* purpose = nullptr;
  bool signs = false;
  long from = -3600, until = 30 * 86400L;  // seconds from now on
};

constexpr const char* localhost_names = "DNS:localhost,IP:127.0.0.1,IP:::1";

long next_serial = 1000;

// By itself where nobody else signs it.
Signer make(const Wish& wish, const Signer* by = nullptr) {
  Signer made{Certificate(X509_new()), Key(EVP_EC_gen("P-256"))};
  X509* const it = made.certificate.get();
  require(it && made.key, "a key");
  X509_set_version(it, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(it), ++next_serial);
  X509_gmtime_adj(X509_getm_notBefore(it), wish.from);
  X509_gmtime_adj(X509_getm_notAfter(it), wish.until);
  X509_set_pubkey(it, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(it), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name), -1, -1, 0);
  X509* const issuer = by ? by->certificate.get() : it;
  X509_set_issuer_name(it, X509_get_subject_name(issuer));
  extend(it, issuer, NID_basic_constraints, wish.signs ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(it, issuer, NID_subject_key_identifier, "hash");
  if (by) extend(it, issuer, NID_authority_key_identifier, "keyid");
  if (wish.signs) extend(it, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (wish.names) extend(it, issuer, NID_subject_alt_name, wish.names);
  if (wish.purpose) extend(it, issuer, NID_ext_key_usage, wish.purpose);
  EVP_PKEY* const key = by ? by->key.get() : made.key.get();
  require(X509_sign(it, key, EVP_sha256()) > 0, "signing");
  return made;
}

class Folder {
 public:
  std::string write(const char* name, std::initializer_list<X509*> chain) {
    const std::string path = directory_.path(name);
    std::FILE* const file = std::fopen(path.c_str(), "w");
    require(file != nullptr, name);
    for (X509* const one : chain) PEM_write_X509(file, one);
    std::fclose(file);
    return path;
  }
  Identity write(const std::string& name, const Signer& who, X509* link = nullptr) {
    const std::string file_name = name + ".pem";
    X509* const own = who.certificate.get();
    Identity written;
    if (link) {
      written.chain = write(file_name.c_str(), {own, link});
    } else {
      written.chain = write(file_name.c_str(), {own});
    }
    written.key = directory_.path(name + ".key");
    std::FILE* const file = std::fopen(written.key.c_str(), "w");
    require(file && PEM_write_PKCS8PrivateKey(file, who.key.get(), nullptr, nullptr, 0, nullptr,
                                              nullptr) == 1,
            "writing a key");
    std::fclose(file);
    return written;
  }
  std::string path() const { return directory_.path(""); }

 private:
  Directory directory_;
};

Certificates make_all(Folder& folder) {
  const Wish root{.name = "eddy's own root", .signs = true};
  const Wish server{.names = localhost_names, .purpose = "serverAuth"};
  const Signer ca = make(root);
  const Signer other = make(root);
  const Signer link = make({.name = "eddy's intermediate", .signs = true}, &ca);
  const auto with = [&](Wish wish, auto change) {
    change(wish);
    return make(wish, &ca);
  };
  Certificates all;
  all.folder = folder.path();
  all.roots = folder.write("roots.pem", {ca.certificate.get()});
  all.other_roots = folder.write("other_roots.pem", {other.certificate.get()});
  all.localhost = folder.write("localhost", make(server, &ca));
  all.renewed = folder.write("renewed", make(server, &ca));
  all.another_host = folder.write("another_host", with(server, [](Wish& wish) {
    wish.name = "other.example.org";
    wish.names = "DNS:other.example.org";
  }));
  all.wildcard = folder.write("wildcard", with(server, [](Wish& wish) {
    wish.name = "many";
    wish.names = "DNS:*.example.org,DNS:f*.example.net";
  }));
  all.expired = folder.write("expired", with(server, [](Wish& wish) {
    wish.from = -3 * 86400L;
    wish.until = -86400L;
  }));
  all.not_yet = folder.write("not_yet", with(server, [](Wish& wish) { wish.from = 86400; }));
  all.self_signed = folder.write("self_signed", make(server));
  const Signer behind = make(server, &link);
  all.by_intermediate = folder.write("by_intermediate", behind, link.certificate.get());
  all.without_its_link = folder.write("without_its_link", behind);
  const Wish client{.name = "a client", .purpose = "clientAuth"};
  all.for_clients = folder.write("client", make(client, &ca));
  all.client_of_another =
      folder.write("stranger", make({.name = "a stranger", .purpose = "clientAuth"}, &other));
  all.not_for_servers = folder.write("not_for_servers", with(server, [](Wish& wish) {
    wish.purpose = "clientAuth";
  }));
  return all;
}

}  // namespace

const Certificates& certificates() {
  static Folder folder;
  static const Certificates all = make_all(folder);
  return all;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string serial_of(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "r");
  require(file != nullptr, path.c_str());
  const Certificate read(PEM_read_X509(file, nullptr, nullptr, nullptr));
  std::fclose(file);
  require(read != nullptr, path.c_str());
  BIGNUM* const number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(read.get()), nullptr);
  char* const digits = BN_bn2hex(number);
  std::string text(digits);
  for (char& digit : text) digit = static_cast<char>(std::tolower(digit));
  OPENSSL_free(digits);
  BN_free(number);
  return text;
}

}  // namespace test
