#include <eddy/tls/certificate.hpp>

#include <eddy/tls/internal/openssl.hpp>
#include <eddy/tls/stream.hpp>

#include <arpa/inet.h>

#include <ctime>

namespace eddy::tls {
using namespace internal;
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string text_of(const X509_NAME* name) {
  const auto bio = owned(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  return text_of(bio.get());
}

std::string common_name_of(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(name), NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size < 0) return {};
  const std::string taken(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return taken;
}

std::string hex_of(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text.push_back(digits[bytes[i] >> 4]);
    text.push_back(digits[bytes[i] & 15]);
  }
  return text;
}

std::string address_of(const ASN1_OCTET_STRING* address) {
  const int size = ASN1_STRING_length(address);
  if (size != 4 && size != 16) return {};
  char text[INET6_ADDRSTRLEN];
  const int family = size == 4 ? AF_INET : AF_INET6;
  return ::inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text) ? text : "";
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const Openssl<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_IPADD) names.push_back(address_of(name->d.iPAddress));
    if (name->type != GEN_DNS) continue;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  return names;
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (!time || ASN1_TIME_to_tm(time, &broken) != 1) return {};
  const std::chrono::year_month_day day(std::chrono::year(broken.tm_year + 1900),
                                        std::chrono::month(unsigned(broken.tm_mon) + 1),
                                        std::chrono::day(unsigned(broken.tm_mday)));
  return std::chrono::sys_days(day) + std::chrono::hours(broken.tm_hour) +
         std::chrono::minutes(broken.tm_min) + std::chrono::seconds(broken.tm_sec);
}

CertificateInfo info_of(X509* certificate) {
  CertificateInfo info;
  info.subject = text_of(X509_get_subject_name(certificate));
  info.issuer = text_of(X509_get_issuer_name(certificate));
  info.common_name = common_name_of(X509_get_subject_name(certificate));
  info.names = names_of(certificate);
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  info.serial = hex_of(ASN1_STRING_get0_data(serial),
                       static_cast<std::size_t>(ASN1_STRING_length(serial)));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const bool made = X509_digest(certificate, EVP_sha256(), digest, &size) == 1;
  if (made) info.sha256 = hex_of(digest, size);
  info.not_before = time_of(X509_get0_notBefore(certificate));
  info.not_after = time_of(X509_get0_notAfter(certificate));
  const auto bio = owned(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  info.pem = text_of(bio.get());
  return info;
}

}  // namespace

std::optional<CertificateInfo> Stream::peer_certificate() const {
  const Openssl<X509> certificate(SSL_get1_peer_certificate(to_use()->ssl));
  if (!certificate) return std::nullopt;
  CertificateInfo info = info_of(certificate.get());
  ERR_clear_error();
  return info;
}

}  // namespace eddy::tls
