#include "answer.hpp"

#include <ostream>  // Beast, of 1.81, forgets it

#include <boost/beast/http/status.hpp>

#include <charconv>
#include <ctime>
#include <utility>

namespace http {
namespace {

void append_number(std::string& into, std::uint64_t number) {
  char digits[20];
  into.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// Now, as HTTP writes it; made once a second.
std::string_view date() {
  static thread_local std::time_t made_at = -1;
  static thread_local char text[32];
  static thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", ::gmtime_r(&now, &parts));
    made_at = now;
  }
  return {text, size};
}

constexpr std::pair<std::string_view, std::string_view> types[] = {
    {"html", "text/html; charset=utf-8"}, {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},   {"js", "text/javascript; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"}, {"md", "text/markdown; charset=utf-8"},
    {"json", "application/json"},         {"xml", "application/xml"},
    {"svg", "image/svg+xml"},             {"png", "image/png"},
    {"jpg", "image/jpeg"},                {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},                 {"webp", "image/webp"},
    {"ico", "image/x-icon"},              {"woff2", "font/woff2"},
    {"wasm", "application/wasm"},         {"pdf", "application/pdf"},
    {"zip", "application/zip"},           {"gz", "application/gzip"},
    {"mp4", "video/mp4"},                 {"mp3", "audio/mpeg"},
};

}  // namespace

std::string_view reason(int status) {
  const auto text = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

void append_head(std::string& into, const Answer& answer, std::uint64_t length) {
  into += "HTTP/1.1 ";
  append_number(into, static_cast<std::uint64_t>(answer.status));
  (into += ' ') += reason(answer.status);
  (into += "\r\nServer: eddy\r\nDate: ") += date();
  (into += "\r\nContent-Type: ") += answer.type;
  into += "\r\nContent-Length: ";
  append_number(into, length);
  if (!answer.allow.empty()) (into += "\r\nAllow: ") += answer.allow;
  if (!answer.keep_alive) into += "\r\nConnection: close";
  if (answer.keep_alive && answer.version < 11) into += "\r\nConnection: keep-alive";
  into += "\r\n\r\n";
}

std::string_view content_type(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  if (dot == name.npos) return "application/octet-stream";
  for (const auto& [extension, type] : types) {
    if (name.substr(dot + 1) == extension) return type;
  }
  return "application/octet-stream";
}

}  // namespace http
