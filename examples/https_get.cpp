// What a page on the web says, and who says so: a client of HTTP over TLS, in one file.
//
// Run:    examples/run https_get https://HOST[:PORT][/PATH] [ROOTS]
//         examples/run https_get https://example.org
// Prints: what it came to with the server (to stderr), and the page. ROOTS is a PEM file of those
//         to trust in place of the system's. Fails, and says why, when the server is not who it
//         should be, and when the page is broken off.
#include <eddy/eddy.hpp>
#include <eddy/tls.hpp>

#include <charconv>
#include <iostream>
#include <stdexcept>

using namespace eddy;

struct Url {
  std::string host, path = "/";
  std::string authority;  // as it stands there: brackets and port included
  std::uint16_t port = 443;
};

static Url parse(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  if (!text.starts_with(scheme)) throw std::runtime_error("no https:// in front");
  text.remove_prefix(scheme.size());
  Url url;
  const auto slash = text.find('/');
  if (slash != text.npos) url.path = text.substr(slash);
  text = text.substr(0, slash);
  url.authority = text;
  const bool bracketed = text.starts_with('[') && text.find(']') != text.npos;
  const auto colon = text.find(':', bracketed ? text.find(']') : 0);
  if (colon != text.npos) {
    const auto digits = text.substr(colon + 1);
    const char* const end = digits.data() + digits.size();
    const auto [after, error] = std::from_chars(digits.data(), end, url.port);
    if (error != std::errc() || after != end) throw std::runtime_error("no such port");
    text = text.substr(0, colon);
  }
  url.host = bracketed ? text.substr(1, text.size() - 2) : text;
  if (url.host.empty()) throw std::runtime_error("no host");
  return url;
}

static void introduce(const tls::Stream& stream) {
  std::cerr << (stream.version() == tls::Version::tls13 ? "TLS 1.3, " : "TLS 1.2, ")
            << stream.cipher() << '\n';
  const auto who = stream.peer_certificate();
  if (who) std::cerr << who->subject << ", by " << who->issuer << '\n';
}

// The end of the connection is the end of the page: by TLS one knows whether it was cut off.
static Task<> get(Url url, tls::ClientContext context) {
  tls::Stream stream = co_await tls::connect(url.host, url.port, context);
  introduce(stream);
  const std::string request = "GET " + url.path + " HTTP/1.0\r\nHost: " + url.authority +
                              "\r\nUser-Agent: eddy\r\nConnection: close\r\n\r\n";
  co_await stream.write_all(request);
  for (;;) {
    const std::string line = co_await stream.readline();
    if (line == "\r\n" || line.empty()) break;
    std::cerr << "< " << line.substr(0, line.find_last_not_of("\r\n") + 1) << '\n';
  }
  while (co_await stream.fill() > 0) {
    std::cout << stream.buffered().text();
    stream.consume(stream.buffered().size());
  }
  std::cout << stream.buffered().text() << std::flush;
  co_await stream.close();
}

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: https_get https://HOST[:PORT][/PATH] [ROOTS]\n";
    return 2;
  }
  try {
    tls::ClientOptions options;
    options.alpn = "http/1.1";
    if (argc > 2) options.ca_file = argv[2];
    run(timeout(std::chrono::seconds(30), get(parse(argv[1]), tls::ClientContext(options))));
  } catch (const std::exception& error) {
    std::cerr << "https_get: " << error.what() << '\n';
    return 1;
  }
}
