// Against programs that know nothing of eddy: openssl s_server and s_client, curl, nginx.
#include "tls_ends.hpp"

#include "support/child.hpp"
#include "support/directory.hpp"
#include "support/nginx.hpp"

#include <thread>

namespace {

using namespace eddy;
using namespace test;

// With other programs time is real.
template <class F>
void run_for_real(F body) {
  const auto before = open_descriptors();
  {
    Loop loop;
    loop.on_exception([](const ExceptionReport& report) { ADD_FAILURE() << report.message; });
    loop.run(timeout(60s, body()));
    loop.close();
  }
  EXPECT_EQ(open_descriptors(), before);
}

// openssl s_server, which turns each line round.
class Reversing {
 public:
  explicit Reversing(std::vector<std::string> more = {}, const Identity* who = nullptr) {
    const Identity& shown = who ? *who : certificates().localhost;
    std::vector<std::string> words{"openssl", "s_server", "-accept", "127.0.0.1:0", "-rev",
                                   "-cert",   shown.chain, "-key",   shown.key,     "-cert_chain",
                                   shown.chain};
    words.insert(words.end(), more.begin(), more.end());
    said_ = directory_.path("said");
    child_ = Child(words, {}, {}, said_);
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (port == 0 && std::chrono::steady_clock::now() < limit) {
      const std::string text = said();
      const auto at = text.find("ACCEPT 127.0.0.1:");
      const auto end = text.find('\n', at);
      if (at != text.npos && end != text.npos) {
        port = static_cast<std::uint16_t>(std::stoi(text.substr(at + 17)));
      }
      std::this_thread::yield();
    }
    EXPECT_NE(port, 0) << said();
  }
  std::string said() const { return text_of(said_); }

  std::uint16_t port = 0;

 private:
  test::Directory directory_;
  std::string said_;
  Child child_;
};

Task<std::string> ask(tls::Stream& stream, std::string line) {
  co_await stream.write_all(line);
  std::string answer = co_await stream.readline();
  co_return answer;
}

TEST(TlsPrograms, OpensslServesUs) {
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const Reversing server({version, "-alpn", "reverse"});
    run_for_real([&]() -> Task<> {
      tls::ClientOptions options = trusting_options();
      options.alpn = "other,reverse";
      const tls::ClientContext client = trusting(options);
      for (int i = 0; i < 3; ++i) {
        tls::Stream stream = co_await tls::connect("localhost", server.port, client);
        const bool newest = stream.version() == tls::Version::tls13;
        EXPECT_EQ(newest, version == std::string_view("-tls1_3"));
        EXPECT_EQ(stream.alpn(), "reverse");
        EXPECT_EQ(stream.resumed(), i > 0) << version;
        EXPECT_EQ(co_await ask(stream, "stressed\n"), "desserts\n");
        const std::string line = pattern(15'000) + "\n";
        const std::string answer = co_await ask(stream, line);
        EXPECT_EQ(answer.size(), line.size());
        co_await stream.close();
      }
    });
  }
}

TEST(TlsPrograms, OpensslIsNotBelievedEither) {
  const auto& all = certificates();
  for (const Identity* who : {&all.expired, &all.self_signed, &all.another_host}) {
    const Reversing server({}, who);
    run_for_real([&]() -> Task<> {
      const auto none = co_await as_result(tls::connect("localhost", server.port, trusting()));
      EXPECT_TRUE(!none && none.error() == tls::Errc::verification) << who->chain;
    });
  }
}

TEST(TlsPrograms, OpensslSeesOurCertificate) {
  const auto& all = certificates();
  const Reversing server({"-Verify", "2", "-verify_return_error", "-CAfile", all.roots});
  run_for_real([&]() -> Task<> {
    tls::ClientOptions options = trusting_options();
    options.certificate_file = all.for_clients.chain;
    options.key_file = all.for_clients.key;
    tls::Stream stream = co_await tls::connect("localhost", server.port, trusting(options));
    EXPECT_EQ(co_await ask(stream, "abc\n"), "cba\n");
    co_await stream.close();
    tls::Stream without = co_await tls::connect("localhost", server.port, trusting());
    const auto refused = co_await as_result(ask(without, "abc\n"));
    EXPECT_TRUE(!refused && refused.error() == tls::Errc::refused);
  });
  EXPECT_TRUE(contains(server.said(), "CN = a client")) << server.said();
}

// Handles one connection after the other: a line, and the same again.
Task<> echo_line(tls::Stream stream) {
  const auto line = co_await as_result(stream.readline());
  if (line) co_await stream.write_all("heard: " + *line);
  co_await stream.close();
}

struct Talked {
  std::string out;
  int code = -1;
};
Task<Talked> talk(std::vector<std::string> words, std::string input) {
  const Process child = Process::exec(
      words, {.input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::to_output(),
              .kill_on_drop = true});
  const Communicated done = co_await child.communicate(input);
  Talked talked;
  talked.out = done.output;
  talked.code = done.status.success() ? 0 : 1;
  co_return talked;
}

TEST(TlsPrograms, OpensslIsServed) {
  run_for_real([]() -> Task<> {
    const auto& all = certificates();
    Listener listener = listen(Address::loopback(0));
    const tls::ServerContext context = showing(all.by_intermediate);
    auto serving = spawn(tls::serve(listener, context, &echo_line));
    const std::string where = "127.0.0.1:" + std::to_string(listener.local().port());
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      const std::vector<std::string> words{
          "openssl", "s_client", "-connect", where, version, "-CAfile", all.roots, "-quiet",
          "-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost"};
      const Talked talked = co_await talk(words, "hello\n");
      EXPECT_TRUE(contains(talked.out, "heard: hello\n")) << talked.out;
      EXPECT_EQ(talked.code, 0) << talked.out;
    }
    const std::vector<std::string> old{"openssl", "s_client", "-connect", where, "-tls1_1"};
    const Talked refused = co_await talk(old, "");
    EXPECT_NE(refused.code, 0) << "TLS 1.1 is not spoken";
    EXPECT_EQ(context.stats().accepted, 2u);
    serving.cancel();
    co_await wait_until_done(serving);
  });
}

// As s_client's key 'R' asks for it.
TEST(TlsPrograms, OpensslIsRefusedToRenegotiate) {
  run_for_real([]() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    const tls::ServerContext context = showing(certificates().localhost);
    auto serving = spawn(tls::serve(listener, context, &echo_line));
    const std::string where = "127.0.0.1:" + std::to_string(listener.local().port());
    const std::vector<std::string> words{"openssl", "s_client", "-connect", where, "-tls1_2",
                                         "-CAfile", certificates().roots};
    const Talked talked = co_await talk(words, "R\n");
    EXPECT_TRUE(contains(talked.out, "RENEGOTIATING")) << talked.out;
    EXPECT_TRUE(contains(talked.out, "no renegotiation")) << talked.out;
    EXPECT_EQ(context.stats().accepted, 1u);
    serving.cancel();
    co_await wait_until_done(serving);
  });
}

Task<> answer_http(tls::Stream stream) {
  for (;;) {
    const auto head = co_await as_result(stream.read_until("\r\n\r\n"));
    if (!head) break;
    const std::string body = pattern(100'000);
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    const std::vector<Bytes> pieces{answer, body};
    co_await stream.write_vectored(pieces);
  }
  co_await stream.close();
}

TEST(TlsPrograms, CurlIsServed) {
  run_for_real([]() -> Task<> {
    const auto& all = certificates();
    Listener listener = listen(Address::loopback(0));
    tls::ServerOptions options;
    options.alpn = "http/1.1";
    const tls::ServerContext context = showing(all.localhost, options);
    auto serving = spawn(tls::serve(listener, context, &answer_http));
    const std::string url = "https://127.0.0.1:" + std::to_string(listener.local().port()) + "/";
    const std::vector<std::string> words{
        "curl", "-sS", "--http2", "--cacert", all.roots, "-w", "%{http_version} %{size_download}",
        "-o", "/dev/null", "-o", "/dev/null", url, url};
    const Talked talked = co_await talk(words, "");
    EXPECT_EQ(talked.out, "1.1 1000001.1 100000");
    EXPECT_EQ(context.stats().accepted, 1u) << "one connection for both";
    const std::vector<std::string> distrusting{"curl", "-sS", url};
    const Talked refused = co_await talk(distrusting, "");
    EXPECT_NE(refused.code, 0);
    serving.cancel();
    co_await wait_until_done(serving);
    EXPECT_EQ(context.stats().refused, 1u);
    EXPECT_TRUE(contains(context.stats().last_refusal, "unknown CA"))
        << context.stats().last_refusal;
  });
}

TEST(TlsPrograms, NginxServesUs) {
  const std::uint16_t port = nginx().tls_port();
  run_for_real([&]() -> Task<> {
    tls::ClientOptions options = trusting_options();
    options.alpn = "h2,http/1.1";
    tls::Stream modern = co_await tls::connect("localhost", port, trusting(options));
    EXPECT_EQ(modern.alpn(), "h2");
    co_await modern.close();
    options.alpn = "http/1.1";
    tls::Stream stream = co_await tls::connect("localhost", port, trusting(options));
    EXPECT_EQ(stream.alpn(), "http/1.1");
    co_await stream.write_all("GET /file/zeros.txt HTTP/1.0\r\nHost: localhost\r\n\r\n");
    const std::string answer = co_await stream.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK")) << answer.substr(0, 100);
    EXPECT_TRUE(answer.ends_with(std::string(1 << 20, '0')));
    co_await stream.close();
  });
}

}  // namespace
