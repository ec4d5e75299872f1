// A real nginx, one for a program, in a folder of its own: what it answers, and its ports.
//
//   test::nginx().plain + "/hello"         http://127.0.0.1:PORT/hello
//
//   /hello             "hello\n"                        /status/CODE    404, 500, 503, 204
//   /file/NAME         from the folder, with ranges     /moved          301 to /hello
//   /dav/NAME          PUT and DELETE                   /found          302 to /seen
//   /gzip/NAME         the same, compressed             /other          303 to /seen
//   /seen              "METHOD|ARGS|X-Test|Type|Agent"  /again          307 to /seen
//   /accepts           "Accept-Encoding"                /circle         302 to itself
//   /connection        "SERIAL of CONNECTION, REQUESTS" /leaves         302 to another host
//   /protocol          "HTTP/1.1 TLSv1.3 SUBJECT"       /set_cookie     a=1 and b=2; the path /
//   /private           wants user:secret                /cookies        what it got
//   /bearer            wants the token "a-token"        /stub_status    nginx's own counters
//   /slow/NAME         100 bytes in a second            /json           {"name": "eddy", "ok":
//   true}
#pragma once

#include "support/certificates.hpp"
#include "support/child.hpp"
#include "support/directory.hpp"
#include "support/free_ports.hpp"

#include <string>

namespace test {

class Nginx {
  Directory directory_;
  FreePort plain_, h2c_, tls_, wrong_host_, expired_, self_signed_, mutual_;

 public:
  Nginx() {
    std::filesystem::permissions(directory_.path(""), std::filesystem::perms::all);
    std::filesystem::create_directory(directory_.path("root"));
    directory_.write("root/hello.txt", "hello\n");
    directory_.write("root/digits", "0123456789");
    directory_.write("root/zeros.txt", std::string(1 << 20, '0'));
    directory_.write("root/kilobyte", std::string(1024, 'k'));
    directory_.write("users", "user:{PLAIN}secret\n");
    directory_.write("conf", configuration());
    const auto words = {std::string("nginx"),     std::string("-p"),       directory_.path(""),
                        std::string("-c"),        directory_.path("conf"), std::string("-e"),
                        directory_.path("errors")};
    std::string sockets = "NGINX=";
    std::vector<int> keeps;
    for (const FreePort* port : ports()) {
      sockets += std::to_string(port->socket.get()) + ";";
      keeps.push_back(port->socket.get());
    }
    // Sockets that listen already, which it takes as those of an older nginx: a client that comes
    // before it is ready waits.
    process_ = Child(words, {sockets}, keeps, directory_.path("errors"));
    for (FreePort* port : ports()) port->socket.reset();
  }
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;
  ~Nginx() { process_.end(SIGTERM); }

  const std::string plain = "http://127.0.0.1:" + std::to_string(plain_.number);
  const std::string h2c = "http://127.0.0.1:" + std::to_string(h2c_.number);
  // By a certificate of the authority for localhost; with HTTP/2 by ALPN.
  const std::string tls = "https://localhost:" + std::to_string(tls_.number);
  const std::string wrong_host = "https://localhost:" + std::to_string(wrong_host_.number);
  const std::string expired = "https://localhost:" + std::to_string(expired_.number);
  const std::string self_signed = "https://localhost:" + std::to_string(self_signed_.number);
  // Wants a certificate of the client.
  const std::string mutual = "https://localhost:" + std::to_string(mutual_.number);

  std::uint16_t plain_port() const { return plain_.number; }
  std::uint16_t tls_port() const { return tls_.number; }
  // Where /file/ is from, and where /dav/ goes to.
  std::string path(const std::string& name) const { return directory_.path("root/" + name); }
  std::string read(const std::string& name) const { return directory_.read("root/" + name); }
  void write(const std::string& name, const std::string& text) const {
    directory_.write("root/" + name, text);
  }
  // 100 MB in lines of 100 bytes, as /file/lines; made when it is first asked for.
  const std::string& lines() const {
    static const std::string name = [this] {
      std::string million;
      while (million.size() < 1'000'000) million += std::string(99, 'l') + "\n";
      std::ofstream file(path("lines"), std::ios::binary);
      for (int i = 0; i < 100; ++i) file << million;
      return plain + "/file/lines";
    }();
    return name;
  }
  // What went wrong, for a failing test.
  std::string errors() const { return directory_.read("errors"); }
  // Stops in the middle of everything, and goes on.
  void freeze() const { process_.signal(SIGSTOP); }
  void thaw() const { process_.signal(SIGCONT); }
  // It ends as if it had crashed.
  void kill() { process_.end(); }

 private:
  std::vector<FreePort*> ports() {
    return {&plain_, &h2c_, &tls_, &wrong_host_, &expired_, &self_signed_, &mutual_};
  }

  static std::string server(const FreePort& port, const std::string& how,
                            const Identity* identity = nullptr, const std::string& more = "") {
    std::string text = "server { listen 127.0.0.1:" + std::to_string(port.number) + how + ";\n";
    if (identity) {
      text += "ssl_certificate " + identity->chain + ";\n";
      text += "ssl_certificate_key " + identity->key + ";\n";
    }
    return text + more + "include locations; }\n";
  }

  std::string configuration() const {
    directory_.write("locations", locations);
    // As whoever runs the tests; one who is not root cannot say so.
    std::string text = ::geteuid() == 0 ? "user root;" : "";
    text += R"(
daemon off;
worker_processes 1;
pid nginx.pid;
error_log errors warn;
worker_rlimit_nofile 4096;
events { worker_connections 2048; }
http {
  access_log off;
  default_type text/plain;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  gzip_min_length 1;
  gzip_types text/plain;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tests:1m;
)";
    const Certificates& all = certificates();
    text += server(plain_, "") + server(h2c_, " http2");
    text += server(tls_, " ssl http2", &all.localhost);
    text += server(wrong_host_, " ssl", &all.another_host);
    text += server(expired_, " ssl", &all.expired);
    text += server(self_signed_, " ssl", &all.self_signed);
    text += server(mutual_, " ssl", &all.localhost,
                   "ssl_verify_client on;\nssl_client_certificate " + all.roots + ";\n");
    return text + "}\n";
  }

  static constexpr const char* locations = R"(
location = /hello { return 200 "hello\n"; }
location = /empty { return 200 ""; }
location = /seen {
  return 200 "$request_method|$args|$http_x_test|$content_type|$http_user_agent";
}
location = /accepts { return 200 "$http_accept_encoding"; }
location = /connection { return 200 "$connection,$connection_requests"; }
location = /protocol { return 200 "$server_protocol $ssl_protocol $ssl_client_s_dn"; }
location = /authorization { return 200 "$http_authorization"; }
location = /set_cookie {
  add_header Set-Cookie "a=1; Path=/";
  add_header Set-Cookie "b=2; Path=/";
  return 200 "set";
}
location = /cookies { return 200 "$http_cookie"; }
location = /json { default_type application/json; return 200 '{"name": "eddy", "ok": true}'; }
location = /private { auth_basic here; auth_basic_user_file users; alias root/hello.txt; }
location = /bearer {
  if ($http_authorization != "Bearer a-token") { return 401 "no"; }
  return 200 "yes";
}
location = /status/204 { return 204; }
location = /status/304 { return 304; }
location = /status/400 { return 400 "four hundred"; }
location = /status/404 { return 404 "not here"; }
location = /status/500 { return 500 "broken"; }
location = /status/503 { return 503 "later"; }
location = /moved { return 301 /hello; }
location = /found { return 302 /seen; }
location = /other { return 303 /seen; }
location = /again { return 307 /seen; }
location = /circle { return 302 /circle; }
location = /leaves { return 302 http://localhost:$server_port/authorization; }
location = /stub_status { stub_status; }
location /file/ { alias root/; }
location /gzip/ { alias root/; gzip on; }
location /slow/ { alias root/; limit_rate 100; }
location /dav/ { alias root/; dav_methods PUT DELETE; create_full_put_path on; }
)";

  Child process_;
};

inline Nginx& nginx() {
  static Nginx server;
  return server;
}

}  // namespace test
