// TLS on one thread, both ends of it: eddy's over a socket pair, beside OpenSSL by hand over
// another one, each end tried in turn until it is through. By hand one polls before one reads, as
// whoever serves more than one connection must.
#include "harness.hpp"

#include <eddy/eddy.hpp>
#include <eddy/tls.hpp>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace {

using namespace eddy;

// A certificate for localhost that has signed itself: PEM.
struct Pem {
  std::string certificate, key;
};
std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}
Pem make_certificate() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
  X509_gmtime_adj(X509_getm_notBefore(made), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made), 86400);
  X509_set_pubkey(made, key);
  X509_NAME* const name = X509_get_subject_name(made);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(made, name);
  X509_EXTENSION* const names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(made, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(made, key, EVP_sha256());
  BIO* const certificate = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate, made);
  BIO* const secret = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(secret, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(made);
  EVP_PKEY_free(key);
  return {text_of(certificate), text_of(secret)};
}

void pair_of_sockets(int (&fds)[2]) {
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
}
void require(bool well) {
  if (!well) std::abort();
}

// -- eddy's --

struct Secure {
  tls::Stream client, server;
};

Task<> accept(tls::Stream& into, Stream wire, const tls::ServerContext& context) {
  into = co_await tls::handshake(std::move(wire), context);
}
Task<> connect(Secure& ends, const tls::ClientContext& client, const tls::ServerContext& server) {
  int fds[2];
  pair_of_sockets(fds);
  Stream there{Socket(UniqueFd(fds[0]))}, here{Socket(UniqueFd(fds[1]))};
  auto accepting = spawn(accept(ends.server, std::move(there), server));
  ends.client = co_await tls::handshake(std::move(here), client, "localhost");
  co_await accepting;
}

Task<> echo(tls::Stream& stream, std::size_t count, std::size_t size) {
  std::string room(size, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    co_await stream.read_exactly(room);
    co_await stream.write_all(room);
  }
}
Task<> ask(tls::Stream& stream, std::size_t count, std::size_t size) {
  std::string room(size, 'x');
  for (std::size_t i = 0; i < count; ++i) {
    co_await stream.write_all(room);
    co_await stream.read_exactly(room);
  }
}
Task<> send(tls::Stream& stream, std::size_t count, std::size_t size) {
  const std::string piece(size, 'x');
  for (std::size_t i = 0; i < count; ++i) co_await stream.write_all(piece);
}
Task<> receive(tls::Stream& stream, std::size_t count, std::size_t size) {
  std::string room(size, '\0');
  for (std::size_t i = 0; i < count; ++i) co_await stream.read_exactly(room);
}
Task<> both(Task<> first, Task<> second) {
  auto other = spawn(std::move(first));
  co_await std::move(second);
  co_await other;
}

// -- by hand --

struct ByHand {
  explicit ByHand(const Pem& pem)
      : client(SSL_CTX_new(TLS_client_method())), server(SSL_CTX_new(TLS_server_method())) {
    BIO* const bio = BIO_new_mem_buf(pem.certificate.data(), -1);
    X509* const own = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO* const secret = BIO_new_mem_buf(pem.key.data(), -1);
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(secret, nullptr, nullptr, nullptr);
    require(SSL_CTX_use_certificate(server, own) == 1 && SSL_CTX_use_PrivateKey(server, key) == 1);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client), own);
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, nullptr);
    X509_free(own);
    EVP_PKEY_free(key);
    BIO_free(bio);
    BIO_free(secret);
  }
  SSL_CTX* client;
  SSL_CTX* server;
};

class Connected {
 public:
  explicit Connected(const ByHand& contexts)
      : client(SSL_new(contexts.client)), server(SSL_new(contexts.server)) {
    pair_of_sockets(fds_);
    for (const int fd : fds_) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    SSL_set_fd(client, fds_[0]);
    SSL_set_fd(server, fds_[1]);
    SSL_set1_host(client, "localhost");
    SSL_set_tlsext_host_name(client, "localhost");
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (bool one = false, other = false; !one || !other;) {
      if (!one) one = SSL_do_handshake(client) == 1;
      if (!other) other = SSL_do_handshake(server) == 1;
    }
  }
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;
  ~Connected() {
    SSL_free(client);
    SSL_free(server);
    for (const int fd : fds_) ::close(fd);
  }

  // `size` bytes from one end to the other: each does what it can, in turn.
  static void move(SSL* from, SSL* to, std::string& room) {
    std::size_t sent = 0, got = 0;
    while (got < room.size()) {
      std::size_t count = 0;
      while (sent < room.size() &&
             SSL_write_ex(from, room.data() + sent, room.size() - sent, &count) == 1) {
        sent += count;
      }
      wait_to_read(SSL_get_fd(to));
      while (got < room.size() &&
             SSL_read_ex(to, room.data() + got, room.size() - got, &count) == 1) {
        got += count;
      }
    }
  }

  SSL* client;
  SSL* server;

 private:
  static void wait_to_read(int fd) {
    pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
    require(::poll(&asked, 1, -1) == 1);
  }

  int fds_[2];
};

// What all rows use, for as long as the program runs.
struct World {
  World() {
    loop.run(connect(ends, client, server));
    SSL_set_mode(raw.client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_mode(raw.server, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  static tls::ClientContext trusting(const Pem& pem) {
    tls::ClientOptions options;
    options.ca_pem = pem.certificate;
    options.sessions = 0;  // whole handshakes
    return tls::ClientContext(options);
  }
  static tls::ServerContext showing(const Pem& pem) {
    tls::ServerOptions options;
    options.certificate_pem = pem.certificate;
    options.key_pem = pem.key;
    return tls::ServerContext(options);
  }

  Pem pem = make_certificate();
  tls::ClientContext client = trusting(pem);
  tls::ServerContext server = showing(pem);
  ByHand by_hand{pem};
  Loop loop;
  Secure ends;
  Connected raw{by_hand};
};

}  // namespace

void add_rows() {
  using namespace bench;
  static World world;
  static const auto handshakes = [](std::size_t count) -> Task<> {
    for (std::size_t i = 0; i < count; ++i) {
      Secure ends;
      co_await connect(ends, world.client, world.server);
    }
  };
  add({.name = "tls::handshake, both ends",
       .eddy = [](std::size_t count) { world.loop.run(handshakes(count)); },
       .twin_name = "OpenSSL by hand",
       .twin =
           [](std::size_t count) {
             for (std::size_t i = 0; i < count; ++i) Connected connected(world.by_hand);
           },
       .goal = times(1 / 0.95),
       .round_seconds = 2e-2});
  static const auto row = [](const char* name, std::size_t size) {
    add({.name = name,
         .eddy =
             [size](std::size_t count) {
               world.loop.run(both(echo(world.ends.server, count, size),
                                   ask(world.ends.client, count, size)));
             },
         .twin_name = "OpenSSL by hand",
         .twin =
             [size](std::size_t count) {
               std::string room(size, 'x');
               for (std::size_t i = 0; i < count; ++i) {
                 Connected::move(world.raw.client, world.raw.server, room);
                 Connected::move(world.raw.server, world.raw.client, room);
               }
             },
         .goal = times(1 / 0.95)});
  };
  row("a round trip of 64 bytes", 64);
  row("a round trip of 16 KiB", 16 * 1024);
  add({.name = "64 KiB written and read",
       .eddy =
           [](std::size_t count) {
             world.loop.run(both(send(world.ends.client, count, 65536),
                                 receive(world.ends.server, count, 65536)));
           },
       .twin_name = "OpenSSL by hand",
       .twin =
           [](std::size_t count) {
             std::string room(65536, 'x');
             for (std::size_t i = 0; i < count; ++i) {
               Connected::move(world.raw.client, world.raw.server, room);
             }
           },
       .goal = times(1 / 0.95)});
}
